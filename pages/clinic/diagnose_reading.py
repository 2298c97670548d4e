"""What Diagnose keeps: files, results and heatmaps of one visitor, and those of the built-in examples for everybody."""

from __future__ import annotations

import time
from dataclasses import replace

import streamlit as st

from pages import shared
from pneumo.images import sheets
from pneumo.inference import diagnosis, heatmap_choice, heatmap_report, many
from pneumo.inference.diagnosis import Heatmap
from pneumo.inference.examples import Example
from pneumo.inference.input_check import InputCheck
from pneumo.runs import Run
from pneumo.schema import Diagnosis, Interval

RESULTS = "diagnose.results"  # session_state: key -> Diagnosis; of this visitor only
HEATMAPS = "diagnose.heatmaps"
STABILITY = "diagnose.stability"
THUMBNAILS = "diagnose.thumbnails"
ANNOUNCED = "diagnose.announced"
THUMBNAIL_PX = 72
TOGETHER = 4  # files in one pass: larger batches are hardly faster, and their first result waits for their last
Key = tuple[str, str, str]  # (weights hash, content hash, name)


def key_of(run: Run, file: Example) -> Key:
    return run.card.weights.sha256, file.digest, file.name


def read(run: Run, files: list[Example], first: int, budget_s: float) -> list[Diagnosis | None]:
    """A Diagnosis for each file, made once; None for those that are not reached within the budget, so that a page can show
    what is there. The file at `first` is read before the others, alone. Results of files that are gone are forgotten."""
    check, known = shared.the_input_check(), st.session_state.get(RESULTS, {})
    keys = [key_of(run, file) for file in files]
    if files[first].label < 0 and keys[first] not in known and st.session_state.get(ANNOUNCED) != keys:
        # Nothing yet: the page first takes away what it says of other files, and says that these are being read.
        st.session_state[ANNOUNCED], st.session_state[RESULTS] = keys, {}
        return [None] * len(files)
    found = {key: known[key] for key in keys if key in known}
    waiting = {keys[n]: files[n] for n in sorted(range(len(files)), key=lambda n: n != first) if keys[n] not in found}
    began = time.monotonic()
    with st.empty():
        while waiting:
            if found.keys() - known.keys() and time.monotonic() - began > budget_s:
                break
            some = [waiting.pop(key) for key in list(waiting)[: TOGETHER if keys[first] in found else 1]]
            if len(files) > 1:
                done = len(files) - len(waiting) - len(some)
                st.progress(done / len(files), f"Reading {shared.plain(some[0].name)}, {done + 1} of {len(files)} ...")
            found |= zip((key_of(run, file) for file in some), _read_together(run, some, check), strict=True)
            st.session_state[RESULTS] = found  # what is read stays read when the visitor interrupts
    st.session_state[RESULTS] = found
    for kind in (HEATMAPS, THUMBNAILS, STABILITY):
        st.session_state[kind] = {key: kept for key, kept in st.session_state.get(kind, {}).items() if key in found}
    return [found.get(key) for key in keys]


def _read_together(run: Run, files: list[Example], check: InputCheck | None) -> list[Diagnosis]:
    """One batch: uploads in one pass through the model, built-in examples from what everybody shares."""
    if any(file.label >= 0 for file in files):
        return [_of_everybody(key_of(run, file), run, file, check) for file in files]
    asked = [many.File(file.name, lambda data=file.data: data, file.synthetic, file.generated) for file in files]
    return list(many.diagnose_many(run, asked, check=check))


def _diagnose(run: Run, file: Example, check: InputCheck | None) -> Diagnosis:
    return diagnosis.diagnose(
        run, file.data, file.name, synthetic=file.synthetic, generated=file.generated, check=check
    )


@st.cache_resource(show_spinner=False, max_entries=64)
def _of_everybody(key: Key, _run: Run, _file: Example, _check: InputCheck | None) -> Diagnosis:
    """Results of the built-in examples, which no visitor brought, are kept for all of them."""
    return _diagnose(_run, _file, _check)


