"""Shortcut lab: one change to many images, what was measured of every run, and the numbers of the lesson's text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import streamlit as st

from pages import shared
from pages.classroom import address, answers
from pneumo import runs
from pneumo.formatting import rate, score, with_interval
from pneumo.inference import examples
from pneumo.inference.robustness import CorruptionRow, Robustness
from pneumo.lessons import shortcuts
from pneumo.lessons.shortcuts import KINDS, PLACES, Change, Film, Flips
from pneumo.plots import shortcuts as charts
from pneumo.runs import Run, names
from pneumo.schema import PneumoError

PHANTOMS, GENERATED = "phantoms", "generated"
SEVERITY = 2  # of the prediction's three corruptions
ASKED = {"frame": "border", "crop": "crop", "inverted": "inverted"}  # name in the text -> corruption
POOR = 0.9  # an AUROC below it, in the text
NOT_MEASURED = "(not measured)"
METRICS = {
    "specificity": "False alarms (specificity)",
    "sensitivity": "Missed cases (sensitivity)",
    "auroc_lost": "Ranking (AUROC lost)",
}
NO_BAR = {"displayModeBar": False}
MOST_RUNS = 3


# --- the numbers of the text ----------------------------------------------------------------------------------


def facts() -> dict[str, str]:
    """What fills the braces of the lesson's text, read from the robustness of the default run and of the others."""
    texts = dict.fromkeys(
        ("normals", "clean", *ASKED, "crop_auroc", "inverted_low", "inverted_high", "measured", "fallen"), NOT_MEASURED
    ) | {
        "model": "the default model",
        "run": "none",
        "reader_parameters": NOT_MEASURED,
        "reader_minutes": NOT_MEASURED,
    }
    texts |= {"side": str(shortcuts.SIDE), "films": str(shortcuts.FILMS)}
    measured = _all_measured()
    name = shared.default_name() if measured else ""
    if name in measured:
        rows = {(row.corruption, row.severity): row for row in measured[name].rows}
        texts |= {"model": shared.title(name), "run": name, "normals": str(healthy(measured[name]))}
        texts["clean"] = score(rows["clean", 0].specificity)
        texts |= {word: score(_row(rows, corruption).specificity) for word, corruption in ASKED.items()}
        texts["crop_auroc"] = score(_row(rows, "crop").auroc)
    areas = [row.auroc for each in measured.values() for row in each.rows if row.corruption == "inverted"]
    if areas:
        texts |= {"inverted_low": score(min(areas)), "inverted_high": score(max(areas))}
        texts |= {"measured": str(len(areas)), "fallen": str(sum(area < POOR for area in areas))}
    if shortcuts.READER in runs.available("classification"):
        card = shared.load_card(shortcuts.READER)
        texts |= {"reader_parameters": f"{card.weights.parameters:,}", "reader_minutes": f"{card.minutes:.1f}"}
    return texts


def _row(rows: dict[tuple[str, int], CorruptionRow], corruption: str) -> CorruptionRow:
    """At severity 2; what has no severities has one."""
    return rows.get((corruption, SEVERITY)) or rows[corruption, 1]


def healthy(measured: Robustness) -> int:
    """How many images without pneumonia were measured: the fewest that all these rates can be shares of."""
    rates = np.array([row.specificity for row in measured.rows])
    return next(n for n in range(1, measured.n + 1) if np.allclose(rates * n, np.round(rates * n), atol=1e-6))


def _all_measured() -> dict[str, Robustness]:
    """By run; what cannot be read is left out here, and named where it is shown."""
    found = {}
    try:
        known = shared.by_name(runs.available("classification"))
    except PneumoError:
        return {}
    for name in known:
        try:
            measured = shared.load_robustness(name)
        except PneumoError:
            continue
        if measured:
            found[name] = measured
    return found


# --- many images ------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner="Drawing the phantoms ...")
def phantom_films() -> tuple[Film, ...]:
    return shortcuts.films()


