"""Recalibrate for my hospital: threshold, temperature and offset from a table of local cases, kept for the session."""

from __future__ import annotations

import json
from dataclasses import asdict

import streamlit as st

from pages import access, shared
from pages.evidence.results_common import Chosen
from pneumo.formatting import counted, listed, probability, rate, score, span
from pneumo.inference import evaluation, local_cases
from pneumo.inference.local_cases import Cases
from pneumo.metrics import recalibration
from pneumo.metrics.recalibration import AIMS, Recalibration
from pneumo.runs.evaluations import OFFICIAL
from pneumo.schema import PneumoError, Predictions

KEPT = "results.recalibrated"  # session state: what was fitted, for the run and the table it was fitted with
EXAMPLE_ROWS = 100
TITLES = {"sensitivity": "Sensitivity", "specificity": "Specificity", "ece": "Calibration error"}


@st.fragment
@shared.guarded
def show_recalibration(chosen: Chosen) -> None:
    st.subheader("Recalibrate for my hospital", divider="gray")
    name = chosen.names[0]
    st.markdown(
        f"Give {chosen.bold(name)} radiographs of your own whose truth you know. It gets a threshold and a calibration for your "
        "hospital, and you see what that gains on radiographs that took no part in it. The model itself stays as it is."
    )
    left, right = st.columns(2, gap="large")
    with left:
        upload = st.file_uploader(
            "Upload a table (CSV)",
            type=["csv", "txt", "tsv"],
            key="results.local",
            help="A row a radiograph, with the columns probability (what this model said) and truth (NORMAL or PNEUMONIA); a "
            "column patient keeps radiographs of one person together. The table stays in this session.",
        )
        folder = choose_folder()
    with right:
        shared.keep("results.aim", next(iter(AIMS)), AIMS)
        st.radio("The new threshold should", AIMS, format_func=AIMS.get, key="results.aim")
        offer_example(name)
    if upload is None and not folder:
        return
    try:
        result = recalibrated(chosen, name, upload, folder)
    except PneumoError as error:
        st.error(f"{shared.plain(str(error))[:1].upper()}{shared.plain(str(error))[1:]}.", icon=":material/error:")
        return
    show_result(chosen, name, result)


def choose_folder() -> str:
    """A folder with class folders, where folders may be typed; empty otherwise."""
    if access.obstacle():
        return ""
    shared.keep("results.local_folder", "")
    typed = st.text_input(
        "Or a folder with the class folders NORMAL and PNEUMONIA",
        key="results.local_folder",
        placeholder="/data/my_hospital",
    )
    return access.checked(typed)


def offer_example(name: str) -> None:
    """A table to try the tool with, and to see its form."""
    try:
        known = shared.load_set(name, OFFICIAL)
    except PneumoError:
        return
    st.download_button(
        "Download an example table",
        example_table(known),
        "local-cases.csv",
        "text/csv",
        key="results.local_example",
        icon=":material/download:",
        on_click="ignore",
        help=f"What {name} said of {EXAMPLE_ROWS} radiographs of the official test, every few of them, with the truth.",
    )


def example_table(known: Predictions) -> bytes:
    step = max(1, len(known.labels) // EXAMPLE_ROWS)
    rows = [
        f"{name},{patient},{value:.6f},{'PNEUMONIA' if label else 'NORMAL'}"
        for name, patient, value, label in zip(
            known.names, known.patients, known.probabilities, known.labels, strict=True
        )
    ][::step]
    return "\n".join(["file,patient,probability,truth", *rows[:EXAMPLE_ROWS], ""]).encode()


def recalibrated(chosen: Chosen, name: str, upload: object, folder: str) -> Recalibration:
    """Fitted once for the same table, run and aim; kept for the session."""
    card, aim = chosen.cards[name], st.session_state["results.aim"]
    key = (card.weights.sha256, aim, folder, upload.file_id if upload is not None else "")
    kept = st.session_state.get(KEPT)
    if kept is not None and kept[0] == key:
        return kept[1]
    with st.spinner("Fitting, and judging on others ..."):
        cases = local_cases.read(upload.getvalue()) if upload is not None else cases_of_folder(name, folder)
        result = recalibration.recalibrate(cases.labels, cases.logits, cases.patients, card.point().threshold, aim=aim)
    st.session_state[KEPT] = (key, result)
    return result


def cases_of_folder(name: str, folder: str) -> Cases:
    """What the run says of every radiograph in a folder."""
    found = evaluation.evaluate(shared.load_run(name), folder).predictions
    return Cases(found.labels, recalibration.logits_of(found.probabilities), found.patients)


def show_result(chosen: Chosen, name: str, result: Recalibration) -> None:
    card = chosen.cards[name]
    with st.container(horizontal=True):
        for field, title in TITLES.items():
            write = score if field == "ece" else rate
            before, after = result.before[field], result.after[field]
            with st.container(width=230, border=True):
                st.metric(
                    title, write(after.value), f"{write(before.value)} before", delta_color="off", delta_arrow="off"
                )
                st.caption(f"95%: {span(after.ci95, write)}")
    normal = result.n - result.positive
    st.caption(
        f"{counted(result.n, 'radiograph')} of {counted(result.patients, 'patient')} ({result.positive:,} PNEUMONIA, {normal:,} NORMAL). "
        f"Each value is the mean of {result.rounds} rounds in which patients were drawn for the fit and the others judged it, so the "
        "intervals are wide where there are few. The AUROC stays as it is: "
        f"{score(result.auroc)} ({span(result.auroc_ci95, score)})."
    )
    if result.auroc_ci95.low <= 0.6:
        st.warning(
            "The model hardly tells your NORMAL and PNEUMONIA radiographs apart. No threshold and no calibration repairs that: it "
            "does not work for these patients.",
            icon=":material/block:",
        )
    values = {
        "threshold": (result.threshold, result.threshold_spread),
        "temperature": (result.temperature, result.temperature_spread),
        "offset": (result.bias, result.bias_spread),
    }
    told = [
        f"{word} **{value:.3f}** ({span(ends, lambda end: f'{end:.3f}')})" for word, (value, ends) in values.items()
    ]
    today = recalibration.on_todays_scale(result)
    st.markdown(
        f"New {listed(told)}. The new probability is sigmoid(logit ÷ temperature + offset), with the logit of today’s probability. On "
        f"today’s scale the new threshold is **{probability(today)}**; the default is {probability(card.point().threshold)}."
    )
    with st.container(horizontal=True):
        st.download_button(
            "Download as JSON",
            as_json(name, card.weights.sha256, result),
            f"{name}-recalibrated.json",
            "application/json",
            key="results.recalibrated_json",
            icon=":material/download:",
            on_click="ignore",
        )
        if st.button("Use this threshold on Diagnose", key="results.use_threshold", icon=":material/tune:"):
            shared.set_threshold(card, "diagnose", today)
            st.toast(f"Diagnose calls it PNEUMONIA from {probability(today)} up, with this model and in this session.")
    st.caption("It holds for this session and this model. It makes no medical device of it.")


def as_json(name: str, weights_sha256: str, result: Recalibration) -> bytes:
    about = {
        "run": name,
        "weights_sha256": weights_sha256,
        "threshold_on_todays_scale": recalibration.on_todays_scale(result),
    }
    return (json.dumps(about | asdict(result), indent=2, allow_nan=False) + "\n").encode()
