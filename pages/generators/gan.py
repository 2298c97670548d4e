"""GAN: radiographs of nobody, how the drawing was learned, and a game."""

from __future__ import annotations

import time

import numpy as np
import streamlit as st

from pages import shared
from pneumo import plots, runs
from pneumo.generators import game, memorisation, quality, sampling
from pneumo.images import sheets
from pneumo.inference import dataset_audit, examples
from pneumo.runs import Run
from pneumo.schema import PneumoError

SHOWN, TILE_PX = 16, 84  # eight stand in a row of a wide window, three on a telephone
NEAREST = 5
DIRECTIONS, REACH = 4, 4.0  # sliders, and how far they go in standard deviations
STEPS = 16  # of a walk, there; and back again
SEED, NUMBER, CLASS = "gan.seed", "gan.number", "gan.class"
DEAL, CALLED, ROUND = "gan.deal", "gan.called", "gan.round"
PLAYING, TICKED = "gan.playing", "gan.ticked"
TICK_S = 0.8
FETCHED = "gan.fetched"
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
        shared.keep("gan.run", known[0], known)
        return shared.load_run(st.selectbox("Model", known, key="gan.run"))
    except PneumoError as error:
        st.error(f"No GAN can be used: {error}")
        st.stop()


# --- samples ----------------------------------------------------------------------------------------------


@st.fragment
def show_samples(run: Run) -> None:
    known = sampling.classes(run)
    left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
    shared.keep(CLASS, known[0], known)
    wanted = left.segmented_control("Class", known, key=CLASS, required=True)
    shared.keep(SEED, 0)
    seed = middle.number_input("Seed", 0, LARGEST_SEED, key=SEED, help="The same seed draws the same pictures.")
    right.button("Others", key="gan.others", icon=":material/casino:", on_click=next_seed)
    images = drawn(run.card.weights.sha256, run, wanted, seed)
    shared.keep(NUMBER, 0)
    tiles = st.container(horizontal=True, gap="small")
    for number, image in enumerate(images):
        tile = tiles.container(width=TILE_PX, gap=None)
        tile.image(image, width=TILE_PX)
        chosen = number == st.session_state[NUMBER]
        tile.button(
            f"{number}",
            key=f"gan.open.{number}",
            type="primary" if chosen else "tertiary",
            width="stretch",
            help="Open this sample below.",
            on_click=open_sample,
            args=(number,),
        )
    st.caption(
        f"{SHOWN} samples of {wanted} ({run.card.name}, {run.card.image.size} x {run.card.image.size} pixels). A number opens its sample below."
    )
    st.download_button(
        "These samples as PNG",
        sheets.png(sheets.grid(images)),
        f"synthetic_{wanted}_{seed}.png",
        "image/png",
        key="gan.download",
        icon=":material/download:",
        on_click="ignore",
        help="The file says in its metadata that the pictures are synthetic.",
    )
    show_one(run, wanted, seed)
    show_walk(run, wanted, seed)


def open_sample(number: int) -> None:
    st.session_state[NUMBER] = number
    put_back()


def put_back() -> None:
    """The opened sample as it was drawn."""
    st.session_state["gan.truncation"], st.session_state["gan.by_hand"] = 1.0, False
    for n in range(DIRECTIONS):
        st.session_state[f"gan.direction.{n}"] = 0.0


def next_seed() -> None:
    st.session_state[SEED] = (st.session_state.get(SEED, 0) + 1) % (LARGEST_SEED + 1)


@st.cache_data(show_spinner="Drawing ...", max_entries=64)
def drawn(weights: str, _run: Run, wanted: str, seed: int) -> np.ndarray:
    """Samples are synthetic and follow from the seed: they may be shared by all visitors. weights: the cache's key."""
    return sampling.samples(_run, SHOWN, seed, wanted)


