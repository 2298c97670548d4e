"""Data: what the models learned from, in numbers, before anything learns from it."""

from __future__ import annotations

import streamlit as st

from pages import access, shared
from pages.evidence import data_images, data_numbers
from pneumo import runs
from pneumo.inference import dataset_audit, dataset_findings, dataset_measures, dataset_summary
from pneumo.inference.dataset_audit import Survey
from pneumo.inference.dataset_summary import DataSetSummary
from pneumo.schema import PneumoError

KEPT_SURVEYS = 4  # in memory, for all visitors together
TILE_PX = 150  # five beside each other at 1280 px, two on a phone
STORED, PHANTOMS, FOLDER = "stored", "phantoms", "folder"
TABS = ("Classes and split", "Patients", "Sizes and copies", "Brightness", "Samples", "Augmentation")


@shared.guarded
def main() -> None:
    st.title("Data")
    st.markdown("Look at the data before training: a network exploits any shortcut that it offers.")
    stored = training_set()
    kind = choose_kind(stored)
    if kind == STORED:
        summary, survey = stored, None
    else:
        source = dataset_audit.PHANTOMS if kind == PHANTOMS else choose_folder()
        if source is None:
            return
        survey, summary = survey_of(source)
    show_origin(summary, survey)
    show_tiles(summary)
    show_conclusions(summary)
    show_sections(summary, survey)


# --- the source -------------------------------------------------------------------------------------------


def training_set() -> DataSetSummary | None:
    """The stored numbers of the set that the default model was trained on; None where there are none. A file that cannot be
    read is named, and the other sets are shown."""
    try:
        return _stored(shared.default_name())
    except PneumoError as error:
        if runs.available():
            st.warning(
                f"The stored numbers cannot be shown: {shared.plain(str(error))}", icon=":material/heart_broken:"
            )
        return None


@shared.kept_for_run()
def _stored(folder: str) -> DataSetSummary | None:
    return dataset_summary.for_run(shared.load_card(folder))


def choose_kind(stored: DataSetSummary | None) -> str:
    titles = {PHANTOMS: "Phantoms", FOLDER: "Your folder"}
    if stored:
        titles = {STORED: stored.title.split(" (")[0]} | titles
    shared.keep("data.source", next(iter(titles)), titles)
    return st.segmented_control(
        "Data set", list(titles), format_func=titles.get, key="data.source", required=True, label_visibility="collapsed"
    )


def choose_folder() -> str | None:
    """The set that whoever started the server named in PNEUMO_DATA, or what is typed, where that is safe; None without either."""
    named, obstacle = dataset_audit.named_source(), access.obstacle()
    if obstacle is None:
        shared.keep("data.typed", "")
        typed = st.text_input(
            "A folder with NORMAL and PNEUMONIA in it, or hub:<dataset id>",
            key="data.typed",
            placeholder=dataset_audit.title(named) if named else "/home/me/chest_xray",
            help="Offered because this server listens to this machine only. What you type is not logged.",
        )
        return access.checked(typed) or named
    if not named:
        st.info(
            f"To look at a set of your own, start the app with the variable {dataset_audit.SOURCE_VARIABLE}: the path of a folder "
            f"with NORMAL and PNEUMONIA in it, or hub:<dataset id>. {obstacle}",
            icon=":material/folder_open:",
        )
    return named


@st.cache_resource(show_spinner=False, max_entries=KEPT_SURVEYS)
def cached(source: str) -> shared.SharedCache:
    return shared.SharedCache()


def survey_of(source: str) -> tuple[Survey, DataSetSummary]:
    """Each source is read once, with progress, which a cached function of Streamlit could not show."""
    place = cached(source)
    with place.lock:
        if place.result is None:
            place.result = take_survey(source)
        return place.result


def take_survey(source: str) -> tuple[Survey, DataSetSummary]:
    bar = st.progress(0.0, f"Opening {shared.plain(dataset_audit.title(source))} ...")

    def report(done: int, total: int) -> None:
        if done % 25 == 0:
            bar.progress(done / total, f"Reading {done:,} of {total:,} images ...")

    try:
        return dataset_measures.surveyed(source, progress=report)
    finally:
        bar.empty()


# --- in short ---------------------------------------------------------------------------------------------


def show_tiles(summary: DataSetSummary) -> None:
    fewer, more = sorted(summary.classes.values())
    tiles = (
        ("Images", f"{summary.images:,}", "Files in the class folders, readable or not."),
        ("Patients", f"{summary.patients:,}", "By file name where it says so; otherwise one patient per image."),
        (
            "Imbalance",
            f"{more / fewer:.1f} : 1" if fewer else "one class",
            "Images of the larger class for each image of the smaller.",
        ),
        ("Surplus copies", f"{summary.surplus_images:,}", "Files that are a copy of another, byte for byte."),
        ("Unreadable", f"{summary.unreadable:,}", "Files that could not be read; training leaves them out."),
    )
    with st.container(horizontal=True, gap="small"):
        for title, value, text in tiles:
            st.metric(title, value, help=text, border=True, width=TILE_PX)


def show_origin(summary: DataSetSummary, survey: Survey | None) -> None:
    """Whose images these are, and what could not be read."""
    if survey is None:
        st.markdown(
            "**What the models learned from.** The numbers of this set were stored with the models; its images are not part of "
            "this project."
        )
        origin, licence = summary.data.citation, summary.data.licence
    else:
        drawn = survey.source.startswith("phantom")
        origin = (
            "Drawn by a program, no patients"
            if drawn
            else f"{dataset_audit.title(survey.source)}: {survey.citation or 'origin not stated'}"
        )
        licence = survey.audit["licence"]
    st.caption(shared.plain(f"{origin}. Licence: {licence}."))
    if survey is not None:
        show_warnings(dataset_audit.warnings_of(survey))
    if survey is not None and survey.audit["unreadable"]:
        with st.expander("What could not be read", icon=":material/block:"):
            st.dataframe([{"file": f, "reason": r} for f, r in survey.audit["unreadable"].items()], hide_index=True)


def show_warnings(sentences: list[str]) -> None:
    """What was passed over in the folder, and what the reader noticed, in one box."""
    if sentences:
        st.warning("\n".join(f"- {shared.plain(each)}" for each in sentences), icon=":material/warning:")


def show_conclusions(summary: DataSetSummary) -> None:
    """What a reader takes home, computed from the numbers."""
    found = dataset_findings.conclusions(summary)
    if found:
        with st.container(border=True):
            st.markdown("\n".join(f"- **{headline}** {text}" for headline, text in found))


@st.fragment
@shared.guarded
def show_sections(summary: DataSetSummary, survey: Survey | None) -> None:
    """One tab at a time; only what is open is computed, and only it is drawn again."""
    tabs = st.tabs(TABS, key="data.tab", on_change="rerun")
    sections = (
        lambda: data_numbers.show_classes(summary),
        lambda: data_numbers.show_patients(summary),
        lambda: data_numbers.show_sizes_and_copies(summary, survey),
        lambda: data_numbers.show_brightness(summary),
        lambda: data_images.show_samples(survey),
        lambda: data_images.show_augmentation(survey),
    )
    for tab, section in zip(tabs, sections, strict=True):
        if tab.open:
            with tab:
                section()


main()
