"""Every model by name. A new family is one file beside `cnn.py` and one import here."""

from pneumo.models import autoencoder as _autoencoder  # noqa: F401
from pneumo.models import characters as _characters  # noqa: F401
from pneumo.models import cnn as _cnn  # noqa: F401  importing a family registers its models
from pneumo.models import gan as _gan  # noqa: F401
from pneumo.models import transfer as _transfer  # noqa: F401
from pneumo.models.ensemble import Ensemble, Member, member_input
from pneumo.models.registry import (
    Entry,
    build,
    cam_layer,
    check,
    count_parameters,
    entry,
    names,
    native_bf16,
    planned_parameters,
    positive_logit,
    register,
)
from pneumo.models.transfer import imagenet_state, load_backbone

__all__ = [
    "Ensemble",
    "Entry",
    "Member",
    "build",
    "cam_layer",
    "check",
    "count_parameters",
    "entry",
    "imagenet_state",
    "load_backbone",
    "member_input",
    "names",
    "native_bf16",
    "planned_parameters",
    "positive_logit",
    "register",
]
