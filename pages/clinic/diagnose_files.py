"""Diagnose, all files: thumbnails to choose from, the table, and what can be downloaded."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.clinic import diagnose_reading as reading
from pneumo import formatting
from pneumo.inference import batch
from pneumo.inference.examples import Example
from pneumo.runs import Run
from pneumo.schema import Diagnosis

OPEN = "diagnose.open"
ZIP, ZIP_OF = "diagnose.zip", "diagnose.zip_of"
LONGEST = 25  # letters of a name that fit into the table; the opened file's stands in full above
ROWS = 20  # a longer table scrolls
FEW = 5  # reasons of refusals that are shown without being asked for
Results = list[Diagnosis | None]


def names_of(files: list[Example]) -> list[str]:
    """A name for each file that no other file of the list has."""
    return [f"{number}. {file.name}" for number, file in enumerate(files, 1)]


def opened(files: list[Example]) -> int:
    """The position of the file that the visitor looks at; the first one of a new list."""
    if len(files) == 1:  # no strip is drawn, and a key that is set without its widget would stay
        return 0
    names = names_of(files)
    return names.index(shared.keep(OPEN, names[0], names))


# --- thumbnails ---------------------------------------------------------------------------------------------


def choose_file(run: Run, files: list[Example], results: Results) -> int:
    """A strip of thumbnails, with buttons and keys for the next and the previous file. Nothing to choose for one file."""
    position, names = opened(files), names_of(files)
    if len(files) == 1:
        return position
    labels = [thumbnail(run, file, result, n) for n, (file, result) in enumerate(zip(files, results, strict=True), 1)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, key="diagnose.strip"):
        for title, icon, key, step in (("Previous", "chevron_left", "P", -1), ("Next", "chevron_right", "N", 1)):
            st.button(
                title,
                key=f"diagnose.{title.lower()}",
                icon=f":material/{icon}:",
                shortcut=key,
                on_click=step_to,
                args=(names, step),
            )
        st.segmented_control(
            "Image",
            names,
            format_func=lambda name: labels[names.index(name)],
            key=OPEN,
            required=True,
            label_visibility="collapsed",
        )
    return names.index(st.session_state[OPEN])


def step_to(names: list[str], step: int) -> None:
    """The next or previous file; after the last comes the first."""
    now = st.session_state.get(OPEN)
    st.session_state[OPEN] = names[((names.index(now) if now in names else 0) + step) % len(names)]


def thumbnail(run: Run, file: Example, result: Diagnosis | None, number: int) -> str:
    """A small image and its number, as Markdown."""
    if result is None:
        return f":material/hourglass_empty: {number}"
    if result.error:
        return f":material/broken_image: {number}"
    return f"![Image]({shared.data_url(reading.thumbnail_of(run, file, result))}) {number}"


# --- the table ----------------------------------------------------------------------------------------------


def show_table(run: Run, files: list[Example], results: Results, threshold: float) -> None:
    """One row a file, and the downloads."""
    read = [result for result in results if result is not None]
    if len(files) > 1:
        st.subheader(f"All {len(files)} images", divider="gray")
        if len(read) < len(files):
            st.progress(len(read) / len(files), f"Reading {len(read)} of {len(files)} ...")
    rows = batch.table(run, read, threshold)
    if len(files) > 1:
        draw_table(files, results, rows)
    show_refusals(read)
    with st.container(horizontal=True):
        st.download_button(
            "Table as CSV",
            batch.table_csv(rows),
            "pneumo.csv",
            "text/csv",
            key="diagnose.csv",
            icon=":material/download:",
            on_click="ignore",
        )
        offer_overlays(run, files, results)


def draw_table(files: list[Example], results: Results, rows: list[dict]) -> None:
    """Files, labels and probabilities; sorted by probability, files without one come last."""
    import pandas as pd  # half a second that a visitor with one file does not wait for

    written, names = iter(rows), names_of(files)
    shown = [
        {"number": number} | (next(written) if result else {"file": file.name, "note": "Reading ..."})
        for number, (file, result) in enumerate(zip(files, results, strict=True), 1)
    ]
    table = pd.DataFrame(shown, columns=["number", "file", "label", "probability", "note"])
    table["file"] = [shortened(name) for name in table["file"]]
    table["label"] = [
        label and f"{shared.SYMBOLS[label]} {label}" for label in table["label"].astype(object).fillna("")
    ]
    st.dataframe(
        # As text the column would be sorted by its letters: the numbers stay, and are only written by the rule.
        table.astype({"probability": float}).style.format(
            {"probability": lambda value: "" if pd.isna(value) else formatting.probability(value)}
        ),
        key="diagnose.table",
        hide_index=True,
        on_select=lambda: open_selected(names),
        selection_mode="single-row",
        height="content" if len(table) <= ROWS else "auto",
        alt=f"Label and probability of {len(table)} files",
        placeholder="",
        column_config={
            "number": st.column_config.NumberColumn("No.", width=45),
            "file": st.column_config.TextColumn("File", width=185),
            "label": st.column_config.TextColumn("Label", width=115),
            "probability": st.column_config.NumberColumn("Probability", width=85),
            "note": st.column_config.TextColumn("Note", width=350),
        },
    )


def shortened(name: str) -> str:
    """A long name without its middle: what tells DICOM files apart stands at the end of their names."""
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:half]}…{name[-half:]}"


def open_selected(names: list[str]) -> None:
    """A click on a row opens that file."""
    rows = st.session_state["diagnose.table"]["selection"]["rows"]
    if rows and rows[0] < len(names):
        st.session_state[OPEN] = names[rows[0]]


def show_refusals(results: list[Diagnosis]) -> None:
    """Every file that was not read, with its reason in full."""
    refused = [result for result in results if result.error]
    if not refused:
        return
    title = f"{formatting.counted(len(refused), 'file was', 'files were')} not read"
    with st.expander(title, expanded=len(refused) <= FEW, icon=":material/block:"):
        st.markdown("\n".join(f"- **{shared.plain(result.name)}**: {shared.plain(result.error)}" for result in refused))


def offer_overlays(run: Run, files: list[Example], results: Results) -> None:
    """Heatmaps of all files as a zip: made on request, because each costs a pass through the model."""
    readable = [(file, result) for file, result in zip(files, results, strict=True) if result and not result.error]
    ready = tuple(reading.key_of(run, file) for file, _ in readable)
    if st.session_state.get(ZIP_OF) != ready:  # of files that are gone: forgotten with them
        st.session_state.pop(ZIP, None)
    if ZIP in st.session_state:
        st.download_button(
            "Heatmaps as ZIP",
            st.session_state[ZIP],
            "pneumo-heatmaps.zip",
            "application/zip",
            key="diagnose.zip_download",
            icon=":material/download:",
            on_click="ignore",
        )
        return
    if not st.button("Prepare heatmaps", key="diagnose.prepare", icon=":material/layers:", disabled=not readable):
        return
    bar, images = st.progress(0.0, "Explaining ..."), []
    for done, (file, result) in enumerate(readable, 1):
        images.append((result, reading.heatmaps_of(run, file, result)))
        bar.progress(done / len(readable), f"Explaining {done} of {len(readable)} ...")
    st.session_state[ZIP], st.session_state[ZIP_OF] = batch.overlays_zip(images), ready
    st.rerun()
