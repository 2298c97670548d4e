"""GAN: radiographs of nobody, how the drawing was learned, and a game."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import _ui
from pneumo import charts, game, generative, quality, runs, sheets, survey
from pneumo.runs import Run
from pneumo.schema import PneumoError

SHOWN, COLUMNS = 16, 8
DIRECTIONS, REACH = 4, 4.0  # sliders, and how far they go in standard deviations
STEPS = 16  # of a walk, there; and back again
SEED, NUMBER, CLASS = "gan.seed", "gan.number", "gan.class"
DEAL, CALLED, ROUND = "gan.deal", "gan.called", "gan.round"
LARGEST_SEED = 9999
REAL_CANDIDATES = 40  # held-out radiographs among which the game chooses


def main() -> None:
    st.title("GAN")
    st.caption(
        "Radiographs of nobody. A generator draws from noise, a discriminator says real or not, and each learns from the other. "
        "**Nothing here is a finding**: a shadow it draws means nothing."
    )
    run = choose()
    samples_tab, training_tab, quality_tab, game_tab = st.tabs(["Samples", "Training", "Quality", "Real or generated?"])
    with samples_tab:
        show_samples(run)
    with training_tab:
        show_training(run)
    with quality_tab:
        show_quality(run)
    with game_tab:
        show_game(run)


def choose() -> Run:
    """A run of a GAN; stops the page where there is none."""
    try:
        known = runs.available("gan")
        if not known:
            st.info(
                "No trained GAN is in the weights folder yet. Two epochs on phantoms take a minute: "
                "`python -m pneumo train conv_gan epochs=2 image_size=32 --out weights/conv_gan`"
            )
            st.stop()
        known.sort(key=lambda name: (-runs.read_card(runs.resolve(name)).image.size, name))  # the finest first
        _ui.keep("gan.run", known[0], known)
        return _ui.load_run(st.selectbox("Model", known, key="gan.run"))
    except PneumoError as error:
        st.error(f"No GAN can be used: {error}")
        st.stop()


# --- samples ----------------------------------------------------------------------------------------------


@st.fragment
def show_samples(run: Run) -> None:
    known = generative.classes(run)
    left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
    _ui.keep(CLASS, known[0], known)
    wanted = left.segmented_control("Class", known, key=CLASS, required=True)
    _ui.keep(SEED, 0)
    seed = middle.number_input("Seed", 0, LARGEST_SEED, key=SEED, help="The same seed draws the same pictures.")
    right.button("Others", key="gan.others", icon=":material/casino:", on_click=next_seed)
    pictures = drawn(run.card.weights.sha256, run, wanted, seed)
    for number, (column, picture) in enumerate(zip(_grid(SHOWN, COLUMNS), pictures, strict=True)):
        column.image(picture, width="stretch", caption=str(number))
    st.caption(f"{SHOWN} samples of {wanted} ({run.card.name}, {run.card.image.size} x {run.card.image.size} pixels).")
    st.download_button(
        "These samples as PNG",
        sheets.png(sheets.grid(pictures)),
        f"synthetic_{wanted}_{seed}.png",
        "image/png",
        key="gan.download",
        icon=":material/download:",
        on_click="ignore",
        help="The file says in its metadata that the pictures are synthetic.",
    )
    show_one(run, wanted, seed)
    show_walk(run, wanted, seed)


def next_seed() -> None:
    st.session_state[SEED] = (st.session_state.get(SEED, 0) + 1) % (LARGEST_SEED + 1)


@st.cache_data(show_spinner="Drawing ...", max_entries=64)
def drawn(weights: str, _run: Run, wanted: str, seed: int) -> np.ndarray:
    """Samples are synthetic and follow from the seed: they may be shared by all visitors. weights: the cache's key."""
    return generative.samples(_run, SHOWN, seed, wanted)


def show_one(run: Run, wanted: str, seed: int) -> None:
    st.subheader("One sample, turned", divider="gray")
    picture, controls = st.columns(2, gap="large")
    with controls:
        _ui.keep(NUMBER, 0)
        number = st.slider("Sample", 0, SHOWN - 1, key=NUMBER)
        _ui.keep("gan.truncation", 1.0)
        truncation = st.slider(
            "Truncation",
            0.0,
            1.0,
            step=0.05,
            key="gan.truncation",
            help="How far from the average the sample starts. Lower: safer and more alike. Higher: more various.",
        )
        along = []
        for n in range(DIRECTIONS):
            _ui.keep(f"gan.direction.{n}", 0.0)
            along.append(st.slider(f"Direction {n + 1}", -REACH, REACH, step=0.25, key=f"gan.direction.{n}"))
        st.caption("The directions that the generator's first layer answers to most (SeFa, Shen and Zhou 2021).")
    turned = generative.one(run, seed, number, wanted, truncation, along)
    picture.image(turned, width="stretch", caption=f"Sample {number} of {wanted}, synthetic")


