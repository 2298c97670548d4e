"""Real or generated? Ten pairs of images: the visitor plays the discriminator, then sees how the discriminator did."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import shared
from pages.generators.gallery import SMALL_TILE_PX, Tile, show_gallery, show_image
from pneumo.formatting import with_interval
from pneumo.generators import game
from pneumo.inference import dataset_audit, examples
from pneumo.runs import Run
from pneumo.schema import PneumoError

DEAL, CALLED, ROUND = "gan.deal", "gan.called", "gan.round"
FETCHED = "gan.fetched"  # whether this visitor asked for radiographs of the hub
REAL_CANDIDATES = 40  # held-out radiographs among which the game chooses
IMAGE_PX = 260
ONE, MANY = {"radiographs": "real", "phantoms": "phantom"}, {"radiographs": "real images", "phantoms": "phantoms"}


@st.fragment
@shared.guarded
def show_game(run: Run) -> None:
    key = (run.card.weights.sha256, st.session_state.setdefault(ROUND, 0))
    if st.session_state.get(DEAL, (None,))[0] != key:
        with st.spinner("Shuffling ..."):
            st.session_state[DEAL] = (key, game.deal(run, key[1], _held_out()))
        st.session_state[CALLED] = []
    dealt, called = st.session_state[DEAL][1], st.session_state[CALLED]
    if dealt.real == "phantoms":
        _show_easy_version()
    if len(called) == 2 * game.PAIRS:
        show_result(dealt, np.array(called))
    else:
        show_pair(dealt, called, key[1])


def _held_out() -> list[tuple[np.ndarray, int]]:
    """Radiographs of patients no model here was trained on, with their class: from the folder or the hub; else none."""
    at_hand = _from_folder()
    if not at_hand and (st.session_state.get(FETCHED) or shared.real_cases()):
        try:
            return _from_hub()
        except PneumoError:
            return []  # reached before, but not now: the game goes on with phantoms
    return at_hand


def _from_folder() -> list[tuple[np.ndarray, int]]:
    try:
        known = shared.load_predictions(shared.default_name()).split("test")
    except PneumoError:
        return []  # without a default run nothing says which radiographs are held out
    order = np.random.default_rng(st.session_state[ROUND]).permutation(len(known.names))[:REAL_CANDIDATES]
    labels = dict(zip(known.names[order].tolist(), known.labels[order].tolist(), strict=True))
    return [(pixels, labels[name]) for name, pixels in dataset_audit.case_images(list(labels)).items()]


@st.cache_resource(show_spinner="Loading radiographs ...")
def _from_hub() -> list[tuple[np.ndarray, int]]:
    """Of the public test set, for all visitors. PneumoError where the hub cannot be reached, which is not kept."""
    return [(examples.read_pixels(each.data, each.name), each.label) for each in examples.hub_examples(REAL_CANDIDATES)]


# --- playing ----------------------------------------------------------------------------------------------


def show_pair(dealt: game.Deal, called: list[bool], number_of_round: int) -> None:
    pair, real = len(called) // 2, ONE[dealt.real]
    st.markdown(
        f"**Pair {pair + 1} of {game.PAIRS}.** Each image may be {real if real == 'real' else f'a {real}'} or generated. "
        f"A pair can hold two, one or no {MANY[dealt.real]}."
    )
    places, results = st.container(horizontal=True, gap="medium"), []
    for place in range(2):
        with places.container(width=IMAGE_PX):
            show_image(dealt.images[2 * pair + place], f"Image {'AB'[place]} of pair {pair + 1}", width=IMAGE_PX)
            results.append(
                st.segmented_control(
                    f"Image {'AB'[place]}", [real, "generated"], key=f"gan.answer.{number_of_round}.{pair}.{place}"
                )
            )
    st.button(
        "Next pair" if pair + 1 < game.PAIRS else "Show the result",
        key=f"gan.next.{number_of_round}.{pair}",
        type="primary",
        disabled=None in results,
        on_click=lambda: st.session_state[CALLED].extend(each == "generated" for each in results),
    )


def _show_easy_version() -> None:
    told, fetch = st.columns([4, 1], vertical_alignment="center")
    told.info(
        "**No real radiographs available: this is the easy version.** Computer-drawn phantoms take their place, and they are easy to "
        "recognise. To play with real radiographs, load some from the hub, or set PNEUMO_DATA to their folder before you start the app."
    )
    if fetch.button(
        "Load radiographs",
        key="gan.fetch",
        icon=":material/cloud_download:",
        help="Streams radiographs of the public Guangzhou test set from the hub.",
    ):
        _fetch()


def _fetch() -> None:
    """Starts again with radiographs from the hub, or says why there are none."""
    try:
        _from_hub()
    except PneumoError as error:
        st.warning(f"No radiographs were loaded: {shared.plain(str(error))}", icon=":material/cloud_off:")
        return
    st.session_state[FETCHED] = True
    _again()
    st.rerun()


def _again() -> None:
    st.session_state[ROUND] += 1


# --- the result -------------------------------------------------------------------------------------------


def show_result(dealt: game.Deal, called: np.ndarray) -> None:
    scores = {
        "You": game.score(dealt.generated, called),
        "The discriminator": game.score(dealt.generated, dealt.verdicts < 0.5),
    }
    for column, (who, result) in zip(st.columns(2), scores.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{_in_words(who, result, dealt.real)}**")
            st.caption(
                f"Sensitivity to generated images {with_interval(result.sensitivity, result.sensitivity_ci95)}, "
                f"specificity {with_interval(result.specificity, result.specificity_ci95)}; 95% intervals."
            )
    st.caption("50% is chance. With ten of each kind the intervals are wide: play again.")
    tiles = []
    for number, image in enumerate(dealt.images):
        truth = "generated" if dealt.generated[number] else ONE[dealt.real]
        mark = "✓ you were right" if called[number] == dealt.generated[number] else "✗ you were wrong"
        tiles.append(Tile(image, f"Image {number + 1}: {truth}", (truth, mark)))
    show_gallery(tiles, SMALL_TILE_PX)
    st.button("Play again", key="gan.again", icon=":material/replay:", on_click=_again)


def _in_words(who: str, result: game.Score, real: str) -> str:
    """ "You spotted 4 of 10 generated images and took 1 of 10 real images for generated."."""
    spotted = round(result.sensitivity * result.n_generated)
    taken = round((1 - result.specificity) * result.n_real)
    return f"{who} spotted {spotted} of {result.n_generated} generated images and took {taken} of {result.n_real} {MANY[real]} for generated."
