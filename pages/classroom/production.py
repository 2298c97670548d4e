"""From notebook to production: one request, ways of saving, a stream that drifts, promoting a model, and waiting."""

from __future__ import annotations

import time

import numpy as np
import streamlit as st

from pages import components, shared
from pages.classroom import stage
from pneumo import runs
from pneumo.formatting import counted
from pneumo.images import sheets
from pneumo.inference import diagnosis, input_check_report
from pneumo.inference.examples import read_pixels
from pneumo.lessons import production
from pneumo.plots import waiting
from pneumo.plots.style import style

STEPS = {
    "check": "Input check",
    "resize": "Resize as in training",
    "calibration": "Calibration",
    "threshold": "Threshold of the model",
}
HOME_GROUP, AWAY_GROUP = "children, by the checks that sources were left out of", "frontal adult, nih"
SEED, EXAMPLE = "production.seed", "production.example"
MOST_PAIRS, MOST_LOAD = 40, 24


def main() -> None:
    known = runs.available("classification")
    missing = {production.RUN, production.MONITORED} - set(known)
    if missing:
        st.title("From notebook to production")
        st.info(f"This page needs {' and '.join(sorted(missing))} in weights/: restore them, or train them again.")
        return
    parts = {
        "request": show_request,
        "saving": show_saving,
        "stream": show_stream,
        "promote": show_promote,
        "load": show_load,
    }
    stage.show("production", parts, _facts(shared.load_card(production.RUN).weights.sha256))


@st.cache_resource(show_spinner=False)
def _facts(weights: str) -> dict[str, str]:
    return production.facts()


# --- one request -----------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_request() -> None:
    run, check = shared.load_run(production.MONITORED), shared.the_input_check()
    examples = shared.titled_examples()
    names = [*examples, *(["The first of them, upside down"] if examples else [])]
    left, right = st.columns([1, 2], gap="large")
    with left:
        shared.keep(EXAMPLE, _telling(run.card.weights.sha256), names)
        st.selectbox("X-ray", names, key=EXAMPLE)
        chosen = st.session_state[EXAMPLE]
        example = examples.get(chosen) or next(iter(examples.values()))
        pixels = read_pixels(example.data, example.name)
        if chosen not in examples:
            pixels = np.ascontiguousarray(pixels[::-1])
        st.image(sheets.for_screen(pixels, 320, 320), width=240, alt="The X-ray that is sent")
        on = {name: st.toggle(title, True, key=f"production.on.{name}") for name, title in STEPS.items()}
    started = time.perf_counter()
    result = diagnosis.diagnose(
        run, sheets.png(pixels, synthetic=False), "request.png", check=check if on["check"] else None
    )
    taken = 1000 * (time.perf_counter() - started)
    careful, careless = production.careful(run, pixels), production.careless(run, pixels)
    with right:
        st.markdown(f"Answered in **{taken:.0f} ms**{', the input check among them' if on['check'] else ''}.")
        refused = on["check"] and diagnosis.is_refused(result)
        if refused:
            st.error(f"Refused: {shared.plain(diagnosis.no_result(result) or '')}", icon=":material/block:")
            return
        calibrated, bare = careful if on["resize"] else careless
        probability = calibrated if on["calibration"] else bare
        threshold = run.card.point().threshold if on["threshold"] else 0.5
        label = diagnosis.label_of(probability, threshold, run.card.indeterminate if on["threshold"] else None)
        st.metric(
            "Probability of pneumonia", shared.probability(probability), label, delta_color="off", delta_arrow="off"
        )
        told = {
            "check": "Nothing asks whether this is a frontal chest X-ray of a kind the model knows. Try the one that is upside down.",
            "resize": f"Every n-th pixel is taken instead of an average: {careful[0]:.4f} becomes {careless[0]:.4f}. Nobody sees an error message.",
            "calibration": f'The bare sigmoid says {shared.probability(bare)}, the calibrated probability is {shared.probability(calibrated)}. Only that one can be read as "right 90 times in 100".',
            "threshold": f"One half is no decision about patients. The model's threshold is {shared.probability(run.card.point().threshold)}, chosen on validation patients.",
        }
        for name, switched_on in on.items():
            if not switched_on:
                st.warning(f"**{STEPS[name]} is off.** {told[name]}", icon=":material/power_off:")
        if all(on.values()):
            st.caption(
                "All steps are on: this is what *Diagnose* does. A log line keeps time, label and model, never the X-ray or its name."
            )


