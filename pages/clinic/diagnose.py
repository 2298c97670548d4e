"""Diagnose: radiographs in; label, probability and heatmap out, and how far to trust them."""

from __future__ import annotations

import streamlit as st

from pages import shared
from pages.clinic import diagnose_files as all_files
from pages.clinic import diagnose_reading as reading
from pages.clinic.diagnose_image import show_image
from pages.clinic.diagnose_input import choose_input
from pages.clinic.diagnose_result import show_result
from pages.clinic.diagnose_statistics import show_expectation, show_input_check, show_trust
from pneumo.inference import batch
from pneumo.inference.examples import Example
from pneumo.runs import Run
from pneumo.schema import Diagnosis

BUDGET_S = 0.8  # of reading before the rows that are there are shown
# The words come first in the page's order, for screen readers and phones. On a wide screen the image stands left of them, on
# a phone between the label and the threshold.
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 2.75rem; }
.st-key-diagnose-title { gap: .25rem 1.5rem; }
.st-key-diagnose-title h1 { padding: 0; font-size: 2rem; }
.st-key-diagnose-image img { max-height: 56vh; object-fit: contain; background: #000; border-radius: .5rem; }
.st-key-diagnose-upload [data-testid="stFileChips"] { max-height: 3.6rem; overflow-y: auto; }
.st-key-diagnose-open button { height: auto; min-height: 0; padding: .2rem .5rem; }
.st-key-diagnose-open img { height: 2.5rem !important; max-height: none !important; width: auto; vertical-align: middle; }
@media (min-width: 640px) {
  .st-key-diagnose-stage > div > [data-testid="stHorizontalBlock"] { flex-direction: row-reverse; }
}
@media (max-width: 639px) {
  [data-testid="stMainBlockContainer"] { padding-top: 3.75rem; }
  .st-key-diagnose-previous, .st-key-diagnose-next { display: none; }
  .st-key-diagnose-input [data-testid="stHorizontalBlock"] { gap: .5rem 1rem; }
  .st-key-diagnose-input [data-testid="stColumn"]:not(:first-child) { min-width: calc(50% - 1rem); flex: 1 1 45%; }
  .st-key-diagnose-stage > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:first-child,
  .st-key-diagnose-stage > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:first-child > [data-testid="stVerticalBlock"] { display: contents; }
  .st-key-diagnose-stage > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:first-child > [data-testid="stVerticalBlock"] > * { order: 3; width: 100%; }
  .st-key-diagnose-stage > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:first-child > [data-testid="stVerticalBlock"] > :has(> .st-key-diagnose-head) { order: 1; }
  .st-key-diagnose-stage > div > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]:last-child { order: 2; }
}
</style>"""


@shared.guarded
def main() -> None:
    st.html(STYLE)
    with st.container(horizontal=True, vertical_alignment="bottom", key="diagnose.title"):
        st.title("Diagnose", width="content")
        st.caption(shared.DISCLAIMER, width="content")
    run, files = choose_input()
    results = reading.read(run, files, all_files.opened(files), BUDGET_S)
    show(run, files, results)
    if None in results:  # the page shows what is there; the next run reads on
        st.rerun()


@st.fragment
@shared.guarded
def show(run: Run, files: list[Example], results: list[Diagnosis | None]) -> None:
    """Everything below the input: a moved threshold or another file redraws this, and nothing is read again."""
    results = reading.with_choices(files, results)
    position = all_files.choose_file(run, files, results)
    file, result = files[position], results[position]
    read = [each for each in results if each is not None]
    if result is None:  # opened while it is still waiting; the next run reads it first
        st.info("Reading ...", icon=":material/hourglass_empty:")
        return
    result = reading.with_stability(run, file, result)
    with st.container(key="diagnose.stage"):
        words, image = st.columns([6, 7], gap="medium")
    with words:
        repeat = batch.repeats(results)[position] if None not in results else None
        threshold = show_result(run, file, result, repeat)
    show_expectation(run, threshold)
    show_trust(run, result, read, threshold)
    show_input_check(result)
    all_files.show_table(run, files, results, threshold)
    with image:  # drawn last: a heatmap may take a moment, and the words do not wait for it
        if result.error is None:
            show_image(run, file, result, threshold)


main()