@st.cache_resource(show_spinner="Drawing synthetic radiographs ...")
def _generated_films(gan: str) -> tuple[Film, ...]:
    return shortcuts.generated_films(shared.load_run(gan))


def films_of(which: str) -> tuple[Film, ...]:
    return phantom_films() if which == PHANTOMS else _generated_films(examples.finest_gan())


@st.cache_resource(show_spinner=False, max_entries=64)
def _probabilities(
    name: str, weights: str, which: str, change: Change | None, on_lesion: bool, other: int
) -> np.ndarray:
    """(N,) of a set of built-in images, which are the same for everyone. weights: the cache's key, as the folder may change."""
    found = films_of(which)
    images = [film.pixels for film in found]
    if change:
        images = shortcuts.changed_films(found, change, found[other].pixels, on_lesion=on_lesion)
    return shortcuts.probabilities(shared.load_run(name), images)


def flips_of(
    run: Run, which: str, change: Change, *, on_lesion: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Flips]:
    """Labels, probabilities before and after, and what changed."""
    labels = np.array([film.label for film in films_of(which)])
    place = str(run.folder), run.card.weights.sha256, which
    other = int(np.flatnonzero(labels == 0)[0])  # whose exposure is taken over
    before = _probabilities(*place, None, False, 0)
    after = _probabilities(*place, change, on_lesion, other)
    return labels, before, after, shortcuts.count_flips(labels, before, after, run.card.point().threshold)


@st.fragment
@shared.guarded
def show_rates() -> None:
    sets = {PHANTOMS: f"{shortcuts.FILMS} phantoms"}
    if examples.finest_gan():
        sets[GENERATED] = f"{shortcuts.FILMS} generated radiographs"
    known = [name for name in shared.classifiers(to_load=True) if name != shortcuts.READER]
    shared.keep("shortcuts.set", PHANTOMS, sets)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control("Images", sets, format_func=sets.get, key="shortcuts.set", required=True)
        change, on_lesion = _choose_change(which)
    first = next((name for name in known if shared.knows_phantoms(name)), known[0]) if which == PHANTOMS else known[0]
    key = f"shortcuts.runs.{which}"
    chosen = [name for name in shared.keep(key, [first]) if name in known]
    if st.session_state[key] != chosen:
        st.session_state[key] = chosen
    chosen = st.multiselect("Models", known, key=key, format_func=shared.title, max_selections=MOST_RUNS)
    if not chosen:
        st.info("Choose a model.")
        return
    for column, name in zip(st.columns(len(chosen), gap="medium"), chosen, strict=True):
        with column:
            _show_flips(shared.load_run(name), which, change, on_lesion)


def _choose_change(which: str) -> tuple[Change, bool]:
    said = checked(address.settings("rates"))
    kind = shared.keep("shortcuts.kind", said.get("kind", "letter"), KINDS)
    shown = {"format_func": lambda each: KINDS[each].title, "width": 230, "on_change": _remember}
    st.selectbox("Change", KINDS, key="shortcuts.kind", **shown)
    meant, strength = KINDS[kind], KINDS[kind].start
    on_lesion = False
    if kind == "patch" and which == PHANTOMS:
        on_lesion = shared.keep("shortcuts.on_lesion", True)
        st.toggle("On the lesion", key="shortcuts.on_lesion")
    if meant.lowest is not None and not on_lesion:  # there it is as large as the lesion takes
        key = f"shortcuts.strength.{kind}"
        strength = shared.keep(key, said["strength"] if said.get("kind") == kind else meant.start)
        st.slider(meant.strength, float(meant.lowest), 1.0, step=0.05, key=key, width=230, on_change=_remember)
    placed = address.settings("lab")  # where this visitor dragged it
    place = PLACES.get(kind, (0.5, 0.5))
    if placed.get("kind") == kind and all(isinstance(placed.get(each), float) for each in ("row", "column")):
        place = tuple(min(max(placed[each], 0.0), 1.0) for each in ("row", "column"))
    return Change(kind, strength, *place), on_lesion


