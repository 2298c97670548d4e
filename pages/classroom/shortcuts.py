"""Shortcut lab: change one thing about an image, and see what a model makes of it; two models of which one reads the marker."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, answers, images, shortcuts_rates, stage
from pneumo import runs
from pneumo.formatting import score
from pneumo.images import overlays
from pneumo.inference import diagnosis
from pneumo.inference.examples import Example
from pneumo.lessons import shortcuts
from pneumo.lessons.shortcuts import KINDS, PLACES, SIDE, Change
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, POSITIVE, Diagnosis, PneumoError, Radiograph

KEPT = "shortcuts.before"  # session_state: what models said of the unchanged images, which may be the visitor's own
MOST_KEPT = 24
SHOWN = "shortcuts.shown"  # session_state: whether this visitor asked for the result without a prediction
MOST_OTHERS = 8  # images whose exposure is on offer
HEAT_SIDE = 64
IMAGE, OPENING = "shortcuts.image", "Generated radiograph 3"  # one without pneumonia: there is something to raise


def main() -> None:
    stage.show(
        "shortcuts",
        {
            "lab": show_lab,
            "rates": shortcuts_rates.show_rates,
            "recorded": shortcuts_rates.show_recorded,
            "two": show_two,
        },
        shortcuts_rates.facts(),
    )


# --- one image ------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_lab() -> None:
    left, right = st.columns(2)
    with left:
        title, example = images.choose(IMAGE, opening=OPENING)
    with right:
        known = [name for name in shared.classifiers(to_load=True) if name != shortcuts.READER]
        run = address.pick_model("shortcuts.run", known)
    hidden = not answers.committed("shortcuts") and not st.session_state.get(SHOWN)
    _mount("lab", title, example, [(shared.title(run.card.name), run)], Change(), hidden=hidden)
    if hidden:
        st.button("Show the result", key="shortcuts.show", on_click=_show, icon=":material/visibility:")


def _show() -> None:
    st.session_state[SHOWN] = True


def _mount(
    mode: str, title: str, example: Example, models: list[tuple[str, Run]], start: Change, *, hidden: bool = False
) -> None:
    """The component for this image; what these models say of it before and after the change."""
    key = f"shortcuts.{mode}"
    pixels = shortcuts.as_square(images.pixels(example))
    others = [(name, each) for name, each in _exposures().items() if name != title][:MOST_OTHERS]
    said = checked(len(others), (st.session_state.get(key) or {}).get("settings") or address.settings(mode))
    settings = {"other": 0} | _plain(start) | said
    change = Change(**{name: settings[name] for name in ("kind", "strength", "row", "column")})
    after = shortcuts.changed(pixels, change, others[settings["other"]][1] if others else None)
    results = [] if hidden else [_result(name, run, pixels, after, example.digest) for name, run in models]
    components.mount(
        "shortcuts",
        key=key,
        data={
            "identity": f"{example.digest} {' '.join(run.card.weights.sha256 for _, run in models)} {title}",
            "side": SIDE,
            "image": components.packed(pixels),
            "grey": shortcuts.middle_grey(pixels),
            "levels": shortcuts.LEVELS,
            "kinds": [_kind(name) for name in KINDS if others or name != "exposure"],
            "others": [
                {"title": name, "table": components.packed(shortcuts.exposure_table(pixels, each))}
                for name, each in others
            ],
            "lesion": _lesion(example),
            "palette": components.packed(np.round(overlays.heat_colours()).astype(np.uint8)),
            "start": settings,
            "of": settings,
            "answered": components.packed(after),
            "results": results,
            "hidden": hidden,
        },
        default={"settings": None},
        on_settings_change=address.remember(key, mode, partial(checked, len(others))),
    )


def _plain(change: Change) -> dict[str, Any]:
    return {"kind": change.kind, "strength": change.strength, "row": change.row, "column": change.column}


def _kind(name: str) -> dict[str, Any]:
    each = KINDS[name]
    return {
        "name": name,
        "title": each.title,
        "placed": each.placed,
        "strength": each.strength,
        "lowest": each.lowest,
        "start": each.start,
        "place": PLACES.get(name),
    }


def _lesion(example: Example) -> dict[str, float] | None:
    """A patch that covers the lesion of a phantom; None where there is none that is known."""
    if example.lesion is None or not example.lesion.any():
        return None
    (row, column), side = shortcuts.cover(example.lesion)
    return {"row": round(row, 4), "column": round(column, 4), "strength": min(round(side / shortcuts.WIDEST, 2), 1.0)}


@st.cache_resource(show_spinner=False)
def _built_in(_images: dict[str, Example], digests: tuple[str, ...]) -> dict[str, np.ndarray]:
    """digests: the cache's key."""
    return {title: shortcuts.as_square(images.pixels(each)) for title, each in _images.items()}


def _exposures() -> dict[str, np.ndarray]:
    """Built-in images whose exposure can be taken over; a visitor's own stay out of what is shared."""
    own = shared.titled_own_files()
    built_in = {title: each for title, each in images.offered().items() if title not in own}
    return _built_in(built_in, tuple(each.digest for each in built_in.values()))


