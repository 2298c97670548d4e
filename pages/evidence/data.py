"""Data: a set of radiographs audited in pictures, before anything learns from it."""

from __future__ import annotations

import dataclasses

import numpy as np
import streamlit as st

from pages import shared
from pneumo import plots
from pneumo.images import sheets
from pneumo.inference import dataset_audit
from pneumo.inference.dataset_audit import Survey
from pneumo.schema import CLASS_NAMES, AugmentSpec, ImageSpec, PneumoError, Recipe

KEPT_SURVEYS = 4  # in memory, for all visitors together
LOOPBACK = ("localhost", "127.0.0.1", "::1")
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")  # a proxy stands before the server
THUMBNAIL = ImageSpec(size=160)
MANY_IMAGES = 10  # of one patient; those who have more share a bar
BRIGHTNESS_BINS = 40
SAMPLES = 8  # of each class
CHANGED = 8
PLAIN_CHART = {"displayModeBar": False}
TRAINED, OWN = "as training divides it", "as the source has it"

# By group: field of AugmentSpec, what it is called here, the slider's end.
SLIDERS = {
    "Geometry": (
        ("rotation_deg", "Rotation, ± degrees", 45.0),
        ("shift", "Shift, ± share of the side", 0.3),
        ("zoom", "Zoom, ± share", 0.5),
        ("stretch", "Stretch, ± share", 0.5),
        ("shear_deg", "Shear, ± degrees", 30.0),
        ("flip", "Mirrored, probability", 1.0),
    ),
    "Greys": (
        ("gamma", "Gamma, exponent up to exp(±)", 1.0),
        ("contrast", "Contrast, ± share", 1.0),
        ("brightness", "Brightness, ± share of full scale", 0.5),
        ("equalise", "Histogram equalised, probability", 1.0),
    ),
    "Spoiled pictures": (
        ("blur", "Blur, probability", 1.0),
        ("noise", "Noise, probability", 1.0),
        ("border", "Painted margins, probability", 1.0),
        ("marker", "Painted marker, probability", 1.0),
    ),
}


def main() -> None:
    st.title("Data")
    st.caption(
        "What a model learns from, looked at before it learns: a network takes any short cut that a data set offers."
    )
    source = choose_source()
    try:
        result = survey_of(source)
    except PneumoError as error:
        st.error(shared.plain(str(error)), icon=":material/folder_off:")
        st.stop()
    show_tiles(result)
    show_classes(result)
    show_sizes(result)
    show_duplicates(result)
    show_brightness(result)
    show_images(result)


# --- the source -------------------------------------------------------------------------------------------


def choose_source() -> str:
    """The set that whoever started the server named in PNEUMO_DATA, else phantoms; or what is typed, where that is safe."""
    named = dataset_audit.named_source()
    left, right = st.columns([2, 3], gap="large")
    with left:
        source = st.selectbox(
            "Source",
            [*([named] if named else []), dataset_audit.PHANTOMS],
            format_func=dataset_audit.title,
            key="data.source",
        )
    with right:
        if typing_is_safe():
            typed = st.text_input(
                "Another folder, or hub:<dataset id>",
                key="data.typed",
                placeholder="a folder with NORMAL and PNEUMONIA in it",
                help="Offered because this server listens to this machine only.",
            )
            source = typed.strip() or source
        elif not named:
            st.caption(
                f"For a set of your own, start the app with the variable {dataset_audit.SOURCE_VARIABLE} naming its folder or "
                "hub:<dataset id>."
            )
    return source


def typing_is_safe() -> bool:
    """Whether a visitor may name any folder: only where the server listens to its own machine and no proxy stands before it.

    Elsewhere whoever can reach the page could look through the server's disk, and PNEUMO_DATA alone says what is shown.
    A hub id counts as a folder: `datasets` takes both.
    """
    headers = st.context.headers
    return st.get_option("server.address") in LOOPBACK and not any(name in headers for name in FORWARDED)


@st.cache_resource(show_spinner=False, max_entries=KEPT_SURVEYS)
def cached(source: str) -> shared.SharedCache:
    return shared.SharedCache()


def survey_of(source: str) -> Survey:
    """Each source is read once, with progress, which a cached function of Streamlit could not show."""
    place = cached(source)
    with place.lock:
        if place.result is None:
            place.result = take_survey(source)
        return place.result


def take_survey(source: str) -> Survey:
    bar = st.progress(0.0, f"Opening {shared.plain(dataset_audit.title(source))} ...")

    def report(done: int, total: int) -> None:
        if done % 25 == 0:
            bar.progress(done / total, f"Reading {done:,} of {total:,} images ...")

    try:
        return dataset_audit.take(source, report)
    finally:
        bar.empty()


# --- the audit --------------------------------------------------------------------------------------------