def show_walk(run: Run, wanted: str, seed: int) -> None:
    st.subheader("From one to another", divider="gray")
    left, right = st.columns(2, gap="large")
    with right:
        _ui.keep_all({"gan.from": 0, "gan.to": 1})
        first = st.slider("From sample", 0, SHOWN - 1, key="gan.from")
        second = st.slider("To sample", 0, SHOWN - 1, key="gan.to")
        st.caption("Each picture on the way is one the generator draws; nothing is faded from one to the other.")
    left.image(walked(run.card.weights.sha256, run, wanted, seed, first, second), width="stretch")


@st.cache_data(show_spinner="Walking ...", max_entries=32)
def walked(weights: str, _run: Run, wanted: str, seed: int, first: int, second: int) -> bytes:
    frames = generative.walk(_run, seed, first, second, wanted, STEPS)
    return sheets.gif(frames, side=320)


# --- training and quality ---------------------------------------------------------------------------------


@st.fragment
def show_training(run: Run) -> None:
    """One scrubber moves samples, losses and verdicts together."""
    kept = generative.snapshots(run)
    if not kept:
        st.caption("This run kept no samples of its training.")
        return
    epochs = list(kept)
    _ui.keep("gan.epoch", epochs[-1], epochs)
    epoch = st.select_slider("Epoch", epochs, key="gan.epoch")
    left, right = st.columns(2, gap="large")
    left.image(
        sheets.grid(kept[epoch]), width="stretch", caption=f"The same {len(kept[epoch])} samples after {epoch} epochs"
    )
    history = _ui.load_history(run.card.name)
    right.plotly_chart(charts.gan_training(history, epoch), key="gan.curves", config={"displayModeBar": False})
    right.caption(
        f"{run.card.name}: {run.card.epochs_run} epochs, {run.card.minutes:.0f} minutes on {run.card.hardware}. Neither loss falls to "
        "zero: where the two keep up with each other, both stay where they are. A discriminator that is right about "
        "training pictures and wrong about held-out ones has learned the training pictures by heart."
    )


def show_quality(run: Run) -> None:
    try:
        found = quality.read(runs.resolve(run.card.name))
    except PneumoError as error:
        st.error(str(error))
        return
    if not found:
        st.caption(f"Not measured yet: `python -m pneumo quality {run.card.name} --data FOLDER --crossed --save`.")
        return
    near, memory = found.distances, found.memory
    rows = [
        {
            "measure": title,
            "generated": value.mean,
            "lowest": value.low,
            "highest": value.high,
            "real against real": floor,
            "better": better,
        }
        for title, value, floor, better in (
            ("Frechet distance", near.frechet, near.frechet_floor, "low"),
            ("Kernel distance, times 1,000", near.kernel, near.kernel_floor, "low"),
            ("Precision: generated among real", near.precision, near.precision_floor, "high"),
            ("Recall: real among generated", near.recall, near.recall_floor, "high"),
        )
    ]
    number = st.column_config.NumberColumn(format="%.3f")
    columns = dict.fromkeys(("generated", "lowest", "highest", "real against real"), number)
    st.dataframe(rows, hide_index=True, key="gan.distances", column_config=columns)
    st.caption(
        f"Features of {found.encoder}; n = {near.n} generated and as many held-out radiographs, {found.seeds} seeds. Real against real is the floor: "
        "training against held-out radiographs. Distances in another network's features cannot be compared with these."
    )
    st.markdown("**Learned by heart?** The nearest training picture, median distance")
    st.dataframe(
        [
            {"in": "pixels (0 to 1)", "generated": memory.pixel, "held-out": memory.pixel_held_out},
            {"in": "features", "generated": memory.feature, "held-out": memory.feature_held_out},
        ],
        hide_index=True,
        key="gan.memory",
        column_config=dict.fromkeys(("generated", "held-out"), number),
    )
    st.caption(
        f"A generator that copied would lie nearer to training pictures than held-out radiographs do; {memory.copies:.1%} of the generated (n = {memory.n}) "
        "are nearer than all but one in a hundred of the held-out ones. Blurred pictures lie nearer in pixels without being copies."
    )
    st.markdown(f"**Does it draw what it is asked for?** Read by {found.classifier}")
    asked = [
        {"asked for": a.wanted, "n": a.n, "called so": a.agreed, "median probability": a.probability}
        for a in found.asked
    ]
    shares = dict.fromkeys(("called so", "median probability"), number)
    st.dataframe(asked, hide_index=True, key="gan.asked", column_config=shares)
    if found.crossed:
        st.markdown("**Can a classifier learn from it?**")
        crossed = [
            {
                "trained on": c.trained_on,
                "tested on": c.tested_on,
                "n": c.n,
                "AUROC": c.auroc,
                "95% (DeLong)": f"{c.ci95.low:.3f} to {c.ci95.high:.3f}",
            }
            for c in found.crossed
        ]
        st.dataframe(crossed, hide_index=True, key="gan.crossed", column_config={"AUROC": number})
        st.caption(
            "Tested on held-out radiographs, or on samples of another seed. Weights were chosen on pictures of the kind trained on."
        )