@st.cache_resource(show_spinner=False, max_entries=2)
def _telling(weights: str) -> str:
    """The example whose probability depends most on how it is resized: there the missing step can be seen."""
    run = shared.load_run(production.MONITORED)

    def moved(name: str) -> float:
        example = shared.titled_examples()[name]
        pixels = read_pixels(example.data, example.name)
        return abs(production.careful(run, pixels)[0] - production.careless(run, pixels)[0])

    return max(shared.titled_examples(), key=moved)


# --- saving ------------------------------------------------------------------------------------------------------------


@shared.guarded
def show_saving() -> None:
    run = shared.load_run(production.RUN)
    with st.spinner("Saving and loading …"):
        found = _ways(run.card.weights.sha256)
    st.dataframe(
        [
            {"Way": each.name, "What it keeps": each.keeps, "Size": f"{each.size_bytes / 1e6:.1f} MB", "Loading": f"{each.load_ms:.0f} ms", "Can run code": "yes" if each.code else "no"}
            for each in found
        ],
        hide_index=True,
    )  # fmt: skip
    st.caption(
        "Loading: median of five, from memory, on this machine. float16 and int8 are turned back into float32 as they load."
    )
    with st.expander("What a pickle may ask for", icon=":material/dangerous:", expanded=stage.details()):
        st.markdown(
            "This pickle has ten instructions. `GLOBAL` looks up a function of Python by its name, `REDUCE` calls it: here `print`, but it could be any other. Unpickling runs them **before** anybody sees an object."
        )
        st.code(production.pickle_taken_apart(), language="text", wrap_lines=True)


@st.cache_resource(show_spinner=False, max_entries=2)
def _ways(weights: str) -> list[production.Saved]:
    return production.ways(shared.load_run(production.RUN))


# --- the stream --------------------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_stream() -> None:
    about = input_check_report.read_about(input_check_report.folder())
    home = about and input_check_report.rate_of(about, "left_out", HOME_GROUP, "refused or from elsewhere")
    away = about and input_check_report.rate_of(about, "left_out", AWAY_GROUP, "from elsewhere")
    if not home or not away:
        st.info("The input check was not measured here: python -m pneumo input-check measures it.")
        return
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    seed = left.number_input("Seed", 0, 999, 1, key=SEED)
    changes = right.toggle("The hospital changes", True, key="production.changes")
    change = production.CHANGE if changes else production.DAYS
    days = production.stream(home.share.value, away.share.value, int(seed), change)
    quick, slow = production.first_alert(days, "drifted"), production.first_alert(days, "uncalibrated")
    blue, orange, green = style(0), style(1), style(2)

    def line(name: str, look: dict[str, str], values: list[float | None]) -> dict[str, object]:
        return {"name": name, "colour": look["color"], "dash": look["dash"], "values": values}

    components.mount(
        "replay",
        key="production.stream",
        data={
            "identity": f"{seed} {change}",
            "label": "Day",
            "unit": "day",
            "first": 0,
            "rate": 8,
            "at": 0,
            "growing": True,
            "frames": [each.day for each in days],
            "trainings": [
                {
                    "title": "What the monitors see", "text": "", "alt": "", "pictures": [], "epochs": [each.day for each in days],
                    "panels": [
                        {"title": "Share called “from elsewhere” by the input check", "range": [0, 1], "lines": [line("input check", orange, [each.elsewhere for each in days])]},
                        {"title": "Calibration: predicted and observed, once labels have come", "range": [0, 1], "lines": [line("mean probability", blue, [each.expected for each in days]), line("share with pneumonia", green, [each.observed for each in days])]},
                        {"title": "Mean probability, without labels", "range": [0, 1], "lines": [line("mean probability", blue, [each.predicted for each in days])]},
                    ],
                }
            ],
        },
    )  # fmt: skip
    with st.expander("When did they notice?", icon=":material/notifications_active:", key="production.alerts"):
        st.markdown(f"**Input check.** {_alert(quick, change)} It needs no labels.")
        st.markdown(
            f"**Calibration.** {_alert(slow, change)} It needs labels, which come {production.DELAY} days later."
        )
        if changes:
            st.caption(
                "Look at the third curve: the mean probability alone rises, but nothing in it says whether there is more pneumonia "
                "or a model that no longer fits."
            )


