"""Cached access to the runs in weights/, and the selectors over them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import streamlit as st

from pages.shared.state import keep, kept_for_run
from pages.shared.unusable import default_name, tell_unusable
from pages.shared.wording import plain
from pneumo import runs
from pneumo.formatting import counted
from pneumo.inference import evaluation, examples, input_check, input_check_report, robustness
from pneumo.inference.input_check import InputCheck
from pneumo.inference.robustness import Robustness
from pneumo.runs import Run, evaluations, names
from pneumo.runs.evaluations import Found
from pneumo.schema import PneumoError, Predictions, RunCard


@kept_for_run(show_spinner="Loading the model ...")
def load_run(folder: str) -> Run:
    """A run shared by all sessions; its lock keeps them apart."""
    return runs.load(folder)


@st.cache_resource(show_spinner="Loading the input check ...")
def load_input_check(folder: str) -> InputCheck | None:
    """The input check, shared by all sessions; None where the weights folder has none."""
    return input_check.load(Path(folder))


def the_input_check(*, quiet: bool = False) -> InputCheck | None:
    """The input check of the weights folder; where it cannot be used the page says so and goes on without.

    quiet: where the page has said it already.
    """
    try:
        return load_input_check(str(input_check_report.folder()))
    except PneumoError as error:
        if not quiet:
            st.warning(f"The check for chest X-rays is unavailable: {plain(str(error))}", icon=":material/door_open:")
        return None


@kept_for_run()
def load_validation(folder: str) -> Predictions:
    """What the run said of its own validation patients."""
    return evaluation.validation_predictions(load_run(folder))


@kept_for_run()
def load_predictions(folder: str) -> Predictions:
    """What the run said of its validation and its internal test patients."""
    return runs.read_predictions(Path(folder))


@kept_for_run()
def load_card(folder: str) -> RunCard:
    """A run's card; the model itself stays on the disk."""
    return runs.read_card(Path(folder))


@kept_for_run()
def load_sets(folder: str) -> Found:
    """What the run says of sets it was not trained on, without the predictions."""
    return evaluations.look(Path(folder))


def card_with_sets(name: str) -> RunCard:
    """A run's card with the metrics of those sets among its own."""
    return evaluations.with_sets(load_card(name), load_sets(name).current)


def load_set(name: str, which: str) -> Predictions:
    """What the run said of each image of a set: one of its own splits, or one that lies beside it."""
    return _load_set(str(runs.resolve(name)), which)


@st.cache_resource(show_spinner=False)
def _load_set(folder: str, which: str) -> Predictions:
    if which in evaluations.OF_THE_RUN:
        return runs.read_predictions(Path(folder)).split(which)
    return evaluations.predictions(Path(folder), which)


def tell_sets(names: Iterable[str]) -> None:
    """Names the sets of these runs that are out of date or cannot be read."""
    told = []
    for name in names:
        found = load_sets(name)
        told += [
            f"- {plain(name)}, {plain(each)}: measured with other weights; measure it again" for each in found.stale
        ]
        told += [f"- {plain(name)}, {plain(each)}: {plain(reason)}" for each, reason in found.broken.items()]
    if told:
        with st.expander(f"{counted(len(told), 'set')} left out", icon=":material/heart_broken:"):
            st.markdown("\n".join(told))


@kept_for_run()
def load_history(folder: str) -> list[dict[str, float]]:
    """A run's metrics epoch by epoch."""
    return runs.read_history(Path(folder))


def load_robustness(name: str) -> Robustness | None:
    """What a run loses under corruptions, where that was measured; a small file that may come while the app is open."""
    return robustness.read(runs.resolve(name))


@st.cache_resource(show_spinner="Drawing the example phantoms ...")
def phantom_examples() -> list[examples.Example]:
    """The built-in examples, the same for everyone."""
    return examples.phantom_examples()


def generated_examples() -> list[examples.Example]:
    """Samples of the finest GAN, the same for everyone; none where there is none that can be used."""
    return _generated_examples(str(runs.weights_folder()))


@st.cache_resource(show_spinner="Drawing synthetic radiographs ...")
def _generated_examples(folder: str) -> list[examples.Example]:
    """folder: the cache's key."""
    try:
        return examples.generated_examples()
    except PneumoError:
        return []


def titled_examples(*, phantoms_first: bool = False) -> dict[str, examples.Example]:
    """ "Generated radiograph 1", "Phantom 1" ... -> image. Which class one shows is not told."""
    generated = {f"Generated radiograph {n}": each for n, each in enumerate(generated_examples(), 1)}
    phantoms = {f"Phantom {n}": each for n, each in enumerate(phantom_examples(), 1)}
    return phantoms | generated if phantoms_first else generated | phantoms


def knows_phantoms(name: str) -> bool:
    """Whether a run was trained on phantoms."""
    return load_card(name).data.source.startswith("phantom")


def title(name: str) -> str:
    """A run's name for people, for selectors and headings: "ResNet-18, fine-tuned (default)".

    Its own name where its card cannot be read, so that the other runs stay within reach.
    """
    try:
        return names.name_of(load_card(name)) + (" (default)" if name == default_name() else "")
    except PneumoError:
        return name


def classifiers(*, to_load: bool = False) -> list[str]:
    """Names of the classification runs, the default one first; stops the page where there is none.

    to_load: only those whose weights are there, as far as that can be seen without loading them. What cannot be used is named
    by the page: `tell_unusable`.
    """
    known = by_name(runs.available("classification"))
    if to_load:
        bad = runs.unusable()
        known = [name for name in known if name not in bad]
    if not known:
        stop_without("classification run")
    return known


def by_name(known: list[str]) -> list[str]:
    """The default run first, the others in alphabetical order."""
    first = default_name() if known else ""
    return sorted(known, key=lambda name: (name != first, name))


def stop_without(what: str) -> NoReturn:
    """Says that there is no run of a kind that can be used, and why those that are there cannot; stops the page."""
    st.error(
        f"No model can be used: there is no {what} in the weights folder. Train one, or restore the folder.",
        icon=":material/error:",
    )
    tell_unusable()
    st.stop()


def pick_run(key: str, *, for_phantoms: bool = False) -> Run:
    """A selector over the classification runs in weights/; stops the page where there is none to use.

    The default run comes first; for phantoms, a run that was trained on them, where there is one.
    """
    known = classifiers(to_load=True)
    if for_phantoms:
        known.sort(key=lambda name: not knows_phantoms(name))
    return pick_loaded(key, known)


def pick_loaded(key: str, known: list[str], **options: Any) -> Run:
    """A selector over runs, without those that turn out to be damaged when they are loaded; these are named below it."""
    known, damaged, run = list(known), {}, None
    while known and run is None:
        name = keep(key, known[0], known)
        try:
            run = load_run(name)
        except PneumoError as error:
            known.remove(name)
            damaged[name] = str(error)
    if run is not None:
        st.selectbox("Model", known, key=key, format_func=title, **options)
    tell_unusable(damaged)
    if run is None:
        st.error("No model can be used: none of them could be loaded.", icon=":material/error:")
        st.stop()
    return run


def pick_card(key: str) -> RunCard:
    """A selector over the cards of all runs, whatever their task, the default one first; stops the page where there is none."""
    known = by_name(runs.available())
    if not known:
        stop_without("run")
    keep(key, known[0], known)
    name = st.selectbox("Model", known, key=key, format_func=title)
    tell_unusable()
    return load_card(name)
