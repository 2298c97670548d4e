"""You first: ten cases to read before the model is seen, what became of one's mind, and a room for a class."""

from __future__ import annotations

import math
import secrets
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, images, stage, you_first_room
from pages.classroom.you_first_result import show_result
from pages.generators.gallery import show_image
from pneumo import runs
from pneumo.images import overlays
from pneumo.inference import dataset_audit, diagnosis, examples, study
from pneumo.inference.examples import Example
from pneumo.lessons import reader_study
from pneumo.lessons.reader_study import CASES, Reading
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, POSITIVE, Diagnosis, PneumoError

READINGS = "you_first.readings"  # session_state: (kind, seed) -> [Reading]; of this visitor
PENDING = "you_first.pending"  # what was committed, while the model is looked at
KINDS = {study.REAL: "Real radiographs", study.GENERATED: "Generated radiographs", study.PHANTOMS: "Phantoms"}
PHANTOM_READER = "first_steps"
FIRST_SEED, MOST_SEEDS = 1, 10**6
REAL_CANDIDATES = 60


def main() -> None:
    stage.show("you_first", {"read": show_reading, "room": show_room}, reader_study.facts())


# --- which cases ----------------------------------------------------------------------------------------------------


def kinds() -> list[str]:
    """What there is to read, the most real first."""
    return [
        *([study.REAL] if _radiographs() else []),
        *([study.GENERATED] if examples.finest_gan() else []),
        study.PHANTOMS,
    ]


def _radiographs() -> list[tuple[np.ndarray, int]]:
    """Held-out radiographs of the server's folder; empty where there is none."""
    source = dataset_audit.named_source()
    return _from_folder(source, str(runs.resolve(shared.default_name()))) if source else []


@st.cache_resource(show_spinner="Loading radiographs ...", max_entries=2)
def _from_folder(source: str, run: str) -> list[tuple[np.ndarray, int]]:
    """source, run: the cache's key."""
    known = shared.load_predictions(shared.default_name()).split("test")
    order = np.random.default_rng(0).permutation(len(known.names))[:REAL_CANDIDATES]
    labels = dict(zip(known.names[order].tolist(), known.labels[order].tolist(), strict=True))
    return [(pixels, labels[name]) for name, pixels in dataset_audit.case_images(list(labels)).items()]


def chosen() -> tuple[str, int]:
    """Kind and seed of the cases: of the room that was joined, else of the address, else the first ones."""
    if joined := you_first_room.joined():
        return joined.kind, joined.seed
    offered, said = kinds(), address.settings("cases")
    kind = said.get("kind") if said.get("kind") in offered else offered[0]
    seed = said.get("seed")
    return kind, seed if address.whole(seed, 0, MOST_SEEDS - 1) else FIRST_SEED


@st.cache_resource(show_spinner="Preparing the cases ...", max_entries=32)
def cases_of(kind: str, seed: int, _weights: str) -> list[Example]:
    """The same for everyone. _weights: where the generator lies; it stays for the server's life."""
    return study.draw(kind, seed, _radiographs() if kind == study.REAL else ())


def reader_for(kind: str) -> Run:
    """The model that reads along: the default one; for phantoms the one that learned from them, where it is there."""
    names = shared.classifiers(to_load=True)
    return shared.load_run(PHANTOM_READER if kind == study.PHANTOMS and PHANTOM_READER in names else names[0])


@st.cache_resource(show_spinner=False, max_entries=400)
def model_reading(
    weights: str, kind: str, seed: int, number: int, _run: Run, _case: Example
) -> tuple[Diagnosis, np.ndarray]:
    """What the model says of a case, and its heatmap painted over it; weights, kind, seed, number: the cache's key."""
    result = diagnosis.diagnose(_run, _case.data, _case.name, synthetic=_case.synthetic, generated=_case.generated)
    if result.probability is None or not math.isfinite(result.probability):
        raise PneumoError(f"{_case.name} has no result; choose other cases")
    heat = diagnosis.explain(_run, result)[CLASS_NAMES[POSITIVE]]
    return result, overlays.overlay(images.pixels(_case), heat.values)


def model_call(run: Run, result: Diagnosis) -> int:
    return CLASS_NAMES.index(diagnosis.side_of(result.probability, run.card.point().threshold))


# --- reading --------------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_reading() -> None:
    kind, seed = chosen()
    _choose_cases(kind, seed)
    cases, run = cases_of(kind, seed, str(runs.weights_folder())), reader_for(kind)
    done = readings_of(kind, seed)
    pending = st.session_state.get(PENDING)
    if pending and pending["of"] != (kind, seed, len(done)):
        pending = None
    if len(done) == CASES and not pending:
        show_result(done, run)
        st.button(
            "Read other cases", key="you_first.again", icon=":material/refresh:", on_click=_other_cases, args=(kind,)
        )
        return
    number = len(done)
    case = cases[number]
    st.progress(number / CASES, f"Case {number + 1} of {CASES}")
    if pending:
        _show_model(run, case, kind, seed, number, pending)
        return
    pixels = images.pixels(case)
    key = f"you_first.case.{kind}.{seed}.{number}"
    components.mount(
        "reader",
        key=key,
        data={
            "identity": key,
            "picture": images.url(pixels),
            "alt": f"Case {number + 1}",
            "classes": list(CLASS_NAMES),
        },
        on_reading_change=lambda: _commit(key, kind, seed, number),
    )