def _alert(day: int | None, change: int) -> str:
    """The first alert of a monitor, as a sentence. change: the day on which the hospital changes."""
    if day is None:
        return "No alert."
    if day < change:
        return f"A false alarm on day {day}: nothing had changed. A monitor that looks at many days raises one now and then."
    late = day - change
    return f"Alert on day {day}, {'on the day of' if late == 0 else counted(late, 'day') + ' after'} the change."


# --- promote ----------------------------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_promote() -> None:
    if not stage.unlocked("production"):
        return
    one, two = st.columns(2, gap="large")
    mended = one.slider("Only the new model is right", 0, MOST_PAIRS, 8, key="production.mended")
    spoilt = two.slider("Only the old model is right", 0, MOST_PAIRS, 2, key="production.spoilt")
    p = production.mcnemar(mended, spoilt)
    words = (
        "The new one is better: promote it, if it loses no sensitivity."
        if p < 0.05 and mended > spoilt
        else "The new one is worse: keep the old one."
        if p < 0.05
        else "There is not enough evidence. Keep the old one, and collect more cases."
    )
    st.metric("McNemar's exact p", f"{p:.3f}", words, delta_color="off", delta_arrow="off", width="stretch")
    st.markdown("##### Who gets which, meanwhile")
    share = st.slider("Share of wards that get the new model", 0, 100, 10, format="%d%%", key="production.share")
    names = [f"ward {n}" for n in range(1, 21)]
    arms = [production.arm(name, share / 100) for name in names]
    st.markdown(
        " ".join(
            f":{'orange' if arm == 'new' else 'blue'}-badge[{name}: {arm}]"
            for name, arm in zip(names, arms, strict=True)
        )
    )
    st.caption(
        "A hash of the ward's name decides. The same ward gets the same model every time, and nothing has to be stored. Move the share: wards only ever change from old to new."
    )


# --- waiting ------------------------------------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_load() -> None:
    one, two = st.columns(2, gap="large")
    load = one.slider("X-rays a second", 1, MOST_LOAD, 12, key="production.load_slider")
    replicas = two.slider("Copies of the model", 1, 8, 4, key="production.replicas")
    waits = production.waits(load, replicas)
    with st.container(horizontal=True):
        for title, percent in (("Median", 50), ("95th percentile", 95), ("99th percentile", 99)):
            st.metric(title, f"{waits.at(percent):.2f} s", width=170)
        st.metric("Mean", f"{waits.seconds.mean():.2f} s", width=170)
        st.metric("At most", f"{waits.most:.0f}/s", width=170)
    st.plotly_chart(
        waiting.histogram(waits.seconds, waits.at(95)), key="production.waits", config={"displayModeBar": False}
    )
    if load >= waits.most:
        st.warning(
            "More come than can be served: the queue grows as long as this goes on. A server has to say no (HTTP 429) before that.",
            icon=":material/warning:",
        )
    st.caption(
        f"{production.REQUESTS:,} simulated requests that come at random; each needs about {production.SERVICE_S:g} seconds."
    )


main()