# --- the game ---------------------------------------------------------------------------------------------


@st.fragment
def show_game(run: Run) -> None:
    """Ten pairs; the visitor says of each picture whether it is real, then sees how the discriminator did."""
    key = (run.card.weights.sha256, st.session_state.setdefault(ROUND, 0))
    if st.session_state.get(DEAL, (None,))[0] != key:
        with st.spinner("Dealing ..."):
            st.session_state[DEAL] = (key, game.deal(run, key[1], held_out()))
        st.session_state[CALLED] = []
    dealt, called = st.session_state[DEAL][1], st.session_state[CALLED]
    if dealt.real == "phantoms":
        st.info(
            "The real side is missing: no folder of radiographs is at hand (start the app with PNEUMO_DATA=FOLDER), so drawn **phantoms** take its place."
        )
    if len(called) == 2 * game.PAIRS:
        show_result(dealt, np.array(called))
        return
    pair = len(called) // 2
    st.markdown(
        f"**Pair {pair + 1} of {game.PAIRS}.** Each picture is a {dealt.real[:-1]} or generated, by lot: both, one or neither."
    )
    answers = []
    for place, column in enumerate(st.columns([1, 1, 2])[:2]):
        column.image(dealt.pictures[2 * pair + place], width="stretch")
        answers.append(
            column.segmented_control(
                f"Picture {place + 1}",
                ["real", "generated"],
                key=f"gan.answer.{key[1]}.{pair}.{place}",
                label_visibility="collapsed",
            )
        )
    st.button(
        "Next" if pair + 1 < game.PAIRS else "Result",
        key=f"gan.next.{key[1]}.{pair}",
        type="primary",
        disabled=None in answers,
        on_click=lambda: st.session_state[CALLED].extend(each == "generated" for each in answers),
    )


def held_out() -> list[tuple[np.ndarray, int]]:
    """Radiographs of patients no model here learned from, where the folder is at hand."""
    known = _ui.load_predictions(runs.default_name()).part("test")
    order = np.random.default_rng(st.session_state[ROUND]).permutation(len(known.names))[:REAL_CANDIDATES]
    labels = dict(zip(known.names[order].tolist(), known.labels[order].tolist(), strict=True))
    return [(pixels, labels[name]) for name, pixels in survey.case_pictures(list(labels)).items()]


def show_result(dealt: game.Deal, called: np.ndarray) -> None:
    rows = [
        ("You", game.score(dealt.generated, called)),
        ("The discriminator", game.score(dealt.generated, dealt.verdicts < 0.5)),
    ]
    for column, (who, found) in zip(st.columns(2), rows, strict=True):
        with column.container(border=True):
            st.markdown(f"**{who}**")
            st.metric("Sensitivity to generated ones", f"{found.sensitivity:.0%}")
            st.caption(
                f"n = {found.n_generated}, 95%: {found.sensitivity_ci95.low:.0%} to {found.sensitivity_ci95.high:.0%}"
            )
            st.metric("Specificity", f"{found.specificity:.0%}")
            st.caption(
                f"n = {found.n_real}, 95%: {found.specificity_ci95.low:.0%} to {found.specificity_ci95.high:.0%}"
            )
    st.caption("Half and half is guessing. With ten of each the intervals are wide: play again.")
    for column, number in zip(_grid(len(called), 10), range(len(called)), strict=True):
        truth = "generated" if dealt.generated[number] else "real" if dealt.real == "radiographs" else "phantom"
        right = called[number] == dealt.generated[number]
        column.image(dealt.pictures[number], width="stretch", caption=f"{'✓' if right else '✗'} {truth}")
    st.button("Play again", key="gan.again", icon=":material/replay:", on_click=again)


def again() -> None:
    st.session_state[ROUND] += 1


def _grid(count: int, width: int) -> list[st.delta_generator.DeltaGenerator]:
    columns = []
    for first in range(0, count, width):
        columns += st.columns(width)[: count - first]
    return columns


main()