def show_one(run: Run, wanted: str, seed: int) -> None:
    number = st.session_state[NUMBER]
    st.subheader(f"Sample {number}, turned", divider="gray")
    image, controls = st.columns(2, gap="large")
    with controls:
        shared.keep("gan.truncation", 1.0)
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
            shared.keep(f"gan.direction.{n}", 0.0)
            along.append(st.slider(f"Direction {n + 1}", -REACH, REACH, step=0.25, key=f"gan.direction.{n}"))
        st.caption("The directions that the generator's first layer answers to most (SeFa, Shen and Zhou 2021).")
        replaced = choose_number(run)
        st.button("As it was drawn", key="gan.back", icon=":material/restart_alt:", on_click=put_back)
    turned = sampling.one(run, seed, number, wanted, truncation, along, replaced)
    with image:
        st.image(turned, width="stretch", caption=f"Sample {number} of {wanted}, synthetic")
        st.download_button(
            "This one as PNG",
            sheets.png(turned),
            f"synthetic_{wanted}_{seed}_{number}.png",
            "image/png",
            key="gan.download_one",
            icon=":material/download:",
            on_click="ignore",
        )
    show_neighbours(run, turned)


def choose_number(run: Run) -> dict[int, float]:
    """One of the numbers of z set by hand: most alone do next to nothing, which is a lesson too."""
    shared.keep("gan.by_hand", False)
    if not st.toggle(f"One of the {run.model.z_size} numbers of z by hand", key="gan.by_hand"):
        return {}
    shared.keep_all({"gan.z_index": 0, "gan.z_value": 0.0})
    left, right = st.columns([1, 2])
    index = left.number_input("Which", 0, run.model.z_size - 1, key="gan.z_index")
    return {int(index): right.slider("Its value", -REACH, REACH, step=0.1, key="gan.z_value")}


# --- training pictures near a sample ----------------------------------------------------------------------


@st.cache_resource(show_spinner="Reading the training radiographs ...", max_entries=4)
def training_images(source: str, weights: str, _run: Run) -> memorisation.Known:
    """The same for all visitors. weights: the cache's key."""
    return memorisation.training_images(_run, source)


@st.cache_resource(show_spinner=False, max_entries=4)
def cached(source: str, weights: str) -> shared.SharedCache:
    return shared.SharedCache()


def show_neighbours(run: Run, image: np.ndarray) -> None:
    """Whether the sample is a copy: what lies nearest in the training radiographs."""
    source = dataset_audit.named_source()
    with st.expander("Is it a copy? The nearest training radiographs", icon=":material/search:"):
        if source is None:
            st.caption(
                "The training radiographs are not at hand. Start the app with the variable PNEUMO_DATA naming their folder to see the nearest ones; "
                "the tab Quality has the distances of many samples."
            )
            return
        try:
            known = training_images(source, run.card.weights.sha256, run)
        except PneumoError as error:
            st.caption(f"The nearest training radiographs cannot be shown: {shared.plain(str(error))}.")
            return
        result = measured(run)
        show_row(
            "in pixels", memorisation.neighbours(known, image, NEAREST), result and result.memory.pixel.held_out, ".3f"
        )
        place = cached(source, run.card.weights.sha256)
        if place.result is None and not st.button(
            "Nearest in features too",
            key="gan.features",
            icon=":material/bolt:",
            help="Takes about a minute the first time.",
        ):
            return
        encoder = shared.load_run(result.encoder if result else quality.ENCODER)
        with place.lock:
            if place.result is None:
                bar = st.progress(0.0, "Computing features ...")
                place.result = memorisation.with_features(
                    known,
                    encoder,
                    lambda done, total: bar.progress(done / total, f"Features of {done:,} of {total:,} ..."),
                )
                bar.empty()
        show_row(
            f"in the features of {encoder.card.name}",
            memorisation.neighbours(place.result, image, NEAREST, encoder),
            result and result.memory.feature.held_out,
            ".2f",
        )


def show_row(where: str, near: list[memorisation.Neighbour], typical: float | None, places: str) -> None:
    st.markdown(
        f"**Nearest {where}**"
        + (f" (a held-out radiograph has its nearest at {typical:{places}}, median)" if typical else "")
    )
    tiles = st.container(horizontal=True, gap="small")
    for each in near:
        tiles.container(width=TILE_PX).image(each.resized_image, width=TILE_PX, caption=f"{each.distance:{places}}")


def measured(run: Run) -> quality.Quality | None:
    try:
        return quality.read(runs.resolve(run.card.name))
    except PneumoError:
        return None  # the tab Quality says what is wrong with the file


