"""One flipped bit, anywhere: the cache is made anew, weights and checkpoints are refused by name."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo import data, runs
from pneumo.data import cache as cache_module
from pneumo.images import radiograph
from pneumo.schema import ImageSpec, PneumoError
from pneumo.training import Trainer, checkpoint, recipes
from tests.training.test_trainer import RECIPE, make_task

IMAGE = ImageSpec(size=16)


def flipped(blob: bytes, share: float, bit: int) -> bytes:
    place = min(int(share * len(blob)), len(blob) - 1)
    return blob[:place] + bytes([blob[place] ^ (1 << bit)]) + blob[place + 1 :]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache of readable, warned-of and unreadable images: data set, files, what is in them."""
    place = tmp_path_factory.mktemp("bits")
    (place / "set" / "NORMAL").mkdir(parents=True)
    for n in range(5):
        pixels = np.random.default_rng(n).integers(0, 256, (20, 20), dtype=np.uint8)
        blob = radiograph.encode_png(pixels)
        (place / "set" / "NORMAL" / f"{n}.png").write_bytes(blob[:60] if n == 3 else blob)
    dataset = data.open_source(str(place / "set"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PNEUMO_CACHE", str(place / "cache"))
        images = data.resized(dataset, IMAGE)
    assert images.errors
    assert images.warnings
    [array], [about] = (place / "cache").glob("*.npy"), (place / "cache").glob("*.json")
    return array, about, np.array(images.array), images


PLACES = st.floats(0, 1, exclude_max=True)


@given(st.sampled_from(["array", "description"]), PLACES, st.integers(0, 7))
def test_a_flipped_bit_in_the_cache_is_noticed_or_changes_nothing(filled, which, share, bit):
    """Pixels, the reasons why files could not be read, warnings, the checksum itself. Blanks of the header say nothing."""
    array, about, pixels, images = filled
    path = array if which == "array" else about
    good = path.read_bytes()
    path.write_bytes(flipped(good, share, bit))
    try:
        result = cache_module._load_cache(array, pixels.shape)
    finally:
        path.write_bytes(good)
    if result is not None:
        assert np.array_equal(result.array, pixels)
        assert (result.errors, result.warnings) == (images.errors, images.warnings)


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_of_a_pixel_is_always_noticed(filled, bit):
    array, _, pixels, _ = filled
    good = array.read_bytes()
    array.write_bytes(flipped(good, 0.6, bit))
    try:
        assert cache_module._load_cache(array, pixels.shape) is None
    finally:
        array.write_bytes(good)


@given(PLACES, st.integers(0, 7))
def test_a_flipped_bit_in_the_weights_is_refused_and_named(small_run_folder, share, bit):
    path = small_run_folder / runs.WEIGHTS_FILE
    good = path.read_bytes()
    path.write_bytes(flipped(good, share, bit))
    try:
        with pytest.raises(PneumoError, match=r"model\.safetensors has sha256 .* its card says"):
            runs.load(str(small_run_folder))
    finally:
        path.write_bytes(good)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A folder with a checkpoint after two epochs, and a trainer that can read it."""
    folder = tmp_path_factory.mktemp("checkpoint")
    recipe = recipes.override(RECIPE, ["epochs=2"])
    Trainer(make_task(recipe), recipe, folder).fit()
    return folder, recipe, Trainer(make_task(recipe), recipe, folder)


@given(PLACES, st.integers(0, 7))
def test_a_flipped_bit_in_a_checkpoint_is_refused_and_named(stored, share, bit):
    folder, recipe, trainer = stored
    path = folder / checkpoint.FILE
    good = path.read_bytes()
    state, best = checkpoint.restore(folder, recipe, trainer._stateful())
    path.write_bytes(flipped(good, share, bit))
    try:
        again, other = checkpoint.restore(folder, recipe, trainer._stateful())
    except PneumoError as error:
        assert f"{checkpoint.FILE} is damaged" in str(error)
        assert "delete it" in str(error)
    else:  # a blank of the header became another blank
        assert again == state
        assert all((best[key] == other[key]).all() for key in best)
    finally:
        path.write_bytes(good)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_a_flipped_bit_in_a_tensor_of_a_checkpoint_is_always_noticed(stored, share):
    folder, recipe, trainer = stored
    path = folder / checkpoint.FILE
    good = path.read_bytes()
    path.write_bytes(flipped(good, share, 3))
    try:
        with pytest.raises(PneumoError, match="does not match its checksum"):
            checkpoint.restore(folder, recipe, trainer._stateful())
    finally:
        path.write_bytes(good)


@pytest.mark.parametrize(
    "blob", [b"", b"x", b"{}", b"\xff" * 100, b"\x08" + b"\0" * 7 + b'{"a": 1}', json.dumps({}).encode()]
)
def test_anything_else_in_its_place_is_refused_and_named(stored, blob):
    folder, recipe, trainer = stored
    path = folder / checkpoint.FILE
    good = path.read_bytes()
    path.write_bytes(blob)
    try:
        with pytest.raises(PneumoError, match="is damaged"):
            checkpoint.restore(folder, recipe, trainer._stateful())
    finally:
        path.write_bytes(good)
