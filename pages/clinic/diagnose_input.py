"""Diagnose, the row at the top: upload, examples, model."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.clinic import correction
from pneumo.inference.examples import Example
from pneumo.runs import Run

# Siemens writes .ima and some archives .dic; DICOM files without any ending go through the switch below.
# HEIC is not read, and taken only to be told so with the way out.
READ = ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "jp2", "j2k", "avif", "heic", "dcm", "dicom", "dic", "ima")
REAL, GENERATED, PHANTOMS = "real", "generated", "phantoms"
TITLES = {REAL: "Real cases", GENERATED: "Generated", PHANTOMS: "Phantoms"}
ABOUT = {  # of generated ones the result itself says it, and what is said of phantoms depends on the model
    REAL: "Four radiographs of the public Guangzhou test set, from the Hugging Face hub.",
}
WAITING_S = 3.0


def choose_input() -> tuple[Run, list[Example]]:
    """The model, and the files of this visitor; built-in examples until something is uploaded."""
    with st.container(key="diagnose.input"):
        left, middle, right = st.columns([8, 6, 8], gap="medium")
    with left:
        upload()
    with middle:
        files, kind = correction.applied("diagnose", shared.own_files()), ""
        if files:
            tell_files(files)
        else:
            kind, files = choose_examples()
            explained = st.container()
    with right:
        # Another key for phantoms: a model chosen for one kind of image is not carried over to the other.
        phantoms = kind == PHANTOMS
        run = shared.pick_run("diagnose.run_phantoms" if phantoms else "diagnose.run", for_phantoms=phantoms)
        any_name()
    if kind in ABOUT or phantoms:
        explained.caption(about_phantoms(run) if phantoms else ABOUT[kind])
    return run, files


def upload() -> None:
    shared.keep("diagnose.any_name", False)
    st.file_uploader(
        "Upload chest X-rays",
        type=None if st.session_state["diagnose.any_name"] else READ,
        accept_multiple_files=True,
        key="diagnose.upload",
        on_change=lambda: shared.take_files(st.session_state["diagnose.upload"]),
        help="PNG, JPEG, WebP, BMP, TIFF, JPEG 2000, AVIF or DICOM, up to 50 MB each. They stay in this session's memory, and are gone "
        "when it ends or when you remove them.",
    )


def any_name() -> None:
    """For DICOM files as archives write them. A switch, because the uploader otherwise takes only what is read."""
    st.checkbox(
        "Any file name",
        key="diagnose.any_name",
        help="For DICOM files without an extension. What is not an image is refused with its reason.",
    )


def choose_examples() -> tuple[str, list[Example]]:
    """Which built-in images are shown while nothing is uploaded: the most real ones there are, until the visitor chooses."""
    offered = {REAL: shared.real_cases(), GENERATED: shared.generated_examples()}
    kinds = [*(kind for kind, files in offered.items() if files), PHANTOMS]
    shared.keep("diagnose.examples", kinds[0], kinds)
    kind = st.segmented_control(
        "Or try an example",
        kinds,
        format_func=TITLES.get,
        key="diagnose.examples",
        required=True,
        help="Real cases appear when the Hugging Face hub can be reached.",
    )
    if REAL not in kinds and shared.case_cache().fetching:
        wait_for_cases()
    return kind, shared.phantom_examples() if kind == PHANTOMS else offered[kind]


@st.fragment(run_every=WAITING_S)
def wait_for_cases() -> None:
    """Offers the real cases as soon as they are there."""
    if shared.case_cache().fetching:
        st.caption("Looking for real cases on the hub ...")
    elif shared.real_cases():
        st.rerun()


def about_phantoms(run: Run) -> str:
    if shared.knows_phantoms(run.card.name):
        return "Computer-drawn phantoms. This model learned from phantoms; another one is confidently wrong about them."
    return "Computer-drawn phantoms. This model never saw one and may be confidently wrong: reveal and compare."


def tell_files(files: list[Example]) -> None:
    st.markdown(
        f"**{len(files)} {'file' if len(files) == 1 else 'files'}** uploaded. Upload others to replace {'it' if len(files) == 1 else 'them'}."
        if not st.session_state.get("diagnose.upload")
        else f"**{len(files)} {'file' if len(files) == 1 else 'files'}** uploaded."
    )
    if not st.session_state.get("diagnose.upload"):  # while the uploader lists them, its own crosses remove them
        st.button("Back to the examples", key="diagnose.back", icon=":material/undo:", on_click=shared.forget_files)
