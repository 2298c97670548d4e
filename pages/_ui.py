"""What pages share: cached access to runs, colours, the disclaimer, and text that is safe to show."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pneumo import diagnosis, gate, robustness, runs
from pneumo.figures import COLOURS
from pneumo.gate import Gate
from pneumo.robustness import Robustness
from pneumo.runs import Predictions, Run
from pneumo.schema import CLASS_NAMES, PneumoError, RunCard
from pneumo.schema import chance as chance  # for pages to have at hand

# Streamlit takes a folder named pages for its old kind of app until st.navigation has run once in the process: a first
# visitor who comes by a link to a page would get that page alone, without the frame. So the old kind is switched off and
# the visit starts again, through app.py.
if PagesManager.uses_pages_directory:
    PagesManager.uses_pages_directory = False
    st.rerun()

# Streamlit collects garbage after every run of a script, and no answer leaves the server meanwhile: a quarter of a second
# for the half million objects of torch and its like. They stay for good, so they are not looked at again.
gc.freeze()

OVERRIDDEN = "gate.overridden"
T = TypeVar("T")
KEPT = "kept"  # session_state: the values of this visitor's widgets, by key, for as long as the session lasts
SYMBOLS = {"NORMAL": "●", "PNEUMONIA": "▲"}  # a shape beside the colour, for those who see no difference
DISCLAIMER = "For teaching and demonstration. **Not a medical device:** no diagnosis or treatment may rest on it."


def keep(key: str, default: Any = None, among: Collection[Any] | None = None) -> Any:
    """Holds a widget's value while the visitor is on another page. Returns the value.

    Streamlit drops the keys of widgets that are not drawn. The widget takes its value from session_state, so it gets none of
    its own. Call it only where the widget is drawn in the same run: a key set without its widget stays, and would hide what
    the visitor chose later. among: the options there are now; the default replaces a value that is no longer one of them.
    """
    kept = st.session_state.setdefault(KEPT, {})
    value = st.session_state[key] if key in st.session_state else kept.get(key, default)
    if among is not None and value not in among:
        value = default
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    kept[key] = value
    return value


def keep_all(defaults: dict[str, Any]) -> None:
    """`keep` for several widgets, by key."""
    for key, default in defaults.items():
        keep(key, default)


@dataclass
class Shelf:
    """Where something that takes long stands for all visitors; the lock lets one of them make it while the others wait.

    A cached function of Streamlit could not show progress. Keep the shelf itself in such a function.
    """

    lock: Lock = field(default_factory=Lock)
    found: Any = None


def kept_for_run(show_spinner: str | bool = False) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Keeps what a function makes of a run's folder, for all sessions; the kept function takes the run's name.

    By folder, not by name: two weights folders may each have a run of that name.
    """

    def keep_it(function: Callable[[str], T]) -> Callable[[str], T]:
        cached = st.cache_resource(show_spinner=show_spinner)(function)

        @wraps(function)
        def by_name(name: str) -> T:
            return cached(str(runs.resolve(name)))

        return by_name

    return keep_it


@kept_for_run(show_spinner="Loading the model ...")
def load_run(folder: str) -> Run:
    """A run shared by all sessions; its lock keeps them apart."""
    return runs.load(folder)


@st.cache_resource(show_spinner="Loading the gate ...")
def load_gate(folder: str) -> Gate | None:
    """The gate before a diagnosis, shared by all sessions; None where the weights folder has none."""
    return gate.load(Path(folder))


def the_gate() -> Gate | None:
    """The gate of the weights folder; where it cannot be used the page says so and goes on without."""
    try:
        return load_gate(str(gate.folder()))
    except PneumoError as error:
        st.warning(
            f"Whether a picture is a chest radiograph is not asked: {plain(str(error))}", icon=":material/door_open:"
        )
        return None


def overridden() -> set[str]:
    """Digests of the files that this visitor wants an answer for although the gate refused them."""
    return st.session_state.setdefault(OVERRIDDEN, set())


@kept_for_run()
def load_validation(folder: str) -> Predictions:
    """What the run said of its own validation patients."""
    return diagnosis.validation_predictions(load_run(folder))


