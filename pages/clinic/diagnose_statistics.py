"""Diagnose, folded: what to expect at the threshold, and how far to trust one result."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pneumo import formatting, plots
from pneumo.inference import diagnosis, input_check_report
from pneumo.metrics import calibration, classification, significance
from pneumo.runs import Run
from pneumo.runs.evaluations import OFFICIAL
from pneumo.schema import Diagnosis, Interval, PneumoError, Predictions

# The least flattering first; validation chose the thresholds, so it comes last.
SPLITS = {OFFICIAL: "official test", "test": "internal test", "validation": "validation"}
MODE_BAR = {"displayModeBar": False}


def best_known(name: str) -> tuple[str, Predictions]:
    """The held-out patients with the least share in any choice, and the name of their split. PneumoError where there are none."""
    there = shared.card_with_sets(name).metrics
    for split in SPLITS:
        if split in there and len((known := shared.load_set(name, split)).labels):
            return split, known
    raise PneumoError(
        f"the predictions of run {name!r} are of neither {' nor '.join(SPLITS)} patients; train the run again"
    )


@st.fragment
@shared.guarded
def show_expectation(run: Run, threshold: float) -> None:
    """Sensitivity, specificity, PPV and NPV at this threshold: in large what they are at least."""
    with st.expander("What to expect at this threshold", icon=":material/query_stats:"):
        split, known = best_known(run.card.name)
        counts = classification.confusion(known.labels, known.probabilities, threshold)
        positive, negative = counts["tp"] + counts["fn"], counts["tn"] + counts["fp"]
        measured = classification.rates(counts)
        ends = (significance.wilson(counts["tp"], positive), significance.wilson(counts["tn"], negative))
        prevalence = shared.keep("diagnose.prevalence", 30)
        least = predictive_values(*(end and end.low for end in ends), prevalence / 100)
        likely = predictive_values(measured["sensitivity"], measured["specificity"], prevalence / 100)
        tiles = (
            ("Sensitivity", "Of radiographs with pneumonia, the share at or above the threshold.", ends[0] and ends[0].low,
             interval_text(measured["sensitivity"], ends[0], positive)),
            ("Specificity", "Of radiographs without, the share below the threshold.", ends[1] and ends[1].low,
             interval_text(measured["specificity"], ends[1], negative)),
            ("PPV", "Of those at or above the threshold, the share with pneumonia.", least[0],
             f"at {prevalence}% prevalence; estimate {formatting.rate(likely[0])}"),
            ("NPV", "Of those below the threshold, the share without pneumonia.", least[1],
             f"at {prevalence}% prevalence; estimate {formatting.rate(likely[1])}"),
        )  # fmt: skip
        st.warning(diagnosis.population(run.card), icon=":material/public:")
        with st.container(horizontal=True):
            for title, text, value, note in tiles:
                with st.container(width=172, gap="small"):
                    st.metric(f"{title}, at least", formatting.rate(value), help=text, border=True)
                    st.caption(note)
        st.slider(
            "Prevalence: how many of those X-rayed have pneumonia", 1, 99, key="diagnose.prevalence", format="%d%%"
        )
        st.caption(basis_text(run, split, known, threshold))


def basis_text(run: Run, split: str, known: Predictions, threshold: float) -> str:
    """Where the rates come from, and what the third label makes of them."""
    between = diagnosis.uncertain_range(threshold, run.card.indeterminate)
    labels = [diagnosis.label_of(value, threshold, run.card.indeterminate) for value in known.probabilities]
    unsure = float(np.mean([label == diagnosis.UNCERTAIN for label in labels])) if labels else None
    role = (
        "which took no part in choosing the threshold"
        if split != "validation"
        else "which also chose the threshold, so these rates are optimistic"
    )
    return (
        f"Lower ends of 95% intervals (PPV and NPV: from both lower ends at once, the worst case) over {len(known.labels)} {SPLITS[split]} radiographs ({run.card.name}), {role}. Each "
        f"counts as PNEUMONIA or NORMAL by the threshold alone; {formatting.rate(unsure)} of them lie between "
        f"{between.low:.3f} and {between.high:.3f} and would be labelled UNCERTAIN."
    )


def predictive_values(
    sensitivity: float | None, specificity: float | None, prevalence: float
) -> tuple[float | None, float | None]:
    """(PPV, NPV); None where one class is missing."""
    if sensitivity is None or specificity is None:
        return None, None
    return classification.predictive_values(sensitivity, specificity, prevalence)


def interval_text(value: float | None, interval: Interval | None, n: int) -> str:
    return (
        "n = 0" if interval is None else f"measured {formatting.rate(value)}, 95% {formatting.span(interval)}, n = {n}"
    )


# --- trust --------------------------------------------------------------------------------------------------


def show_trust(run: Run, result: Diagnosis, results: list[Diagnosis], threshold: float) -> None:
    """Intended use, limits, stability and similar cases; the plots are drawn when somebody opens it."""
    with st.expander(
        "How far to trust this", icon=":material/verified_user:", key="diagnose.trust", on_change="rerun"
    ) as box:
        if not box.open:
            return
        known = shared.load_validation(run.card.name)
        if diagnosis.label_for(result, threshold):
            stable = [stability_text(result.stability)] if result.stability else []
            st.markdown("\n".join(f"- {text}" for text in (*stable, similar_text(known, result))))
        st.markdown("\n".join(f"- {shared.plain(text)}" for text in (run.card.intended_use, *run.card.limits)))
        st.markdown(
            f"What {run.card.name} predicted for {len(known.labels)} validation radiographs, whose patients it never saw "
            "in training, and for your files:"
        )
        values = [diagnosis.probability_for(each) for each in results]
        st.plotly_chart(
            plots.probability_histogram(
                known.labels, known.probabilities, threshold, [value for value in values if value is not None]
            ),
            key="diagnose.histogram",
            config=MODE_BAR,
        )
        st.page_link("pages/evidence/results.py", label="All results", icon=":material/monitoring:")


def stability_text(stability: Interval) -> str:
    return (
        f"**{shared.plain(formatting.probability(stability.low))} to "
        f"{shared.plain(formatting.probability(stability.high))}**: range under small changes "
        "(flip, rotation, shift, blur, brightness)."
    )


def similar_text(known: Predictions, result: Diagnosis) -> str:
    """How often a probability like this one was right."""
    near = calibration.similar_cases(known.labels, known.probabilities, result.probability)
    if near is None:
        return "Too few validation radiographs had a similar probability to say how often it is right."
    return (
        f"Of the {near.n} validation radiographs with the most similar probabilities "
        f"({shared.plain(formatting.probability(near.low))} to {shared.plain(formatting.probability(near.high))}), "
        f"**{near.positive} had pneumonia** ({formatting.rate(near.positive / near.n, 0)}, 95% interval "
        f"{formatting.rate(near.ci95.low, 0)} to {formatting.rate(near.ci95.high, 0)})."
    )


def show_input_check(result: Diagnosis) -> None:
    """Where the image lies in both of the input check's questions, and how often that is right."""
    check = shared.the_input_check(quiet=True)
    if check is None or result.assessment is None:
        return
    with st.expander(
        "Is this a chest X-ray like those the models know?",
        icon=":material/fact_check:",
        key="diagnose.typical",
        on_change="rerun",
    ) as box:
        if not box.open:
            return
        about = check.about
        st.markdown(verdict_text(result))
        for column, name in zip(st.columns(len(input_check_report.SCORES)), input_check_report.SCORES, strict=True):
            column.plotly_chart(
                plots.input_check_histogram(
                    about.validation[name],
                    about.limits[name],
                    result.assessment.scores[name],
                    input_check_report.TITLES[name],
                ),
                key=f"diagnose.check.{name}",
                config=MODE_BAR,
            )
        st.caption(
            f"Bars: {about.n_validation} validation radiographs of the training hospital. ◆ this image. Log odds, as a small network "
            "of its own computes them. Right of the dashed line means yes."
        )
        st.markdown("\n".join(f"- {text}" for text in rates_text(about)))
        st.page_link("pages/evidence/model_cards.py", label="All rates of the check", icon=":material/description:")