# --- what a model says ----------------------------------------------------------------------------------------


def _result(title: str, run: Run, before: np.ndarray, after: np.ndarray, digest: str) -> dict[str, Any]:
    kept = st.session_state.setdefault(KEPT, {})
    key = (digest, run.card.weights.sha256)
    if key not in kept:
        if len(kept) >= MOST_KEPT:
            kept.clear()
        kept[key] = _said(run, before)
    return {
        "title": title,
        "threshold": run.card.point().threshold,
        "before": kept[key],
        "after": kept[key] if np.array_equal(before, after) else _said(run, after),
    }


def _said(run: Run, pixels: np.ndarray) -> dict[str, Any]:
    [result] = diagnosis.diagnose_radiographs(run, [("changed", Radiograph(pixels))])
    if result.error:
        raise PneumoError(result.error)
    positive = CLASS_NAMES[POSITIVE]
    return {
        "probability": result.probability,
        "logit": result.logit,
        "label": diagnosis.side_of(result.probability, run.card.point().threshold),
        "heat": _heat(run, result, positive),
        "side": HEAT_SIDE,
    }


def _heat(run: Run, result: Diagnosis, name: str) -> str:
    values = diagnosis.explain(run, result)[name].values
    at = (np.arange(HEAT_SIDE) + 0.5) * len(values) / HEAT_SIDE
    near = np.clip(at.astype(int), 0, len(values) - 1)
    return components.packed(np.round(255 * values[np.ix_(near, near)]).astype(np.uint8))


def checked(others: int, said: object) -> dict[str, Any]:
    """Of settings from an address or a browser, those that are what they should be; the rest is left out."""
    if not isinstance(said, dict) or said.get("kind") not in tuple(KINDS):  # which may be anything, even a list
        return {}
    kind = KINDS[said["kind"]]
    good: dict[str, Any] = {"kind": said["kind"], "strength": kind.start}
    good |= dict(zip(("row", "column"), PLACES.get(said["kind"], PLACES["letter"]), strict=True))
    for name, low in (("strength", 0 if kind.lowest is None else kind.lowest), ("row", 0), ("column", 0)):
        value = said.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= 1:
            good[name] = value
    other = said.get("other")
    if address.whole(other, 0, others - 1):
        good["other"] = other
    return good


# --- the two models -----------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_two() -> None:
    missing = {shortcuts.READER, shortcuts.HONEST} - set(runs.available("classification"))
    if missing:
        st.info(
            f"This part needs the runs {' and '.join(sorted(missing))}. Restore the weights folder, or train: `python -m pneumo train NAME`."
        )
        return
    seed = _seed()
    pair = [shared.load_run(name) for name in shortcuts.order(seed)]
    title, example = images.choose("shortcuts.phantom", phantoms_first=True)
    told = [
        f"Model {letter}: AUROC {score(run.card.metrics['test'].auroc)} on its own test phantoms (n = {run.card.metrics['test'].n})"
        for letter, run in zip("AB", pair, strict=True)
    ]
    st.markdown(". ".join(told) + ". A high AUROC does not say where a model looks.")
    models = [(f"Model {letter}", run) for letter, run in zip("AB", pair, strict=True)]
    _mount("two", title, example, models, Change(strength=0.0))  # the test is for the students to design
    _verdict(seed, pair)


def _seed() -> int:
    said = st.query_params.get("seed", "1")
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 6 else 1


def _verdict(seed: int, pair: list[Run]) -> None:
    given = answers.given().get(("shortcuts", f"two {seed}"))
    reader = "AB"[[run.card.name for run in pair].index(shortcuts.READER)]
    with st.container(border=True):
        st.markdown("**Which model reads the marker?**")
        if given is None:
            answer = st.radio(
                "Your answer",
                ("A", "B"),
                index=None,
                key="shortcuts.reader",
                format_func=lambda each: f"Model {each}",
                horizontal=True,
                label_visibility="collapsed",
            )
            st.button(
                "Commit",
                key="shortcuts.two.commit",
                type="primary",
                disabled=answer is None,
                on_click=_commit,
                args=(seed, answer),
            )
            return
        (st.success if given == reader else st.warning)(
            f"You said model {given}. {'That is right.' if given == reader else f'It is model {reader}.'}",
            icon=":material/check:" if given == reader else ":material/lightbulb:",
        )
        shortcuts_rates.show_proof(pair)
        st.button(
            "Shuffle the models and try again",
            key="shortcuts.two.again",
            icon=":material/shuffle:",
            on_click=_shuffle,
            args=(seed,),
        )


def _commit(seed: int, answer: str) -> None:
    answers.given()["shortcuts", f"two {seed}"] = answer


def _shuffle(seed: int) -> None:
    st.query_params["seed"] = str(int(hashlib.sha256(f"{seed}".encode()).hexdigest()[:4], 16))
    st.session_state.pop("shortcuts.reader", None)


main()