def show_tiles(result: Survey) -> None:
    audit = result.audit
    tiles = (
        ("Images", f"{audit['images']:,}", "Files in the class folders, readable or not."),
        ("Patients", f"{audit['patients']:,}", "By file name where it says so, else one patient an image."),
        ("Imbalance", f"{audit['imbalance']:.2f} : 1", "Images of the larger class for each of the smaller."),
        ("Duplicates", f"{audit['duplicate_images']:,}", "Images that are a copy of another, byte for byte."),
        ("Unreadable", f"{len(audit['unreadable']):,}", "Files that were refused; training leaves them out."),
    )
    for column, (title, value, text) in zip(st.columns(len(tiles)), tiles, strict=True):
        column.metric(title, value, help=text, border=True)
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in audit["subtypes"].items() if kind not in ("none", "phantom"))
    origin = "drawn by a program" if result.source.startswith("phantom") else result.citation or "origin not stated"
    st.caption(
        f"{shared.plain(dataset_audit.title(result.source))}: {shared.plain(origin)}. Licence: {shared.plain(audit['licence'])}."
        + (f" Of the pneumonias {kinds}." if kinds else "")
    )
    if audit["unreadable"]:
        with st.expander("What could not be read", icon=":material/block:"):
            st.dataframe([{"file": f, "reason": r} for f, r in audit["unreadable"].items()], hide_index=True)


def show_classes(result: Survey) -> None:
    """Class balance in each part, and how many images a patient has."""
    st.subheader("Classes and patients", divider="gray")
    left, right = st.columns(2, gap="large")
    with left:
        own = {split: count for split, count in result.audit["splits"].items() if split != "none"}
        division = TRAINED
        if own:
            division = st.segmented_control("Parts", (TRAINED, OWN), default=TRAINED, key="data.parts", required=True)
        st.plotly_chart(
            plots.class_bars(own if division == OWN else result.counts), key="data.balance", config=PLAIN_CHART
        )
        patients = ", ".join(f"{n:,} {split}" for split, n in result.patients_in.items())
        st.caption(
            f"Training divides by patient, never by image: {patients}. "
            + (
                "The source's own test part is left alone, and so is every copy of its pictures."
                if "test" in own
                else ""
            )
            + " A model that always answers with the larger class is right on "
            f"{max(result.audit['classes'].values()) / result.audit['images']:.0%}: accuracy alone says little."
        )
    with right:
        counts = dataset_audit.images_per_patient(result)
        most = max(values.max(initial=1) for values in counts.values())
        pooled = {name: np.minimum(values, MANY_IMAGES) for name, values in counts.items()}
        st.plotly_chart(
            plots.class_histogram(
                pooled,
                np.arange(0.5, min(most, MANY_IMAGES) + 1),
                "images of one patient" + (f" ({MANY_IMAGES}: or more)" if most > MANY_IMAGES else ""),
                "patients",
                beside=True,
            ),
            key="data.patients",
            config=PLAIN_CHART,
        )
        st.caption(
            f"One patient has up to {most}. Divided by image, pictures of the same chest would lie on both sides, and the test "
            "would ask what was learned by heart."
            if most > 1
            else "Every image counts as a patient of its own: the file names say no more."
        )
    if result.audit["patients_in_several_splits"]:
        st.warning(
            f"{result.audit['patients_in_several_splits']:,} patients lie in more than one of the source's own parts.",
            icon=":material/call_split:",
        )


def show_sizes(result: Survey) -> None:
    st.subheader("Sizes", divider="gray")
    sizes = result.sizes[result.readable]
    if not len(sizes):
        st.info("No image could be read.")
    elif (sizes == sizes[0]).all():
        st.markdown(
            f"All {len(sizes):,} images are **{sizes[0][0]} x {sizes[0][1]}** pixels: the size gives no class away."
        )
    else:
        st.plotly_chart(plots.image_sizes(sizes, result.labels[result.readable]), key="data.sizes", config=PLAIN_CHART)
        st.caption(
            "Every picture becomes a square without keeping its proportions. Where the classes differ in shape, the squeezing "
            "differs too, and a model may learn that instead of lungs; stretching in training works against it."
        )


def show_duplicates(result: Survey) -> None:
    st.subheader("Duplicates", divider="gray")
    audit = result.audit
    st.markdown(
        "The same file twice counts double in training; on both sides of a split it turns a test into a recitation. Patients who share "
        "a file are therefore kept in one part."
    )
    if not result.duplicates:
        st.markdown(f"None among {audit['images']:,} files.")
        return
    st.markdown(
        f"**{audit['duplicate_groups']:,}** {'group' if audit['duplicate_groups'] == 1 else 'groups'} of identical files, "
        f"{audit['duplicate_images']:,} images more than needed; **{audit['duplicates_with_two_labels']:,}** with two labels."
    )
    if audit["duplicates_with_two_labels"]:
        st.warning("The same picture is filed as NORMAL and as PNEUMONIA: one of the two is wrong.")
    st.dataframe(dataset_audit.duplicate_table(result), key="data.duplicates", hide_index=True, height=220)