VERDICTS = {
    "training population": "**Like the training population.** A frontal chest radiograph like those the models learned from.",
    "elsewhere": "**From elsewhere.** A frontal chest radiograph, but unlike those the models learned from.",
    "phantom": "**A phantom.** Drawn by a program.",
    "refused": "**Refused.**",
}


def verdict_text(result: Diagnosis) -> str:
    reason = result.assessment.reason if result.assessment.verdict == "refused" else ""
    return VERDICTS[result.assessment.verdict] + (f" {reason[0].upper()}{reason[1:]}." if reason else "")


def rates_text(about: input_check_report.About) -> list[str]:
    """How often the check is wrong, on images that set none of its limits; the least flattering first."""
    asked = (
        (input_check_report.OTHERS, "refused", "images that are no frontal chest radiograph are refused"),
        (input_check_report.FRONTAL, "from elsewhere", "adults’ frontal radiographs of other hospitals are called from elsewhere"),
        (input_check_report.FRONTAL, "refused", "adults’ frontal radiographs of other hospitals are refused"),
        (input_check_report.CHILDREN, "refused or from elsewhere", "children of the training hospital are refused or called from elsewhere"),
    )  # fmt: skip
    told = []
    for place in ("left_out", "internal"):
        for group, said, words in asked:
            found = input_check_report.rate_of(about, place, group, said)
            if found:
                whose = "From sources left out of the fit: " if place == "left_out" else "Of patients it never saw: "
                share = found.share
                told.append(
                    (
                        found.shortfall,
                        f"{whose}**{formatting.rate(share.value)}** of {words} (95%: {formatting.span(share.ci95)}, n = {share.n:,}).",
                    )
                )
    return [text for _, text in sorted(told, reverse=True)]