def show_walk(run: Run, wanted: str, seed: int) -> None:
    st.subheader("From one to another", divider="gray")
    left, right = st.columns(2, gap="large")
    with right:
        shared.keep_all({"gan.from": 0, "gan.to": 1})
        first = st.slider("From sample", 0, SHOWN - 1, key="gan.from")
        second = st.slider("To sample", 0, SHOWN - 1, key="gan.to")
        st.caption("Each picture on the way is one the generator draws; nothing is faded from one to the other.")
    left.image(walked(run.card.weights.sha256, run, wanted, seed, first, second), width="stretch")


@st.cache_data(show_spinner="Walking ...", max_entries=32)
def walked(weights: str, _run: Run, wanted: str, seed: int, first: int, second: int) -> bytes:
    frames = sampling.walk(_run, seed, first, second, wanted, STEPS)
    return sheets.gif(frames, side=320)


# --- training ---------------------------------------------------------------------------------------------


def show_training(run: Run) -> None:
    """One scrubber moves samples, losses and verdicts together, of one training or of two beside each other."""
    others = [name for name in runs.available("gan") if name != run.card.name]
    shared.keep("gan.beside", None, [None, *others])
    beside = st.selectbox(
        "Beside it",
        others,
        index=None,
        key="gan.beside",
        placeholder="no other training",
        help="Two trainings under one scrubber.",
    )
    shown = [run.card.name, *([beside] if beside else [])]
    kept = {name: snapshots_of(name, shared.load_card(name).weights.sha256) for name in shown}
    if not kept[run.card.name]:
        st.caption("This run kept no samples of its training.")
        return
    playing = st.session_state.get(PLAYING, False)
    st.fragment(replay, run_every=TICK_S if playing else None)(kept)


@st.cache_resource(show_spinner=False, max_entries=16)
def snapshots_of(name: str, weights: str) -> dict[int, np.ndarray]:
    """Samples by epoch; weights: the cache's key beside the name."""
    return sampling.snapshots(shared.load_run(name))


def replay(kept: dict[str, dict[int, np.ndarray]]) -> None:
    epochs = sorted({epoch for images in kept.values() for epoch in images})
    shared.keep("gan.epoch", epochs[-1], epochs)
    if st.session_state.get(PLAYING):
        advance(epochs)
    row = st.container(horizontal=True, gap="small")
    row.button(
        "", key="gan.step_back", icon=":material/skip_previous:", on_click=step, args=(epochs, -1), help="One back"
    )
    playing = st.session_state.get(PLAYING, False)
    if row.button(
        "",
        key="gan.play",
        icon=":material/pause:" if playing else ":material/play_arrow:",
        help="Play, pause",
        type="primary",
    ):
        toggle(epochs)
        st.rerun()
    row.button("", key="gan.step_on", icon=":material/skip_next:", on_click=step, args=(epochs, 1), help="One on")
    epoch = st.select_slider("Epoch", epochs, key="gan.epoch")
    for (name, images), column in zip(kept.items(), st.columns(len(kept), gap="large"), strict=True):
        with column:
            show_moment(name, images, epoch, wide=len(kept) == 1)
    st.caption(
        "Neither loss falls to zero: where the two keep up with each other, both stay where they are. A discriminator that is right about training pictures and wrong "
        "about held-out ones has learned the training pictures by heart. **Spread**: the standard deviation between samples; where it falls to zero the generator draws one "
        "picture for everything, a mode collapse."
    )


def show_moment(name: str, images: dict[int, np.ndarray], epoch: int, *, wide: bool) -> None:
    """A training at an epoch: the last samples kept until then, and its curves."""
    at = max((each for each in images if each <= epoch), default=min(images, default=0))
    card = shared.load_card(name)
    left, right = st.columns(2, gap="large") if wide else (st.container(), st.container())
    if images:
        left.image(
            sheets.grid(images[at]),
            width="stretch",
            caption=f"{name}: the same {len(images[at])} samples after {at} epochs",
        )
    right.plotly_chart(
        plots.gan_training(shared.load_history(name), epoch), key=f"gan.curves.{name}", config={"displayModeBar": False}
    )
    right.caption(
        f"{name}: {card.recipe.summary} {card.epochs_run} epochs, {card.minutes:.0f} minutes on {card.hardware}."
    )