@st.cache_resource(show_spinner=False, max_entries=64)
def _heatmaps_of_everybody(key: Key, taught: bool, _run: Run, _result: Diagnosis) -> dict[str, Heatmap]:
    return _explain(_run, _result, taught)


def _explain(run: Run, result: Diagnosis, taught: bool) -> dict[str, Heatmap]:
    return diagnosis.explain(run, result, heatmap_report.TAUGHT if taught else None)


@shared.kept_for_run()
def default_heatmap(folder: str) -> tuple[str, bool]:
    """What a run's default heatmap is called, and whether it is another one than Grad-CAM as taught."""
    method, layer = heatmap_choice.for_run(shared.load_run(folder))
    if method == heatmap_report.OWN:
        return "Mean of the members' heatmaps", True
    _, own_layer = diagnosis.heatmap_layers(shared.load_run(folder))
    return diagnosis.heatmap_methods()[method][0], (method, layer) != (heatmap_report.TAUGHT, own_layer)


def with_choices(files: list[Example], results: list[Diagnosis | None]) -> list[Diagnosis | None]:
    """A choice against the input check is laid over the result, so that taking it back costs nothing."""
    chosen = shared.overridden()
    chosen &= {file.digest for file in files}
    return [
        replace(result, overridden=True) if result and file.digest in chosen else result
        for file, result in zip(files, results, strict=True)
    ]


def with_stability(run: Run, file: Example, result: Diagnosis) -> Diagnosis:
    """The result that is looked at, with what small changes of its image do; computed once, and for no other file."""
    if result.error or result.stability or diagnosis.no_result(result):
        return result
    kept, key = st.session_state.setdefault(STABILITY, {}), key_of(run, file)
    if key not in kept:
        kept[key] = (
            _stability_of_everybody(key, run, result) if file.label >= 0 else diagnosis.stability_of(run, result)
        )
    return replace(result, stability=kept[key])


@st.cache_resource(show_spinner=False, max_entries=64)
def _stability_of_everybody(key: Key, _run: Run, _result: Diagnosis) -> Interval | None:
    return diagnosis.stability_of(_run, _result)


def thumbnail_of(run: Run, file: Example, result: Diagnosis) -> bytes:
    """A small JPEG of an image that was read, made once."""
    kept, key = st.session_state.setdefault(THUMBNAILS, {}), key_of(run, file)
    if key not in kept:
        kept[key] = sheets.for_screen(result.radiograph.pixels, THUMBNAIL_PX, THUMBNAIL_PX, quality=75)
    return kept[key]


def has_heatmaps(run: Run, file: Example, taught: bool) -> bool:
    return taught in st.session_state.get(HEATMAPS, {}).get(key_of(run, file), {})


def heatmaps_of(run: Run, file: Example, result: Diagnosis, taught: bool = False) -> dict[str, Heatmap]:
    """Both classes' heatmaps, computed once. taught: Grad-CAM as taught in place of the run's default."""
    key = key_of(run, file)
    kept = st.session_state.setdefault(HEATMAPS, {}).setdefault(key, {})
    if taught not in kept:
        built_in = file.label >= 0
        kept[taught] = _heatmaps_of_everybody(key, taught, run, result) if built_in else _explain(run, result, taught)
    return kept[taught]


def warm(run: Run, files: list[Example], check: InputCheck | None) -> None:
    """Reads examples that a first visitor sees, the first of them with its stability; called before anybody comes."""
    results = [_of_everybody(key_of(run, file), run, file, check) for file in files]
    for file, result in zip(files[:1], results, strict=False):
        _stability_of_everybody(key_of(run, file), run, result)


def warm_heatmap(run: Run, files: list[Example], check: InputCheck | None) -> None:
    """The heatmap of examples that a first visitor sees."""
    default_heatmap(run.card.name)
    for file in files:
        key = key_of(run, file)
        _heatmaps_of_everybody(key, False, run, _of_everybody(key, run, file, check))