def show_brightness(result: Survey) -> None:
    """Whether the classes differ in exposure, which is no disease."""
    st.subheader("Brightness", divider="gray")
    values = result.brightness
    by_class = {name: values[(result.labels == label) & result.readable] for label, name in enumerate(CLASS_NAMES)}
    low, high = (np.nanmin(values), np.nanmax(values)) if result.readable.any() else (0, 255)
    left, right = st.columns(2, gap="large")
    left.plotly_chart(
        plots.class_histogram(
            by_class, np.linspace(low, high + 1, BRIGHTNESS_BINS + 1), "mean grey level of an image", "images"
        ),
        key="data.brightness",
        config=PLAIN_CHART,
    )
    right.plotly_chart(plots.level_curves(result.level_shares), key="data.levels", config=PLAIN_CHART)
    area = dataset_audit.brightness_auroc(result)
    st.caption(
        (
            ""
            if area is None
            else f"Mean brightness alone would tell the classes apart with AUROC {area:.3f} (n = {result.readable.sum():,}, 0.5 is chance). "
        )
        + "A lung full of fluid is whiter, but so is a paler exposure: what lies above chance can be had without looking at a lung. "
        "Changes of gamma, contrast and brightness in training take it away."
    )


# --- pictures ---------------------------------------------------------------------------------------------


def next_seed(key: str) -> None:
    st.session_state[key] = st.session_state.get(key, 0) + 1


@st.cache_resource(show_spinner=False, max_entries=256)
def resized_image(_found: Survey, source: str, index: int, image: ImageSpec) -> np.ndarray:
    """(S, S) uint8, shared: nothing here writes to it."""
    return dataset_audit.resized_image(_found, index, image)


@st.fragment
def show_images(result: Survey) -> None:
    """Only this part is drawn again when a sample or a slider changes."""
    try:
        show_augmentation(result, show_samples(result))
    except PneumoError as error:  # a file has gone since the survey
        st.error(shared.plain(str(error)), icon=":material/folder_off:")


def show_samples(result: Survey) -> list[int]:
    """A grid of each class; returns the indices shown."""
    st.subheader("Samples", divider="gray")
    st.button(
        "Others", key="data.samples_again", icon=":material/casino:", on_click=next_seed, args=("data.samples_seed",)
    )
    seed = st.session_state.get("data.samples_seed", 0)
    drawn = dataset_audit.picks(result, SAMPLES, seed)
    for column, (name, indices) in zip(st.columns(2, gap="large"), drawn.items(), strict=True):
        with column:
            st.markdown(shared.label_html(name), unsafe_allow_html=True)
            if indices:
                tiles = np.stack([resized_image(result, result.source, index, THUMBNAIL) for index in indices])
                st.image(sheets.contact_sheet(tiles, columns=4), width="stretch")
    st.caption(f"Drawn with seed {seed}, squeezed into squares as a model sees them.")
    return [index for indices in drawn.values() for index in indices]


def show_augmentation(result: Survey, shown: list[int]) -> None:
    """One of the samples as training would change it, by the very function of training."""
    st.subheader("Augmentation", divider="gray")
    st.markdown(
        "In training no picture is seen twice alike: each time it is turned, moved, lightened, spoiled a little. What may change without "
        "changing the answer is what the model is told not to look at."
    )
    if not shown:
        st.info("No image could be read.")
        return
    table = dataset_audit.recipe_table()
    left, right = st.columns(2, gap="large")
    index = left.selectbox(
        "Image",
        shown,
        format_func=lambda i: f"{CLASS_NAMES[result.labels[i]]}: {result.names[i]}",
        key="data.image",
        help="The samples above.",
    )
    recipe = table[right.selectbox("Recipe", list(table), key="data.recipe")]
    right.caption(recipe.summary)
    with st.expander("Strength", icon=":material/tune:"):
        spec = choose_strength(recipe)
    st.button(
        "Again", key="data.augment_again", icon=":material/casino:", on_click=next_seed, args=("data.augment_seed",)
    )
    seed = st.session_state.get("data.augment_seed", 0)
    image = resized_image(result, result.source, index, recipe.image)
    changed = dataset_audit.augmented(image, spec, CHANGED, seed)
    left, right = st.columns([1, 2], gap="medium")
    left.image(image, caption=f"original, {recipe.image.size} x {recipe.image.size} pixels", width="stretch")
    right.image(
        sheets.contact_sheet(changed, columns=4), caption=f"{CHANGED} times changed, seed {seed}", width="stretch"
    )
    show_command(recipe, spec)


def choose_strength(recipe: Recipe) -> AugmentSpec:
    """Sliders that start at the recipe's values; each recipe has its own."""
    values = {}
    for column, (group, sliders) in zip(st.columns(len(SLIDERS), gap="large"), SLIDERS.items(), strict=True):
        column.markdown(f"**{group}**")
        for name, label, top in sliders:
            start = float(getattr(recipe.augment, name))
            step = 0.01 if top <= 1 else 1.0  # degrees are whole
            key = f"data.augment.{recipe.name}.{name}"
            values[name] = column.slider(label, 0.0, max(top, start), start, step, key=key)
    return AugmentSpec(**values)


def show_command(recipe: Recipe, spec: AugmentSpec) -> None:
    """How to train with what the sliders say."""
    fields = dataclasses.asdict(spec).items()
    moved = [f"augment.{key}={value:g}" for key, value in fields if value != getattr(recipe.augment, key)]
    st.code(" ".join(["python -m pneumo train", recipe.name, *moved]), language="sh")


main()