def advance(epochs: list[int]) -> None:
    """The next epoch when its time has come; touching a control is no tick."""
    now = time.monotonic()
    if now - st.session_state.get(TICKED, 0.0) < 0.8 * TICK_S:
        return
    st.session_state[TICKED] = now
    step(epochs, 1)
    if st.session_state["gan.epoch"] == epochs[-1]:
        st.session_state[PLAYING] = False
        st.rerun()


def step(epochs: list[int], way: int) -> None:
    place = epochs.index(st.session_state["gan.epoch"]) + way
    st.session_state["gan.epoch"] = epochs[min(max(place, 0), len(epochs) - 1)]


def toggle(epochs: list[int]) -> None:
    """Play or pause; from the start where the end was reached."""
    st.session_state[PLAYING] = not st.session_state.get(PLAYING, False)
    st.session_state[TICKED] = time.monotonic()
    if st.session_state[PLAYING] and st.session_state["gan.epoch"] == epochs[-1]:
        st.session_state["gan.epoch"] = epochs[0]


# --- quality ----------------------------------------------------------------------------------------------


def show_quality(run: Run) -> None:
    """All measured GANs beside each other: a distance means something only beside others in the same features."""
    try:
        result = {name: each for name in runs.available("gan") if (each := quality.read(runs.resolve(name)))}
    except PneumoError as error:
        st.error(shared.plain(str(error)))
        return
    if run.card.name not in result:
        st.caption(f"Not measured yet: `python -m pneumo quality {run.card.name} --data FOLDER --crossed --save`.")
    if result:
        show_distances(result)
        show_memory(result)
        show_obedience(result)


def show_distances(result: dict[str, quality.Quality]) -> None:
    rows = []
    for title, field_name, better, places in quality.MEASURES:
        for name, each in result.items():
            value, floor = getattr(each.distances, field_name), getattr(each.distances, f"{field_name}_floor")
            rows.append(
                {
                    "measure": title,
                    "GAN": name,
                    "generated": quality.told(value, places),
                    "real against real": f"{floor:.{places}f}",
                    "better": better,
                    "n": each.distances.n,
                }
            )
    st.dataframe(rows, hide_index=True, key="gan.distances", height="content")
    one = next(iter(result.values()))
    st.caption(
        f"Features of {one.encoder}; as many generated as held-out radiographs (n) of the classes the GAN knows; mean, lowest and highest of {one.seeds} seeds. Real against real is the "
        "floor: training against held-out radiographs. Distances in another network's features cannot be compared with these. A kernel distance near zero falls below it by chance."
    )


def show_memory(result: dict[str, quality.Quality]) -> None:
    st.markdown("**Learned by heart?** The nearest training picture, median distance")
    rows = [
        {
            "GAN": name,
            "in": title,
            "generated": quality.told(near.generated, places),
            "held-out": f"{near.held_out:.{places}f} ({near.held_out_ci95.low:.{places}f} to {near.held_out_ci95.high:.{places}f})",
            "n": each.memory.n,
        }
        for name, each in result.items()
        for title, near, places in (("pixels (0 to 1)", each.memory.pixel, 4), ("features", each.memory.feature, 2))
    ]
    st.dataframe(rows, hide_index=True, key="gan.memory")
    copies = "; ".join(f"{name} {each.memory.copies.mean:.1%}" for name, each in result.items())
    st.caption(
        "A generator that copied would lie nearer to training pictures than held-out radiographs do. Share of the generated that are nearer in pixels than all but one in a hundred of "
        f"the held-out ones: {copies}. Smooth and average pictures lie nearer without being copies. In brackets: lowest and highest of the seeds; of the held-out ones 95% (patients resampled)."
    )