def _remember() -> None:
    """The change, into the address."""
    kind = st.session_state["shortcuts.kind"]
    strength = st.session_state.get(f"shortcuts.strength.{kind}", KINDS[kind].start)
    st.query_params["rates"] = json.dumps({"kind": kind, "strength": strength}, separators=(",", ":"))


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """Kind and strength of a change as an address gives them; nothing where they are not what they should be."""
    kind, strength = said.get("kind"), said.get("strength")
    if not isinstance(kind, str) or kind not in KINDS:
        return {}
    low, start = KINDS[kind].lowest or 0, KINDS[kind].start
    good = isinstance(strength, int | float) and not isinstance(strength, bool) and low <= strength <= 1
    return {"kind": kind, "strength": float(strength) if good else start}


def _show_flips(run: Run, which: str, change: Change, on_lesion: bool) -> None:
    with st.spinner("Asking the model ..."):
        labels, before, after, flips = flips_of(run, which, change, on_lesion=on_lesion)
    name = shared.title(run.card.name)
    st.markdown(
        f"**{shared.plain(name)}:** the label flips in **{flips.flips} of {flips.n}** images: "
        f"{with_interval(flips.flips / flips.n, flips.ci95, rate)}."
    )
    st.markdown(said_of(flips))
    st.plotly_chart(
        charts.shifts(labels, before, after, run.card.point().threshold),
        key=f"shortcuts.shifts.{run.card.name}",
        config=NO_BAR,
        alt=f"Probability before and after, {flips.n} images. {said_of(flips)}",
    )


def said_of(flips: Flips) -> str:
    return (
        f"False alarms: {flips.false_alarms[0]} before, **{flips.false_alarms[1]}** after, of {flips.healthy} without "
        f"pneumonia. Missed: {flips.missed[0]} before, **{flips.missed[1]}** after, of {flips.sick} with pneumonia."
    )


# --- what was measured ---------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_recorded() -> None:
    measured = _all_measured()
    if not measured:
        st.info("Not measured for these models. To measure it: `python -m pneumo robustness RUN --data FOLDER`.")
        return
    if not answers.committed("shortcuts"):
        st.info("These charts answer the question above. Predict first, or choose *Show me anyway* there.")
        return
    shared.keep("shortcuts.metric", "specificity", METRICS)
    shared.keep("shortcuts.severity", SEVERITY, (1, 2, 3))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = st.segmented_control("Show", METRICS, format_func=METRICS.get, key="shortcuts.metric", required=True)
        severity = st.segmented_control("Severity", (1, 2, 3), key="shortcuts.severity", required=True)
    titled = {names.short_name(shared.load_card(name)): each.rows for name, each in measured.items()}
    st.plotly_chart(
        charts.side_by_side(titled, metric, severity),
        key="shortcuts.recorded",
        config=NO_BAR,
        alt=f"{METRICS[metric]} of each model under each corruption, severity {severity}.",
    )
    first = next(iter(measured.values()))
    st.caption(
        f"Each on {first.n} {first.split} radiographs of {first.patients} patients, {healthy(first)} of the images without "
        f"pneumonia (robustness.json of each run). In percent; the brighter a cell, the worse."
    )


# --- the proof -------------------------------------------------------------------------------------------------------


def show_proof(pair: list[Run]) -> None:
    """What a large R does to both models, once a visitor has said which one reads it."""
    change = Change("letter", 0.8)
    st.markdown(f"The same large R on all {shortcuts.FILMS} phantoms, half of them without pneumonia:")
    for column, letter, run in zip(st.columns(2, gap="medium"), "AB", pair, strict=True):
        labels, before, after, flips = flips_of(run, PHANTOMS, change)
        with column:
            st.markdown(
                f"**Model {letter}** is {shared.plain(shared.title(run.card.name))} (run {shared.plain(run.card.name)})."
            )
            st.markdown(said_of(flips))
            st.plotly_chart(
                charts.shifts(labels, before, after, run.card.point().threshold),
                key=f"shortcuts.proof.{letter}",
                config=NO_BAR,
                alt=f"Model {letter}, probability before and after an R was stamped. {said_of(flips)}",
            )
