"""What pages share: cached access to runs, session state, the threshold control, errors, and the wording of numbers."""

from pages.shared.cases import case_cache, real_cases
from pages.shared.errors import guarded
from pages.shared.runs import (
    by_name,
    classifiers,
    generated_examples,
    knows_phantoms,
    load_card,
    load_history,
    load_input_check,
    load_predictions,
    load_robustness,
    load_run,
    load_validation,
    phantom_examples,
    pick_card,
    pick_loaded,
    pick_run,
    stop_without,
    the_input_check,
    title,
)
from pages.shared.state import KEPT, OVERRIDDEN, SharedCache, keep, keep_all, kept_for_run, overridden
from pages.shared.threshold import choose_threshold
from pages.shared.unusable import default_name, tell_unusable, those_that_work
from pages.shared.wording import DISCLAIMER, SYMBOLS, class_count, label_html, plain
from pneumo.formatting import probability

__all__ = [
    "DISCLAIMER",
    "KEPT",
    "OVERRIDDEN",
    "SYMBOLS",
    "SharedCache",
    "by_name",
    "case_cache",
    "choose_threshold",
    "class_count",
    "classifiers",
    "default_name",
    "generated_examples",
    "guarded",
    "keep",
    "keep_all",
    "kept_for_run",
    "knows_phantoms",
    "label_html",
    "load_card",
    "load_history",
    "load_input_check",
    "load_predictions",
    "load_robustness",
    "load_run",
    "load_validation",
    "overridden",
    "phantom_examples",
    "pick_card",
    "pick_loaded",
    "pick_run",
    "plain",
    "probability",
    "real_cases",
    "stop_without",
    "tell_unusable",
    "the_input_check",
    "those_that_work",
    "title",
]
