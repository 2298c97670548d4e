"""Autoencoder: a radiograph through a few numbers and back, and what can be done with the numbers."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import streamlit as st

from pages import shared
from pneumo import plots, runs
from pneumo.generators import latent, reconstruction
from pneumo.generators.latent import Space
from pneumo.images import sheets
from pneumo.images.overlays import heat_image
from pneumo.inference import dataset_audit, examples
from pneumo.palette import COLOURS
from pneumo.runs import Run
from pneumo.schema import CLASS_NAMES, PneumoError

SECTIONS = ("Reconstruct", "Code size", "Move through the code", "Map", "Denoise", "Odd pictures")
SECTION, UPLOAD, PICTURE = "autoencoder.section", "autoencoder.upload", "autoencoder.picture"
OWN = "autoencoder.own"  # session_state: name and bytes of the visitor's file, which outlast the uploader
CHOSEN, NEAREST = (
    "autoencoder.chosen",
    "autoencoder.nearest",
)  # points of the map, by run; the one whose neighbours are shown
TILE_PX, SMALL_TILE_PX = 168, 100  # of the small ones seven stand in a row
NINE = 9
STEPS = 7  # from one picture to another, ends included
AMOUNTS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
REACH = 3.0  # standard deviations a slider goes to either side
THUMBNAIL_PX, SHEET_COLUMNS = 40, 40
GALLERY = 32
NEIGHBOURS = 16
HELD_OUT = 8  # radiographs offered where the data folder is at hand
FAILURES = 8
PLAIN_CHART = {"displayModeBar": False}


def main() -> None:
    st.title("Autoencoder")
    st.caption(
        "A network that gives back what it is shown, through a narrow place: a few numbers, the **code**. What the code keeps, how far apart "
        "codes lie, and what lies between them says what the network has understood of a chest. Nothing here is a finding."
    )
    names = known_runs()
    image, title = choose_image()
    shared.keep(SECTION, SECTIONS[0], SECTIONS)
    section = st.segmented_control("Section", SECTIONS, key=SECTION, required=True, label_visibility="collapsed")
    try:
        {
            "Reconstruct": lambda: show_reconstructions(names, image, title),
            "Code size": lambda: show_code_sizes(names),
            "Move through the code": lambda: show_moves(names, image, title),
            "Map": lambda: show_map(names),
            "Denoise": lambda: show_denoising(names, image, title),
            "Odd pictures": lambda: show_ood(names, image, title),
        }[section]()
    except PneumoError as error:
        st.error(shared.plain(str(error)))


# --- what is looked at ------------------------------------------------------------------------------------


def known_runs() -> list[str]:
    """Autoencoders by the length of their code; stops the page where there is none."""
    try:
        names = runs.available("reconstruction")
    except PneumoError as error:
        st.error(f"No autoencoder can be used: {shared.plain(str(error))}")
        st.stop()
    if not names:
        st.info(
            "No trained autoencoder is in the weights folder yet. Two epochs on phantoms take a minute: "
            "`python -m pneumo train bottleneck_32 epochs=2 image_size=64 --out weights/bottleneck_32`"
        )
        st.stop()
    return sorted(names, key=lambda name: (shared.load_card(name).model, code_of_card(name), name))


def code_of_card(name: str) -> int:
    return int(shared.load_card(name).model_args.get("code", 0))


def choose_image() -> tuple[np.ndarray, str]:
    """The picture all sections look at, (H, W) uint8, and what to call it."""
    offered = held_out() | built_in()
    left, right = st.columns([2, 3], gap="large", vertical_alignment="bottom")
    upload = right.file_uploader(
        "Or a file of your own", key=UPLOAD, help="PNG, JPEG, WebP, BMP, TIFF or DICOM.", on_change=take_upload
    )
    own = st.session_state.get(OWN)
    shared.keep(PICTURE, next(iter(offered)), offered)
    title = left.selectbox("Picture", list(offered), key=PICTURE, disabled=own is not None)
    if own is None:
        return offered[title], title
    name, blob = own
    if upload is None:
        right.button(
            f"{shared.plain(name)} from before: forget it",
            key="autoencoder.forget",
            icon=":material/undo:",
            on_click=forget_upload,
        )
    try:
        return examples.read_pixels(blob, name), name
    except PneumoError as error:
        st.error(f"**{shared.plain(name)}** was not read: {shared.plain(str(error))}", icon=":material/block:")
        st.stop()


def take_upload() -> None:
    """Called when the visitor adds or removes a file, not when the uploader comes back empty from another page."""
    upload = st.session_state[UPLOAD]
    st.session_state[OWN] = (upload.name, upload.getvalue()) if upload else None


def forget_upload() -> None:
    st.session_state[OWN] = None


@st.cache_resource(show_spinner=False)
def built_in() -> dict[str, np.ndarray]:
    """The phantoms, by what they are called here."""
    return {
        f"Phantom {n}, drawn as {each.label_name}": examples.read_pixels(each.data, each.name)
        for n, each in enumerate(shared.phantom_examples(), 1)
    }


@st.cache_resource(show_spinner=False)
def real_images(source: str | None, count: int) -> dict[str, np.ndarray]:
    """Held-out radiographs, as many of either class, where the data folder is at hand. source: the cache's key."""
    known = shared.load_predictions(runs.default_name()).split("test")
    names = [name for label in (0, 1) for name in known.names[known.labels == label][: count // 2]]
    labels = dict(zip(known.names.tolist(), known.labels.tolist(), strict=True))
    images = dataset_audit.case_images(names)
    return {
        f"Held-out {CLASS_NAMES[labels[name]]}, {Path(name).name}": images[name] for name in names if name in images
    }


def held_out() -> dict[str, np.ndarray]:
    try:
        return real_images(dataset_audit.named_source(), HELD_OUT)
    except PneumoError:
        return {}


@st.cache_resource(show_spinner=False, max_entries=32)
def load_space(name: str, weights: str, written_ns: int) -> Space | None:
    """What was measured of a run's code. weights, written_ns: the cache's key beside the name."""
    return latent.read(runs.resolve(name))


def space_of(name: str) -> Space | None:
    """A run may be measured, or measured again, while the app is open."""
    file = runs.resolve(name) / latent.FILE
    return load_space(name, shared.load_card(name).weights.sha256, file.stat().st_mtime_ns) if file.is_file() else None


def pick_code(key: str, names: list[str], preferred: str = "bottleneck_32") -> tuple[Run, Space]:
    """A run whose code can be walked through; stops the section where none was measured."""
    usable = [name for name in names if (result := space_of(name)) is not None and "codes" in result.arrays]
    if not usable:
        st.info(f"No code was measured yet: `python -m pneumo latent {names[0]} --data FOLDER --save`.")
        st.stop()
    shared.keep(key, preferred if preferred in usable else usable[0], usable)
    name = st.selectbox("Model", usable, key=key)
    return shared.load_run(name), space_of(name)


def tiles() -> st.delta_generator.DeltaGenerator:
    """Pictures side by side, as many as the window has room for."""
    return st.container(horizontal=True, gap="small")


def tile(place: st.delta_generator.DeltaGenerator, image: np.ndarray, caption: str, width: int = TILE_PX) -> None:
    place.container(width=width).image(image, caption=caption, width=width)


# --- reconstruction ---------------------------------------------------------------------------------------


def show_reconstructions(names: list[str], image: np.ndarray, title: str) -> None:
    st.caption(
        "Below each reconstruction: where it is wrong, from black (right) to bright (a third of the grey scale or more)."
    )
    place = tiles()
    tile(place, reconstruction.resized_image(shared.load_run(names[0]), image), shared.plain(title))
    for name in names:
        run = shared.load_run(name)
        result = reconstruction.reconstruct(run, image)
        column = place.container(width=TILE_PX)
        column.image(result.result, width=TILE_PX)
        column.image(heat_image(result.error * 3), width=TILE_PX)
        column.markdown(f"**{shared.plain(name)}**")
        column.caption(f"{code_text(run)}  \nPSNR {result.psnr:.1f} dB, SSIM {result.ssim:.3f}")
    st.caption("PSNR and SSIM of this one picture; means over held-out radiographs are under Code size.")
    show_nine(names)


def code_text(run: Run) -> str:
    learned = "both classes" if not run.card.recipe.data.only else f"{run.card.recipe.data.only} only"
    noise = ", denoising" if run.card.recipe.denoise else ""
    return f"{reconstruction.code_size(run):,} numbers, {learned}{noise}"


def show_nine(names: list[str]) -> None:
    st.subheader("Nine originals, nine reconstructions", divider="gray")
    shared.keep("autoencoder.nine", names[0], names)
    run = shared.load_run(st.selectbox("Model", names, key="autoencoder.nine"))
    images = nine_images()
    result = [reconstruction.reconstruct(run, each) for each in images]
    rows = np.stack([each.original for each in result] + [each.result for each in result])
    st.image(sheets.grid(rows, columns=len(result)), width="stretch")
    st.caption(
        f"{run.card.name}: PSNR {np.mean([each.psnr for each in result]):.1f} dB, SSIM {np.mean([each.ssim for each in result]):.3f}, means of these {len(result)}. "
        + (
            "Held-out radiographs."
            if held_out()
            else "Phantoms, which no autoencoder here has seen; held-out radiographs with PNEUMO_DATA."
        )
    )


def nine_images() -> list[np.ndarray]:
    real = list(real_images(dataset_audit.named_source(), 2 * NINE).values()) if held_out() else []
    return real[:: max(1, len(real) // NINE)][:NINE] or examples.phantom_images(NINE)


# --- code size --------------------------------------------------------------------------------------------


def show_code_sizes(names: list[str]) -> None:
    result = {name: space.about for name in names if (space := space_of(name))}
    if not result:
        st.info(f"Not measured yet: `python -m pneumo latent {names[0]} --data FOLDER --save`.")
        return
    short = {name: about for name, about in result.items() if about.pca and not shared.load_card(name).recipe.denoise}
    if short:
        by_model = {name: shared.load_card(name).model for name in short}
        for column, figure in zip(st.columns(2, gap="large"), ("psnr", "ssim"), strict=True):
            column.plotly_chart(
                plots.code_sizes(short, by_model, figure), key=f"autoencoder.sizes.{figure}", config=PLAIN_CHART
            )
    st.dataframe(
        [
            {
                "model": name,
                "numbers": about.code_size,
                "n": about.n,
                "PSNR, dB": interval_text(about.model.psnr, 2),
                "SSIM": interval_text(about.model.ssim, 3),
                "PSNR more than components": interval_text(about.gain.psnr, 2) if about.gain else "",
                "SSIM more than components": interval_text(about.gain.ssim, 3) if about.gain else "",
            }
            for name, about in result.items()
        ],
        hide_index=True,
        key="autoencoder.fidelity",
    )
    st.caption(
        "Means over the n held-out radiographs, 95% intervals from resampling their patients. Components: principal components of the same training radiographs, as many as the "
        "code has numbers; the bottleneck models start from them and learn what they miss. JPEG: the nearest of all sizes and qualities whose coded data fit into two "
        "bytes a number; its header and tables are not counted, as an autoencoder's weights are not. "
        + jpeg_text(short)
    )
    long = [(name, about) for name, about in result.items() if about.code_size >= about.input_size]
    for name, about in long:
        st.subheader("A code that is larger than its picture", divider="gray")
        left, right = st.columns(2, gap="large")
        grey = shared.load_card(name).image.size ** 2
        left.plotly_chart(
            plots.code_against_input(grey, about.input_size, about.code_size),
            key=f"autoencoder.long.{name}",
            config=PLAIN_CHART,
        )
        psnr = about.model.psnr
        right.markdown(
            f"`{name}` has the form of the course project's autoencoder. A grey radiograph of {grey:,} numbers, shown as {about.input_size:,} in three equal channels, becomes a code of "
            f"**{about.code_size:,}**. Held-out radiographs come back with a PSNR of {psnr.value:.1f} dB ({psnr.ci95.low:.1f} to {psnr.ci95.high:.1f}, n = {about.n:,}), and that "
            "says little: nothing is compressed, so nothing has to be understood. It was meant to make synthetic radiographs. But where there is no narrow place, hardly any of "
            "the possible codes is that of a chest, and nothing says which: it cannot be sampled."
        )


def jpeg_text(short: dict[str, latent.Latent]) -> str:
    """Which models JPEG of as many bytes comes nearer than, as measured."""
    ahead = [name for name, about in short.items() if about.jpeg and about.jpeg.psnr.value > about.model.psnr.value]
    return (
        f"Of {len(short)} models, JPEG is nearer in PSNR than {', '.join(ahead) or 'none'}. It knows nothing of chests: "
        "nothing lies between two JPEG files."
    )


def interval_text(mean: latent.Mean, places: int) -> str:
    return f"{mean.value:.{places}f} ({mean.ci95.low:.{places}f} to {mean.ci95.high:.{places}f})"


# --- moving through the code ------------------------------------------------------------------------------


def show_moves(names: list[str], image: np.ndarray, title: str) -> None:
    run, space = pick_code("autoencoder.code", names)
    code = latent.code_of(run, image)
    show_sliders(run, space, code, title)
    show_arithmetic(run, space, code)
    show_between(run, code, title)
    show_samples(run, space)


@st.fragment
def show_sliders(run: Run, space: Space, code: np.ndarray, title: str) -> None:
    st.subheader("Directions", divider="gray")
    left, right = st.columns(2, gap="large")
    with right:
        shared.keep("autoencoder.start", "the picture above", ("the picture above", "the average"))
        start = st.segmented_control(
            "Start from", ("the picture above", "the average"), key="autoencoder.start", required=True
        )
        keys = [f"autoencoder.direction.{n}" for n in range(len(space.directions))]
        for key in keys:
            shared.keep(key, 0.0)
        columns = st.columns(2)
        along = [
            columns[2 * n // len(keys)].slider(f"Direction {n + 1}", -REACH, REACH, step=0.1, key=key, format="%.1f")
            for n, key in enumerate(keys)
        ]
        st.button("All back to 0", key="autoencoder.reset", icon=":material/restart_alt:", on_click=reset, args=(keys,))
        st.caption(
            "The directions in which codes of training radiographs move a picture most, the strongest first; in standard deviations."
        )
    shown = latent.moved(run, space, code if start == "the picture above" else None, along)
    left.image(
        shown,
        width="stretch",
        caption=f"Decoded by {run.card.name}, from {shared.plain(title) if start == 'the image above' else 'the average code'}",
    )


def reset(keys: list[str]) -> None:
    for key in keys:
        st.session_state[key] = 0.0


def show_arithmetic(run: Run, space: Space, code: np.ndarray) -> None:
    st.subheader("From NORMAL to PNEUMONIA", divider="gray")
    place = tiles()
    for amount, image in zip(AMOUNTS, latent.towards(run, space, code, AMOUNTS), strict=True):
        tile(place, image, f"{amount:+.1f}" if amount else "decoded", SMALL_TILE_PX)
    st.caption(
        "The picture's code plus so many times the way from the mean code of NORMAL to that of PNEUMONIA training radiographs. The way holds all in which the two groups "
        "differ: whiter lungs, and exposure, size and position of the child too. It draws no disease into a patient."
    )


def show_between(run: Run, code: np.ndarray, title: str) -> None:
    st.subheader("Between two pictures", divider="gray")
    offered = held_out() | built_in()
    others = [name for name in offered if name != title]
    shared.keep("autoencoder.other", others[0], others)
    other = st.selectbox("The other picture", others, key="autoencoder.other")
    way = latent.between(run, code, latent.code_of(run, offered[other]), STEPS)
    place = tiles()
    for n, image in enumerate(way):
        tile(place, image, f"{n / (STEPS - 1):.0%}", SMALL_TILE_PX)
    st.caption(
        "Every picture is decoded from a code on the straight way between both codes. Fading one picture into the other would show two chests at once."
    )


def show_samples(run: Run, space: Space) -> None:
    st.subheader("Drawn codes", divider="gray")
    shared.keep("autoencoder.seed", 0)
    seed = st.number_input("Seed", 0, 9999, key="autoencoder.seed", width=160)
    st.image(sheets.grid(latent.sample(run, space, 16, seed), columns=8), width="stretch")
    st.caption(
        f"{run.card.name} was trained so that codes are standard normal: it draws from that."
        if latent.is_variational(run)
        else f"Nothing in the training of {run.card.name} says where codes lie: a normal distribution was laid over those of its training radiographs afterwards. A variational one (vae) is trained for drawing."
    )


# --- map --------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def map_component(script: str):
    """Registered once a process. script: its JavaScript."""
    return st.components.v2.component(
        "pneumo_latent_map",
        html='<canvas role="img" aria-label="Map of codes; drag to draw a line round points"></canvas><div class="tip" hidden></div>',
        css=(Path(__file__).parent / "_latent_map.css").read_text(),
        js=script,
    )


@st.cache_resource(show_spinner="Decoding thumbnails ...", max_entries=8)
def thumbnails_of(name: str, weights: str, source: str | None) -> tuple[np.ndarray, bool]:
    """(N, side, side) uint8 and whether they are the radiographs themselves; weights, source: the cache's key."""
    space = space_of(name)
    real = dataset_audit.thumbnails(space.about.names, THUMBNAIL_PX) if source else None
    return (latent.thumbnails(shared.load_run(name), space, THUMBNAIL_PX), False) if real is None else (real, True)


@st.cache_resource(show_spinner=False, max_entries=8)
def sheet_of(name: str, weights: str, source: str | None) -> str:
    """The thumbnails as one picture, a data URL."""
    images, _ = thumbnails_of(name, weights, source)
    blob = sheets.png(sheets.grid(images, columns=SHEET_COLUMNS, gap=0), synthetic=False)
    return "data:image/png;base64," + base64.b64encode(blob).decode()


@st.fragment
def show_map(names: list[str]) -> None:
    run, space = pick_code("autoencoder.map_code", names)
    source = dataset_audit.named_source()
    key = (run.card.name, run.card.weights.sha256, source)
    images, real = thumbnails_of(*key)
    st.caption(
        f"{space.about.n:,} held-out radiographs ({run.card.name}), laid out so that neighbours in the code are neighbours here (t-SNE; distances between far groups mean nothing). "
        f"{shared.SYMBOLS['NORMAL']} NORMAL, {shared.SYMBOLS['PNEUMONIA']} PNEUMONIA: the network was never told. **Hover** or tap for a thumbnail, **drag a line** round points to see them (with a finger, set out sideways). "
        + ("" if real else "Thumbnails are decoded from codes: the radiographs themselves are not part of the project.")
    )
    mount = map_component((Path(__file__).parent / "_latent_map.js").read_text())
    name, count = run.card.name, space.about.n
    drawn = f"autoencoder.map.{name}"
    chosen = st.session_state.setdefault(CHOSEN, {}).get(name, [])
    mount(
        key=drawn,
        data={
            "x": space.map[:, 0].tolist(),
            "y": space.map[:, 1].tolist(),
            "kind": space.labels.tolist(),
            "names": list(CLASS_NAMES),
            "colours": [COLOURS[name] for name in CLASS_NAMES],
            "sheet": sheet_of(*key),
            "side": THUMBNAIL_PX,
            "columns": SHEET_COLUMNS,
            "selected": chosen,
        },
        default={"selected": chosen},
        on_selected_change=lambda: take_line(drawn, name, count),
    )
    with st.expander("Without a mouse", icon=":material/keyboard:"):
        shared.keep(NEAREST, None, range(count))
        st.number_input(
            f"The {NEIGHBOURS} nearest on the map to radiograph number",
            0,
            count - 1,
            value=None,  # may be emptied
            key=NEAREST,
            on_change=lambda: take_nearest(name, space),
        )
    show_gallery(space, images, chosen)


def take_line(drawn: str, name: str, count: int) -> None:
    """The points inside the line that the visitor drew; what came from the browser is checked."""
    result = st.session_state[drawn].get("selected") or []
    st.session_state[CHOSEN][name] = [n for n in result if isinstance(n, int) and 0 <= n < count]
    st.session_state[NEAREST] = None


def take_nearest(name: str, space: Space) -> None:
    number = st.session_state[NEAREST]
    near = [] if number is None else np.argsort(np.square(space.map - space.map[number]).sum(1))[:NEIGHBOURS].tolist()
    st.session_state[CHOSEN][name] = near


def show_gallery(space: Space, images: np.ndarray, chosen: list[int]) -> None:
    if not chosen:
        st.info("Nothing chosen: drag a line round some points, or name one below the map.", icon=":material/gesture:")
        return
    positive = int(space.labels[chosen].sum())
    st.markdown(
        f"**{len(chosen)} chosen**: {len(chosen) - positive} NORMAL, {positive} PNEUMONIA"
        + (f"; {GALLERY} of them shown, evenly picked" if len(chosen) > GALLERY else "")
    )
    place = tiles()
    shown = np.linspace(0, len(chosen) - 1, min(GALLERY, len(chosen))).astype(
        int
    )  # files lie by class: the first would be one class
    for n in (chosen[at] for at in shown):
        name = CLASS_NAMES[space.labels[n]]
        tile(place, images[n], f"{shared.SYMBOLS[name]} {n}", 88)


# --- denoising --------------------------------------------------------------------------------------------


@st.fragment
def show_denoising(names: list[str], image: np.ndarray, title: str) -> None:
    trained = [name for name in names if shared.load_card(name).recipe.denoise]
    shown = trained + [name for name in names if name not in trained]
    shared.keep_all({"autoencoder.noise": 0.15, "autoencoder.noise_seed": 0})
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    strength = left.slider(
        "Noise, standard deviation as a share of full scale", 0.0, latent.MAX_NOISE, step=0.01, key="autoencoder.noise"
    )
    seed = right.number_input("Seed", 0, 9999, key="autoencoder.noise_seed")
    place, first = tiles(), True
    for name in shown:
        run = shared.load_run(name)
        noisy, result = latent.denoise(run, image, strength, seed)
        if first:
            tile(place, noisy.result, f"With noise: PSNR {noisy.psnr:.1f} dB, SSIM {noisy.ssim:.3f}")
            first = False
        taught = " (taught with noise)" if name in trained else ""
        tile(place, result.result, f"{name}{taught}: PSNR {result.psnr:.1f} dB, SSIM {result.ssim:.3f}")
    st.caption(
        f"{shared.plain(title)}; PSNR and SSIM of this one picture, against it without noise. A narrow code has no room for noise and takes some away, and fine detail with it; a code larger "
        "than the picture can carry the noise along. "
        + "".join(f"{name} saw noise of {shared.load_card(name).recipe.denoise:g} in training. " for name in trained)
        + "What is put in place of noise is what chests usually look like, not what this one does."
    )


# --- odd pictures -----------------------------------------------------------------------------------------


@st.fragment
def show_ood(names: list[str], image: np.ndarray, title: str) -> None:
    usable = [name for name in names if space_of(name)]
    if not usable:
        st.info(f"Not measured yet: `python -m pneumo latent {names[0]} --data FOLDER --save`.")
        return
    shared.keep("autoencoder.odd", "bottleneck_32" if "bottleneck_32" in usable else usable[0], usable)
    name = st.selectbox("Model", usable, key="autoencoder.odd")
    run, space = shared.load_run(name), space_of(name)
    errors, about = space.errors, space.about
    st.markdown(
        "What an autoencoder gives back badly is unlike what it learned from: the oldest way to find odd pictures. Radiographs on the left of the threshold, odd pictures on the right would be perfect."
    )
    ood = {kind: np.array(result.errors) for kind, result in about.ood.items()}
    own = float(np.square(reconstruction.reconstruct(run, image).error).mean())
    choices = [float(each) for each in np.quantile(errors, np.linspace(0.5, 1, 101))]
    shared.keep(f"autoencoder.share.{name}", 95)
    share = st.slider("Let in so many of a hundred held-out radiographs", 50, 100, key=f"autoencoder.share.{name}")
    threshold = choices[2 * (share - 50)]
    st.plotly_chart(
        plots.anomaly_histogram(
            {c: errors[space.labels == i] for i, c in enumerate(CLASS_NAMES)},
            np.concatenate(list(ood.values())),
            threshold,
            own,
        ),
        key="autoencoder.anomaly",
        config=PLAIN_CHART,
    )
    caught = {kind: float((values > threshold).mean()) for kind, values in ood.items()}
    st.dataframe(
        [
            {
                "odd picture": kind,
                "n": len(ood[kind]),
                "AUROC": about.ood[kind].auroc,
                "above the threshold": caught[kind],
            }
            for kind in ood
        ],
        hide_index=True,
        key="autoencoder.odd_table",
        column_config={
            "AUROC": st.column_config.NumberColumn(format="%.3f"),
            "above the threshold": st.column_config.NumberColumn(format="percent"),
        },
    )
    st.caption(
        f"{name}: mean squared errors of n = {about.n:,} held-out radiographs and of pictures drawn by a program. ◆ {shared.plain(title)}: {own:.5f}, "
        f"{'above' if own > threshold else 'below'} the threshold."
    )
    show_changed(run, image, threshold)
    show_failures(run, space, ood, threshold)
    show_as_finding(usable)


def show_changed(run: Run, image: np.ndarray, threshold: float) -> None:
    """The same picture in ways in which no radiograph should come."""
    st.subheader("The picture above, changed", divider="gray")
    place = tiles()
    for kind, pixels in reconstruction.changed(image).items():
        result = reconstruction.reconstruct(run, pixels)
        error = float(np.square(result.error).mean())
        tile(place, result.original, f"{kind}: {error:.5f}, {'above' if error > threshold else 'below'}", 112)
    st.caption(f"Mean squared errors of {run.card.name}, above or below the threshold of {threshold:.5f}.")


def show_as_finding(usable: list[str]) -> None:
    """Whether the error tells the classes apart, by what each network learned from."""
    rows = [
        {
            "model": name,
            "learned from": shared.load_card(name).recipe.data.only or "both classes",
            "n": space_of(name).about.n,
            "AUROC": space_of(name).about.class_auroc,
        }
        for name in usable
    ]
    st.subheader("As a sign of pneumonia", divider="gray")
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(rows, hide_index=True, key="autoencoder.finding", column_config={"AUROC": number})
    st.caption(
        "AUROC of the error for PNEUMONIA among held-out radiographs: 0.5 is chance, and below it NORMAL ones are given back worse. A network that learned from one class only is often said "
        "to find the other by its error. Compare it with those that learned from both: where they do the same, it was not novelty that was measured but contrast and detail."
    )


def show_failures(run: Run, space: Space, ood: dict[str, np.ndarray], threshold: float) -> None:
    """What the threshold gets wrong: smooth odd pictures below it, radiographs above it."""
    st.subheader("Where it fails", divider="gray")
    drawn = latent.ood_images()
    missed = sorted((float(e), kind, n) for kind, values in ood.items() for n, e in enumerate(values) if e <= threshold)
    st.markdown(
        f"**{len(missed)} odd pictures below the threshold**"
        + (f", the first {FAILURES}" if len(missed) > FAILURES else "")
    )
    place = tiles()
    for error, kind, n in missed[:FAILURES]:
        tile(place, reconstruction.resized_image(run, drawn[kind][n]), f"{kind}, {error:.5f}", 112)
    worst = [int(n) for n in np.argsort(-space.errors) if space.errors[n] > threshold]
    st.markdown(f"**{len(worst)} radiographs above it**" + (f", the first {FAILURES}" if len(worst) > FAILURES else ""))
    images = dataset_audit.case_images([space.about.names[n] for n in worst[:FAILURES]])
    place = tiles()
    for n in worst[:FAILURES]:
        name, label = space.about.names[n], CLASS_NAMES[space.labels[n]]
        if name in images:
            tile(
                place,
                reconstruction.resized_image(run, images[name]),
                f"{shared.SYMBOLS[label]} {space.errors[n]:.5f}",
                112,
            )
    if not images:
        st.caption(
            "To see them, start the app with PNEUMO_DATA naming the folder of the radiographs. By name: "
            + ", ".join(f"`{Path(space.about.names[n]).name}`" for n in worst[:FAILURES])
        )
    st.caption(
        "Error grows with contrast and detail, not with oddness: a smooth blot is easy for a network that never saw one. The gate on Diagnose therefore asks two more questions."
    )


main()