def show_obedience(result: dict[str, quality.Quality]) -> None:
    """What a classifier makes of samples, and what one can learn from them."""
    st.markdown("**Does it draw what it is asked for?**")
    rows = [
        {
            "GAN": name,
            "asked for": a.wanted,
            "n": a.n,
            "called so": f"{a.agreed.mean:.1%} ({a.agreed.low:.1%} to {a.agreed.high:.1%})",
            "median probability of PNEUMONIA": shared.probability(a.probability.mean),
            "read by": each.classifier,
        }
        for name, each in result.items()
        for a in each.asked
    ]
    st.dataframe(rows, hide_index=True, key="gan.asked")
    tstr = [
        {
            "GAN": name,
            "trained on": c.trained_on,
            "tested on": c.tested_on,
            "n": c.n,
            "AUROC": f"{c.auroc:.3f}" + (f" ({c.ci95.low:.3f} to {c.ci95.high:.3f})" if c.ci95 else ""),
        }
        for name, each in result.items()
        for c in each.tstr
    ]
    if not tstr:
        return
    st.markdown("**Can a classifier learn from it?**")
    st.dataframe(tstr, hide_index=True, key="gan.crossed")
    st.caption(
        "Tested on held-out radiographs, or on samples of another seed; 95% intervals (DeLong). Weights were chosen on pictures of the kind trained on. Real to real is the "
        "comparison: what the samples lose against it was not learned from them."
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
        told, fetch = st.columns([4, 1], vertical_alignment="center")
        told.info(
            "The real side is missing: no folder of radiographs is at hand (start the app with PNEUMO_DATA=FOLDER), so drawn **phantoms** take its place."
        )
        if fetch.button(
            "From the hub",
            key="gan.fetch",
            icon=":material/cloud_download:",
            help="Streams radiographs of the public Guangzhou test set.",
        ):
            fetch_real()
    if len(called) == 2 * game.PAIRS:
        show_result(dealt, np.array(called))
        return
    pair = len(called) // 2
    st.markdown(
        f"**Pair {pair + 1} of {game.PAIRS}.** Each picture is a {dealt.real[:-1]} or generated, by lot: both, one or neither."
    )
    results = []
    for place, column in enumerate(st.columns([1, 1, 2])[:2]):
        column.image(dealt.images[2 * pair + place], width="stretch")
        results.append(
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
        disabled=None in results,
        on_click=lambda: st.session_state[CALLED].extend(each == "generated" for each in results),
    )


def held_out() -> list[tuple[np.ndarray, int]]:
    """Radiographs of patients no model here learned from: fetched from the hub, or from the folder where it is at hand."""
    if FETCHED in st.session_state:
        return st.session_state[FETCHED]
    known = shared.load_predictions(runs.default_name()).split("test")
    order = np.random.default_rng(st.session_state[ROUND]).permutation(len(known.names))[:REAL_CANDIDATES]
    labels = dict(zip(known.names[order].tolist(), known.labels[order].tolist(), strict=True))
    return [(pixels, labels[name]) for name, pixels in dataset_audit.case_images(list(labels)).items()]


def fetch_real() -> None:
    """Deals again with radiographs of the hub, or says why there are none."""
    try:
        with st.spinner("Asking the hub ..."):
            cases = examples.hub_examples(REAL_CANDIDATES)
            st.session_state[FETCHED] = [(examples.read_pixels(each.data, each.name), each.label) for each in cases]
    except PneumoError as error:
        st.warning(f"No radiographs: {shared.plain(str(error))}", icon=":material/cloud_off:")
        return
    again()
    st.rerun()


def show_result(dealt: game.Deal, called: np.ndarray) -> None:
    rows = [
        ("You", game.score(dealt.generated, called)),
        ("The discriminator", game.score(dealt.generated, dealt.verdicts < 0.5)),
    ]
    for column, (who, result) in zip(st.columns(2), rows, strict=True):
        with column.container(border=True):
            st.markdown(f"**{who}**")
            st.metric("Sensitivity to generated ones", f"{result.sensitivity:.0%}")
            st.caption(
                f"n = {result.n_generated}, 95%: {result.sensitivity_ci95.low:.0%} to {result.sensitivity_ci95.high:.0%}"
            )
            st.metric("Specificity", f"{result.specificity:.0%}")
            st.caption(
                f"n = {result.n_real}, 95%: {result.specificity_ci95.low:.0%} to {result.specificity_ci95.high:.0%}"
            )
    st.caption("Half and half is guessing. With ten of each the intervals are wide: play again.")
    tiles = st.container(horizontal=True, gap="small")
    for number, image in enumerate(dealt.images):
        truth = "generated" if dealt.generated[number] else "real" if dealt.real == "radiographs" else "phantom"
        right = called[number] == dealt.generated[number]
        tiles.container(width=TILE_PX).image(image, width=TILE_PX, caption=f"{'✓' if right else '✗'} {truth}")
    st.button("Play again", key="gan.again", icon=":material/replay:", on_click=again)


def again() -> None:
    st.session_state[ROUND] += 1


main()
