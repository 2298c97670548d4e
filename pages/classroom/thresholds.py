"""Thresholds and errors: the line that one drags, three models and a price, and the default model at home and elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import address, answers, stage
from pneumo.formatting import metric, rate
from pneumo.lessons import thresholds
from pneumo.metrics import classification
from pneumo.palette import COLOURS
from pneumo.runs.evaluations import in_order, title_of
from pneumo.schema import CLASS_NAMES

LIMITS = {"threshold": (-1e3, 1e3), "apart": (0.0, 5.0), "prevalence": (0.01, 0.9), "miss": (1, 100)}
HOME = "test"


def main() -> None:
    stage.show(
        "thresholds", {"line": show_line, "models": show_models, "elsewhere": show_elsewhere}, thresholds.facts()
    )


def show_line() -> None:
    threshold, apart = thresholds.opening()
    start = {"threshold": threshold, "apart": apart, "prevalence": thresholds.PREVALENCE, "miss": thresholds.MISS}
    # The people below the curves are the reveal of the prediction.
    _mount("line", "bell curves", None, None, "Score of a model", start, hidden=not answers.committed("thresholds"))


@st.fragment
@shared.guarded
def show_models() -> None:
    shared.keep("thresholds.price", thresholds.MISS)
    price = st.slider("A missed case costs as many false alarms as", 1, 100, key="thresholds.price")
    costs = {name: thresholds.cost(each, price) for name, each in thresholds.COURSE_MODELS.items()}
    rates = {name: classification.rates(each) for name, each in thresholds.COURSE_MODELS.items()}
    rows = [
        {
            "Model": name,
            "Found": each["tp"],
            "Missed": each["fn"],
            "False alarms": each["fp"],
            "Correctly sent home": each["tn"],
            "Accuracy": rate(rates[name]["accuracy"]),
            "Sensitivity": rate(rates[name]["sensitivity"]),
            "Specificity": rate(rates[name]["specificity"]),
            "Cost": f"{costs[name]:,.0f}",
        }
        for name, each in thresholds.COURSE_MODELS.items()
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    least = min(costs.values())
    cheapest = [name for name, cost in costs.items() if cost == least]
    components.mount(
        "bars",
        key="thresholds.costs",
        data={
            "rows": [
                {"name": name, "value": cost, "note": "the cheapest" if name in cheapest else ""}
                for name, cost in costs.items()
            ],
            "scale": "share",
        },
    )
    accurate = max(thresholds.COURSE_MODELS, key=lambda name: rates[name]["accuracy"])
    st.markdown(
        f"**{' and '.join(cheapest)}** costs least: {least:,.0f} false alarms' worth. "
        + ("It is also the most accurate." if accurate in cheapest else f"The most accurate is {accurate}.")
    )


def show_elsewhere() -> None:
    name = shared.default_name()
    card = shared.card_with_sets(name)
    sets = in_order({each for each in card.metrics if each not in ("validation", "left_out")})
    if not sets:
        st.info("This model was not measured on any set.")
        return
    sets.sort(key=lambda each: each != HOME)  # from home outwards
    shared.keep("thresholds.set", sets[0], sets)
    which = st.segmented_control("Place", sets, key="thresholds.set", format_func=title_of, required=True)
    found = shared.load_set(name, which)
    scores = found.logits / card.temperature + card.bias
    positive = found.labels == 1
    point = card.point()
    measured = card.metrics[which]
    st.markdown(
        f"{shared.title(name)}, {title_of(which).lower()}, n = {len(scores):,}: AUROC {metric(measured, 'auroc')}; at its own threshold of "
        f"{point.threshold:.3f} sensitivity {metric(measured, 'sensitivity')}, specificity {metric(measured, 'specificity')}."
    )
    own = math.log(point.threshold / (1 - point.threshold))
    start = {
        "threshold": own,
        "apart": 0.0,
        "prevalence": round(min(max(float(positive.mean()), 0.01), 0.9), 3),
        "miss": thresholds.MISS,
    }
    _mount(
        "elsewhere",
        f"{card.weights.sha256} {which}",
        np.sort(scores[~positive]),
        np.sort(scores[positive]),
        "Calibrated score, in log-odds",
        start,
        marks=[{"threshold": own, "title": "The model's own threshold"}],
        kept=(
            "threshold",
            "miss",
        ),  # the line stays where it is when the place changes; the prevalence is the place's own
    )


def _mount(
    name: str,
    identity: str,
    without: np.ndarray | None,
    with_it: np.ndarray | None,
    unit: str,
    start: dict[str, float],
    marks: tuple[dict[str, Any], ...] | list[dict[str, Any]] = (),
    kept: tuple[str, ...] = tuple(LIMITS),
    hidden: bool = False,
) -> None:
    key = f"thresholds.{name}"
    components.mount(
        "thresholds",
        key=key,
        data={
            "identity": f"{identity} {hidden}",
            "hidden": hidden,
            "without": None if without is None else np.round(without, 4).tolist(),
            "withIt": None if with_it is None else np.round(with_it, 4).tolist(),
            "unit": unit,
            "start": start | {each: value for each, value in checked(address.settings(name)).items() if each in kept},
            "marks": list(marks),
            "colours": {each: COLOURS[each] for each in CLASS_NAMES},
        },
        default={"settings": None},
        on_settings_change=address.remember(key, name, checked),
    )


def checked(said: dict[str, Any]) -> dict[str, float]:
    """Of settings from an address or a browser, the numbers within their limits."""
    kept = {name: said[name] for name, (low, high) in LIMITS.items() if address.number(said.get(name), low, high)}
    return {name: round(float(value), 4) for name, value in kept.items()}


main()
