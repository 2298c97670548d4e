"""Characters: draw one and see it read, open the matrix of what is confused, compare networks and storage."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, stage
from pneumo import runs
from pneumo.formatting import rate
from pneumo.images import sheets
from pneumo.lessons import characters
from pneumo.metrics import multiclass
from pneumo.runs import Run, character_report
from pneumo.schema import CHARACTERS, PneumoError

KEY, PIXELS = "characters.sheet", "characters.pixels"  # session_state: what is read just now, (H, W) uint8
WAY, EXAMPLE = "characters.way", "characters.example"
WAYS = {"draw": "Draw", "upload": "Upload a photograph", "pick": "Pick a test image"}
LARGEST_SIDE = 128  # of a drawing as it travels
LARGEST_UPLOAD_MB = 10
OPEN = ("0", "O")  # the cell that is open at first


def main() -> None:
    if characters.RUN not in runs.available("characters"):
        st.title("Characters")
        st.info(
            f"This page needs the run {characters.RUN}. Train it: `python -m pneumo train {characters.RUN} --out weights/{characters.RUN}`"
        )
        return
    stage.show("characters", {"draw": show_draw, "matrix": show_matrix, "models": show_models}, _facts(_version()))


def _version() -> str:
    return shared.load_card(characters.RUN).weights.sha256


@st.cache_resource(show_spinner=False)
def _facts(weights: str) -> dict[str, str]:
    return characters.facts()


def _run() -> Run:
    return shared.load_run(characters.RUN)


@st.cache_resource(show_spinner=False, max_entries=2)
def _tests(weights: str) -> np.ndarray:
    """(n, S, S) uint8: the test images as they are kept beside the run."""
    run = _run()
    return character_report.sheet(run.folder, characters.report(run).n, run.card.image.size)


# --- reading -----------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_draw() -> None:
    shared.keep(WAY, "draw", WAYS)
    way = st.segmented_control(
        "What is read", list(WAYS), key=WAY, required=True, format_func=WAYS.get, label_visibility="collapsed"
    )
    seen, note = None, ""
    if way == "upload":
        seen, note = _uploaded()
    elif way == "pick":
        seen, note = _picked()
    elif PIXELS in st.session_state:
        seen, note = _isolated(st.session_state[PIXELS])
    reading = characters.read(_run(), seen) if seen is not None else None
    top = [] if reading is None else [[name, round(p, 4)] for name, p in reading.likeliest]
    if way == "draw":
        components.mount(
            "draw",
            key=KEY,
            data={
                "top": top,
                "seen": _address(seen),
                "note": note or ("" if reading else "Draw here."),
                "begin": KEY not in st.session_state,
            },
            default={"drawing": None},
            on_drawing_change=_take_drawing,
        )
    elif reading is not None:
        _say(reading, note)
    elif note:
        st.warning(note, icon=":material/error:")
    if reading is not None:
        _show_maps(reading)


def _take_drawing() -> None:
    """What was drawn, checked: it comes from a browser."""
    sent = (st.session_state.get(KEY) or {}).get("drawing")
    pixels = checked(sent)
    if pixels is None:
        st.session_state.pop(PIXELS, None)
    else:
        st.session_state[PIXELS] = pixels


def checked(sent: Any) -> np.ndarray | None:
    """(side, side) uint8 of {"pixels": base64, "side": number}; None for anything else."""
    if not isinstance(sent, dict) or not address.whole(sent.get("side"), 16, LARGEST_SIDE):
        return None
    text, side = sent.get("pixels"), sent["side"]
    if not isinstance(text, str) or len(text) > 2 * side * side:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return np.frombuffer(raw, np.uint8).reshape(side, side) if len(raw) == side * side else None


def _isolated(pixels: np.ndarray) -> tuple[np.ndarray | None, str]:
    try:
        return characters.isolate(pixels, _run().card.image.size), ""
    except PneumoError as error:
        return None, shared.plain(str(error)).capitalize()


def _uploaded() -> tuple[np.ndarray | None, str]:
    file = st.file_uploader(
        "A photograph of one character", ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "heic", "avif"],
        key="characters.upload", max_upload_size=LARGEST_UPLOAD_MB, help="Dark on light or light on dark. It stays in memory and is forgotten with the page.",
    )  # fmt: skip
    if file is None:
        return None, ""
    try:
        pixels = characters.read_file(file.getvalue(), file.name)
    except PneumoError as error:
        return None, shared.plain(str(error)).capitalize()
    left, _ = st.columns([1, 3])
    left.image(sheets.for_screen(pixels, 300, 300), caption=shared.plain(file.name), alt="The uploaded photograph")
    return _isolated(pixels)


def _picked() -> tuple[np.ndarray | None, str]:
    found = characters.report(_run())
    wrong = [n for n in range(found.n) if found.labels[n] != found.predicted[n]]
    options = [*wrong, *(n for n in range(0, found.n, 37) if n not in wrong)]
    chosen = st.selectbox(
        "Test image", options, key=EXAMPLE, width=420,
        format_func=lambda n: f"{CHARACTERS[found.labels[n]]} in {found.fonts[n]}{', read as ' + CHARACTERS[found.predicted[n]] if n in wrong else ''}",
    )  # fmt: skip
    return _tests(_version())[chosen], f"It is {CHARACTERS[found.labels[chosen]]}, in {found.fonts[chosen]}."


def _address(seen: np.ndarray | None) -> str | None:
    return None if seen is None else shared.data_url(sheets.png(seen, synthetic=False), "png")


def _say(reading: characters.Reading, note: str) -> None:
    left, right = st.columns([1, 3])
    left.image(
        sheets.for_screen(reading.seen, 192, 192),
        caption="What the network was given",
        alt="The character as the network was given it",
        width=128,
    )
    with right:
        for name, probability in reading.likeliest:
            st.progress(probability, f"**{name}** {probability:.3f}")
        if note:
            st.caption(note)


def _show_maps(reading: characters.Reading) -> None:
    with st.expander("What its convolutions answer", icon=":material/grid_view:", expanded=stage.details()):
        for number in range(len(reading.maps)):
            # Inside the page's own message: while one draws, a file beside it would be gone before the browser asks for it.
            sheet = shared.data_url(sheets.png(characters.maps_sheet(reading, number), synthetic=False), "png")
            told = f"Convolution {number + 1}: the {characters.SHOWN_MAPS} channels that answer most strongly"
            st.html(f'<img src="{sheet}" alt="Feature maps of convolution {number + 1}" style="max-width: 100%">')
            st.caption(told)


# --- what it confuses ------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_matrix() -> None:
    found, version = characters.report(_run()), _version()
    pairs = characters.pairs(found)
    if pairs:
        told = ", ".join(f"{a} and {b} ({n})" for a, b, n in pairs[:6])
        st.markdown(f"Taken for each other: {told}.")
    components.mount("cells", key="characters.cells", data=_cells(version))
    with st.expander("By font", icon=":material/font_download:", key="characters.fonts"):
        groups = multiclass.by_group(found.labels, found.predicted, found.fonts)
        st.dataframe(
            [
                {
                    "Font": name,
                    "Right": right,
                    "Of": count,
                    "Accuracy": rate(right / count),
                    "95% interval": f"{rate(interval.low)} to {rate(interval.high)}",
                }
                for name, (right, count, interval) in groups.items()
            ],
            hide_index=True,
        )


@st.cache_resource(show_spinner=False, max_entries=2)
def _cells(version: str) -> dict[str, Any]:
    run = _run()
    found, cells = characters.report(run), characters.cells(characters.report(run))
    columns = character_report.COLUMNS
    there = (
        OPEN
        if (CHARACTERS.index(OPEN[0]), CHARACTERS.index(OPEN[1])) in cells
        else (CHARACTERS[next(a for a, b in cells)],) * 2
    )
    return {
        "identity": version,
        "names": list(CHARACTERS),
        "counts": [[row, column, images] for (row, column), images in sorted(cells.items())],
        "sheet": shared.data_url((run.folder / character_report.SHEET_FILE).read_bytes(), "webp"),
        "columns": columns,
        "rows": -(-found.n // columns),
        "fonts": list(found.fonts),
        "most": max(map(len, cells.values())),
        "open": [CHARACTERS.index(each) for each in there],
    }


# --- networks and storage ---------------------------------------------------------------------------------------------


def show_models() -> None:
    found = characters.report(_run())
    st.markdown("##### How the weights are stored")
    st.dataframe(
        [
            {"Storage": name, "Size": f"{each.bytes / 1e6:.1f} MB", "Right": f"{each.right} of {found.n:,}", "Accuracy": rate(each.accuracy), "95% interval": f"{rate(each.ci95.low)} to {rate(each.ci95.high)}"}
            for name, each in found.stored.items()
        ],
        hide_index=True,
    )  # fmt: skip
    changed = len(found.changed)
    st.markdown(
        f"The shipped run is stored as **{_run().card.recipe.storage}**. Of {found.n:,} test images it reads **{changed}** otherwise than the full weights do."
    )
    for each in found.changed:
        sides = (
            ", ".join(f"{name} {p:.2f}" for name, p in list(each.full.items())[:2]),
            ", ".join(f"{name} {p:.2f}" for name, p in list(each.stored.items())[:2]),
        )
        st.markdown(
            f"- {CHARACTERS[found.labels[each.index]]} in {found.fonts[each.index]}: full {sides[0]}; stored {sides[1]}"
        )
    st.markdown("##### Four networks, trained alike")
    st.dataframe(
        [
            {"Network": name, "Parameters": f"{each.parameters:,}", "Right": f"{each.right} of {each.n:,}", "Accuracy": rate(each.right / each.n), "95% interval": f"{rate(each.ci95.low)} to {rate(each.ci95.high)}", "Minutes": f"{each.minutes:.1f}"}
            for name, each in characters.compared().items()
        ],
        hide_index=True,
    )  # fmt: skip
    st.caption(characters.COMPARED_HOW)


main()
