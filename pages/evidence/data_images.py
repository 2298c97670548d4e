"""Sample images of a data set, and what augmentation makes of one."""

from __future__ import annotations

import dataclasses

import numpy as np
import streamlit as st

from pages import shared
from pneumo import runs
from pneumo.images import sheets
from pneumo.inference import dataset_audit, dataset_samples, examples
from pneumo.inference.dataset_audit import Survey
from pneumo.inference.dataset_samples import Sample
from pneumo.runs import names
from pneumo.schema import CLASS_NAMES, AugmentSpec, ImageSpec, PneumoError, Recipe

THUMBNAIL = ImageSpec(size=160)
SAMPLES = 8  # of each class
CHANGED = 8
COLUMNS = 4

# By group: field of AugmentSpec, what it is called here, the slider's end.
SLIDERS = {
    "Geometry": (
        ("rotation_deg", "Rotation, up to ± degrees", 45.0),
        ("shift", "Shift, up to ± share of the side", 0.3),
        ("zoom", "Zoom, up to ± share", 0.5),
        ("stretch", "Stretch, up to ± share", 0.5),
        ("shear_deg", "Shear, up to ± degrees", 30.0),
        ("flip", "Mirroring, probability", 1.0),
    ),
    "Grey levels": (
        ("gamma", "Gamma, exponent up to exp(±)", 1.0),
        ("contrast", "Contrast, up to ± share", 1.0),
        ("brightness", "Brightness, up to ± share of full scale", 0.5),
        ("equalise", "Histogram equalisation, probability", 1.0),
        ("exchange", "Grey levels of another radiograph, probability", 1.0),
    ),
    "Degraded images": (
        ("blur", "Blur, probability", 1.0),
        ("sharpen", "Sharpening, probability", 1.0),
        ("noise", "Noise, probability", 1.0),
        ("border", "Painted margins, probability", 1.0),
        ("marker", "Painted marker, probability", 1.0),
    ),
}


def next_seed(key: str) -> None:
    st.session_state[key] = st.session_state.get(key, 0) + 1


def samples_of(survey: Survey | None) -> list[Sample]:
    """The samples that are shown now; none where nothing can be read or generated."""
    seed = st.session_state.get("data.samples_seed", 0)
    if survey is not None:
        return dataset_samples.of_survey(survey, SAMPLES, seed)
    name = examples.finest_gan()
    return _generated(str(runs.resolve(name)), seed) if name else []


@st.cache_resource(show_spinner="Generating radiographs ...", max_entries=16)
def _generated(folder: str, seed: int) -> list[Sample]:
    return dataset_samples.generated(shared.load_run(folder), SAMPLES, seed)


# --- samples ----------------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_samples(survey: Survey | None) -> None:
    """A grid of each class. survey: None where the images are not at hand, and generated ones stand in for them."""
    shown = samples_of(survey)
    if not shown:
        st.info("There is no image to show.", icon=":material/image_not_supported:")
        return
    about = origin_of(survey)
    st.markdown(about)
    st.button(
        "New samples",
        key="data.samples_again",
        icon=":material/casino:",
        on_click=next_seed,
        args=("data.samples_seed",),
    )
    for column, name in zip(st.columns(len(CLASS_NAMES), gap="large"), CLASS_NAMES, strict=True):
        own = [sample for sample in shown if sample.label_name == name]
        with column:
            st.markdown(shared.label_html(name), unsafe_allow_html=True)
            if own:
                tiles = np.stack([sample.resized(THUMBNAIL) for sample in own])
                kind = "generated radiographs" if survey is None else "images"
                st.image(
                    sheets.grid(tiles, columns=COLUMNS, background=sheets.GREY),
                    width="stretch",
                    alt=f"{len(own)} {kind} of the class {name}.",
                )
    st.caption("Resized as a model sees them: equal width and height, whatever the proportions were.")


def origin_of(survey: Survey | None) -> str:
    """Whose images are shown, in one or two sentences."""
    if survey is None:
        return (
            "The radiographs of this set are not part of this project. **These are synthetic:** a GAN that learned from the "
            "training radiographs generated them. They resemble those radiographs but show no patient."
        )
    if survey.source.startswith("phantom"):
        return "**Phantoms:** drawn by a program, not radiographs of patients."
    return f"Images of {shared.plain(dataset_audit.title(survey.source))}."


# --- augmentation -----------------------------------------------------------------------------------------


@st.fragment
@shared.guarded
def show_augmentation(survey: Survey | None) -> None:
    """One of the samples as training would change it, by training's own function."""
    st.markdown(
        "Each time an image is used in training it is randomly rotated, shifted, brightened or degraded. "
        "What may change without changing the label is what the model is told to ignore."
    )
    shown = samples_of(survey)
    if not shown:
        st.info("There is no image to show.", icon=":material/image_not_supported:")
        return
    left, right = st.columns(2, gap="large")
    number = left.selectbox(
        "Image",
        range(len(shown)),
        format_func=lambda n: f"{shown[n].label_name}: {shown[n].name}",
        key="data.image",
        help="The images of the tab “Samples”.",
    )
    recipe = choose_recipe(right)
    with st.expander("Strength", icon=":material/tune:"):
        spec = choose_strength(recipe)
    seed = st.session_state.get("data.augment_seed", 0)
    image = shown[number].resized(recipe.image)
    changed = dataset_audit.augmented(image, spec, CHANGED, seed)
    left, right = st.columns([1, 2], gap="medium")
    kind = "synthetic, " if survey is None or survey.source.startswith("phantom") else ""
    left.image(
        image,
        caption=f"Original ({kind}{recipe.image.size} × {recipe.image.size} pixels)",
        width="stretch",
        alt=f"The original: {shown[number].name}, {shown[number].label_name}.",
    )
    right.image(
        sheets.grid(changed, columns=COLUMNS, background=sheets.GREY),
        caption=f"{CHANGED} augmented versions" if spec != AugmentSpec() else "This recipe changes nothing",
        width="stretch",
        alt=f"{CHANGED} versions of the same image, each changed at random.",
    )
    st.button(
        "Augment again",
        key="data.augment_again",
        icon=":material/casino:",
        on_click=next_seed,
        args=("data.augment_seed",),
    )
    show_command(recipe, spec)


def choose_recipe(place: st.delta_generator.DeltaGenerator) -> Recipe:
    """The recipes, the default model's first."""
    table = dataset_audit.recipe_table()
    default = default_recipe()
    options = sorted(table, key=lambda name: (name != default, name not in names.NAMES))
    chosen = place.selectbox("Recipe", options, format_func=lambda name: names.NAMES.get(name, name), key="data.recipe")
    place.caption(f"`{chosen}`: {table[chosen].summary}")
    return table[chosen]


def default_recipe() -> str:
    """The name of the default model's recipe; empty where there is no model."""
    try:
        return shared.load_card(shared.default_name()).recipe.name
    except PneumoError:
        return ""


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
    st.caption("Train with this augmentation:")
    st.code(" ".join(["python -m pneumo train", recipe.name, *moved]), language="sh")