def readings_of(kind: str, seed: int) -> list[Reading]:
    return st.session_state.setdefault(READINGS, {}).setdefault((kind, seed), [])


def _choose_cases(kind: str, seed: int) -> None:
    if you_first_room.joined():
        st.caption(f"You read with a class: room {you_first_room.joined().code}.")
        return
    offered = kinds()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Cases",
            offered,
            default=kind,
            key=f"you_first.kind.{seed}",
            format_func=KINDS.get,
            required=True,
            on_change=lambda: _remember(st.session_state[f"you_first.kind.{seed}"], seed),
        )
        st.caption(f"Set {seed}. The address of this page gives everyone the same cases.")


def _remember(kind: str, seed: int) -> None:
    address.put_settings("cases", {"kind": kind, "seed": seed})


def _other_cases(kind: str) -> None:
    you_first_room.leave()
    _remember(kind, secrets.randbelow(MOST_SEEDS))


def _commit(key: str, kind: str, seed: int, number: int) -> None:
    """What came from the browser is checked; what cannot be is not taken."""
    sent = (st.session_state.get(key) or {}).get("reading")
    if (reading := checked(sent)) and len(readings_of(kind, seed)) == number:
        st.session_state[PENDING] = {"of": (kind, seed, number), **reading}


def checked(sent: Any) -> dict[str, Any] | None:
    """A reading from a browser, or None where it is none."""
    if not isinstance(sent, dict) or isinstance(sent.get("called"), bool) or sent.get("called") not in (0, 1):
        return None
    confidence, region = sent.get("confidence"), sent.get("region")
    if not isinstance(confidence, int | float) or not reader_study.LEAST_SURE <= confidence <= reader_study.MOST_SURE:
        return None
    if region is not None:
        good = isinstance(region, list) and len(region) == 4
        if not good or not all(isinstance(each, int | float) and 0 <= each <= 1 for each in region):
            return None
    return {"called": sent["called"], "confidence": float(confidence), "region": tuple(region) if region else None}


def _show_model(run: Run, case: Example, kind: str, seed: int, number: int, pending: dict[str, Any]) -> None:
    result, painted = model_reading(run.card.weights.sha256, kind, seed, number, run, case)
    model = model_call(run, result)
    left, middle, right = st.columns([2, 2, 2])
    with left:
        marked = images.marked(images.pixels(case), pending["region"])
        show_image(marked, "The case with your mark", "Your mark" if pending["region"] else "You marked nothing")
    with middle:
        show_image(painted, "The case with the model's heatmap for PNEUMONIA", "The model's heatmap for PNEUMONIA")
    with right:
        st.markdown(f"You: **{CLASS_NAMES[pending['called']]}**, {pending['confidence']:.0%} sure")
        st.markdown(
            f"{shared.title(run.card.name)}: **{CLASS_NAMES[model]}**, probability {shared.probability(result.probability)} "
            f"(threshold {run.card.point().threshold:.3f})"
        )
        truth = f"{case.told} **{case.label_name}**."
        if "final" not in pending:
            st.markdown("**Would you change your call?**")
            keep = change = st.container(horizontal=True, gap="small")
            other = CLASS_NAMES[1 - pending["called"]]
            keep.button(
                f"Keep {CLASS_NAMES[pending['called']]}",
                key=f"you_first.keep.{number}",
                on_click=_decide,
                args=(pending["called"],),
            )
            change.button(
                f"Change to {other}", key=f"you_first.change.{number}", on_click=_decide, args=(1 - pending["called"],)
            )
            return
        right_now = pending["final"] == case.label
        (st.success if right_now else st.warning)(
            truth + (" You are right." if right_now else " You are not."),
            icon=":material/check:" if right_now else ":material/close:",
        )
        reading = Reading(
            number, pending["called"], pending["confidence"], model, case.label, pending["final"], pending["region"]
        )
        st.button(
            "Next case" if number + 1 < CASES else "Show the result",
            key=f"you_first.next.{number}",
            type="primary",
            on_click=_next,
            args=(kind, seed, reading),
        )


def _decide(final: int) -> None:
    st.session_state[PENDING]["final"] = final


def _next(kind: str, seed: int, reading: Reading) -> None:
    done = readings_of(kind, seed)
    if len(done) == reading.case:  # a button pressed twice counts once
        done.append(reading)
        you_first_room.add(reading)
    st.session_state.pop(PENDING, None)


@st.fragment
@shared.guarded
def show_room() -> None:
    kind, seed = chosen()
    you_first_room.show(kind, seed, lambda: cases_of(kind, seed, str(runs.weights_folder())))


main()
