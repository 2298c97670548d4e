"""Every model by name. A new family is one file beside `cnn.py` and one import here."""

from pneumo.models import cnn as _cnn  # noqa: F401  importing a family registers its models
from pneumo.models.registry import (
    Entry,
    build,
    cam_layer,
    count_parameters,
    entry,
    names,
    positive_logit,
    register,
)

__all__ = ["Entry", "build", "cam_layer", "count_parameters", "entry", "names", "positive_logit", "register"]