@kept_for_run()
def load_predictions(folder: str) -> Predictions:
    """What the run said of its validation and its internal test patients."""
    return runs.read_predictions(Path(folder))


@kept_for_run()
def load_card(folder: str) -> RunCard:
    """A run's card; the model itself stays on the disk."""
    return runs.read_card(Path(folder))


@kept_for_run()
def load_history(folder: str) -> list[dict[str, float]]:
    """A run's figures epoch by epoch."""
    return runs.read_history(Path(folder))


def load_robustness(name: str) -> Robustness | None:
    """What a run loses under stress, where that was measured; a small file that may come while the app is open."""
    return robustness.read(runs.resolve(name))


@st.cache_resource(show_spinner="Drawing the example phantoms ...")
def phantom_examples() -> list[diagnosis.Example]:
    """The built-in examples, the same for everyone."""
    return diagnosis.phantom_examples()


def generated_examples() -> list[diagnosis.Example]:
    """Samples of the finest GAN, the same for everyone; none where there is none that can be used."""
    return _generated_examples(str(runs.weights_folder()))


@st.cache_resource(show_spinner="Drawing synthetic radiographs ...")
def _generated_examples(folder: str) -> list[diagnosis.Example]:
    """folder: the cache's key."""
    try:
        return diagnosis.generated_examples()
    except PneumoError:
        return []


def knows_phantoms(name: str) -> bool:
    """Whether a run was trained on phantoms."""
    return load_card(name).data.source.startswith("phantom")


def _is_classifier(name: str) -> bool:
    return load_card(name).task == "classification"


def classifiers() -> list[str]:
    """Names of the classification runs, the default one first; stops the page where there is none."""
    try:
        default = runs.default_name()
        names = sorted(filter(_is_classifier, runs.available()), key=lambda name: (name != default, name))
        if not names:
            raise PneumoError(f"no classification run in {runs.weights_folder()}; train one, or restore the folder")
        return names
    except PneumoError as error:
        st.error(f"No model can be used: {error}")
        st.stop()


def pick_run(key: str, *, for_phantoms: bool = False) -> Run:
    """A selector over the runs in weights/; stops the page where there is none to use.

    The default run comes first; for phantoms, a run that was trained on them, where there is one.
    """
    try:
        names, default = runs.available("classification"), runs.default_name()
        names.sort(key=lambda name: (for_phantoms and not knows_phantoms(name), name != default, name))
        if names:
            keep(key, names[0], names)
        name = st.selectbox(
            "Model", names, key=key, help="Trained runs in the weights folder; the first is the default."
        )
        return load_run(name)
    except PneumoError as error:
        st.error(f"No model can be used: {error}")
        st.stop()


def pick_card(key: str) -> RunCard:
    """A selector over the cards of all runs, whatever their task, the default one first; stops the page where there is none."""
    try:
        names, default = runs.available(), runs.default_name()
        names.sort(key=lambda name: (name != default, name))
        if names:
            keep(key, names[0], names)
        return load_card(st.selectbox("Model", names, key=key, help="Trained runs in the weights folder."))
    except PneumoError as error:
        st.error(f"No model can be used: {error}")
        st.stop()


def default_run() -> Run:
    """The default run; stops the page where it cannot be used."""
    try:
        return load_run(runs.default_name())
    except PneumoError as error:
        st.error(f"No model can be used: {error}")
        st.stop()


def plain(text: str) -> str:
    """Text from outside with its Markdown and HTML made harmless."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:^-])", r"\\\1", text)


def label_html(label: str, note: str = "") -> str:
    """A class name in its colour, with its shape. Only names of this module's table are accepted."""
    return (
        f'<span style="color:{COLOURS[label]};font-size:2rem;font-weight:700;line-height:1.2">'
        f"{SYMBOLS[label]} {label}</span> {note}"
    )


def class_count(counts: dict[str, int]) -> str:
    """ "1,000 NORMAL and 2,900 PNEUMONIA"."""
    return " and ".join(f"{counts[name]:,} {name}" for name in CLASS_NAMES)


def percent(value: float | None, digits: int = 1) -> str:
    """ "93.4%", or a dash where the figure is not defined."""
    return "–" if value is None else f"{value:.{digits}%}"
