"""The Shortcut lab: changes that change what they say, the same in the browser, and a model that reads the marker."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from pneumo import runs
from pneumo.images import phantom
from pneumo.lessons import shortcuts
from pneumo.lessons.shortcuts import KINDS, Change

COMPONENTS = runs.REPOSITORY / "pages" / "components"
OTHER = np.tile(np.arange(256, dtype=np.uint8), (256, 1))


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return shortcuts.as_square(phantom.draw(5, 0, 1, size_px=300, seed=3).pixels)


@pytest.fixture(scope="module")
def films():
    return shortcuts.films()


def middle(kind: str, strength: float) -> Change:
    return Change(kind, strength, *shortcuts.PLACES.get(kind, (0.5, 0.5)))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "inverted"])
def test_an_empty_change_moves_no_pixel_and_the_logit_by_exactly_0(kind, image, small_run):
    after = shortcuts.changed(image, middle(kind, 0.0), OTHER)
    np.testing.assert_array_equal(after, image)
    before, now = shortcuts.logits(small_run, [image])[0], shortcuts.logits(small_run, [after])[0]
    assert now - before == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_made_twice_is_equal_and_leaves_the_original(kind, image):
    before, change = image.copy(), middle(kind, KINDS[kind].start)
    once, twice = (shortcuts.changed(image, change, OTHER) for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_array_equal(image, before)
    assert (once != image).any()


@pytest.mark.parametrize(
    ("kind", "tall", "wide"), [("letter", 0.06, 0.045), ("wire", 0.06, 0.32), ("patch", 0.13, 0.13)]
)
def test_a_stamp_changes_only_its_own_pixels(kind, tall, wide, image):
    change = middle(kind, KINDS[kind].start)
    rows, columns = np.nonzero(shortcuts.changed(image, change) != image)
    assert len(rows) > 50
    assert np.abs((rows + 0.5) / shortcuts.SIDE - change.row).max() <= tall
    assert np.abs((columns + 0.5) / shortcuts.SIDE - change.column).max() <= wide


def test_another_exposure_gives_the_histogram_of_the_other_image(image):
    other = shortcuts.as_square(phantom.draw(9, 0, 0, size_px=256, seed=3).pixels)
    after = shortcuts.changed(image, Change("exposure", 1.0), other)
    quantiles = np.linspace(0.3, 0.95, 10)  # below lies the black around the patient
    assert np.abs(np.quantile(after, quantiles) - np.quantile(other, quantiles)).max() <= 4


@pytest.mark.skipif(not shutil.which("node"), reason="no Node on this machine")
def test_the_browser_makes_the_same_changes(image):
    """All kinds in three strengths: stamps to the pixel, what is interpolated to one grey level."""
    changes = [
        {"kind": kind, "strength": strength, "row": 0.37, "column": 0.41}
        for kind, meant in KINDS.items()
        for strength in ((0.3, 0.77, 1.0) if meant.lowest != -1 else (-1.0, -0.3, 0.77))
    ]
    given = {
        "pixels": image.ravel().tolist(),
        "changes": changes,
        "levels": shortcuts.LEVELS,
        "grey": shortcuts.middle_grey(image),
        "table": shortcuts.exposure_table(image, OTHER).tolist(),
    }
    program = f"""
      import {{ changed }} from "{(COMPONENTS / "changes.js").as_uri()}";
      let text = ""; for await (const part of process.stdin) text += part;
      const {{ pixels, changes, levels, grey, table }} = JSON.parse(text);
      process.stdout.write(JSON.stringify(changes.map((each) => [...changed(Uint8Array.from(pixels), 256, each, levels, {{ grey, table }})])));"""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    for change, found in zip(changes, json.loads(done.stdout), strict=True):
        expected = shortcuts.changed(image, Change(**change), OTHER).ravel().astype(int)
        away = np.abs(np.array(found) - expected)
        assert away.max() <= 1, change
        assert (away > 0).mean() < 0.001, change


def test_a_patch_on_the_lesion_covers_it_and_a_margin(films):
    sick = [film for film in films if film.label == 1]
    for number, film in zip(range(1, 2 * len(sick), 2), sick, strict=True):
        lesion = phantom.draw(number, 0, 1, size_px=shortcuts.SIDE, seed=shortcuts.FILMS_SEED).lesion
        where = shortcuts._square(shortcuts.SIDE, Change("patch", film.side / shortcuts.WIDEST, *film.place))
        assert where[lesion].all()


def test_the_films_are_half_sick(films):
    assert len(films) == shortcuts.FILMS
    assert sum(film.label for film in films) == shortcuts.FILMS // 2


def test_flips_are_counted_at_the_threshold():
    labels = np.array([0, 0, 1, 1])
    flips = shortcuts.count_flips(labels, np.array([0.1, 0.9, 0.8, 0.2]), np.array([0.7, 0.9, 0.4, 0.2]), 0.5)
    assert (flips.n, flips.flips, flips.false_alarms, flips.missed) == (4, 2, (1, 2), (1, 2))
    assert 0.1 < flips.ci95.low < 0.5 < flips.ci95.high < 0.9


def test_a_marker_of_its_own_stream_leaves_the_rest_of_the_film_alone():
    plain, marked = (phantom.draw(3, 0, 1, size_px=128, seed=1, marker=each).pixels for each in (False, True))
    rows, columns = np.nonzero(plain != marked)
    assert len(rows)
    assert np.ptp(rows) <= 128 * 0.13 and np.ptp(columns) <= 128 * 0.1
    assert (marked[rows, columns] > plain[rows, columns]).all()


def test_the_marker_gives_the_class_away_in_marked_sets_only():
    drawn = list(phantom.draw_set(12, size_px=96, seed=4, marked=True))
    for each in drawn:
        patient, image = int(each.patient.split("-")[1]), int(each.name.split("-")[2])
        again = phantom.draw(patient, image, each.label, size_px=96, seed=4, marker=each.label == 1)
        np.testing.assert_array_equal(each.pixels, again.pixels)


def test_the_reader_reads_the_marker_and_the_other_model_does_not(films):
    """As the lesson says: both are excellent on their own test phantoms; a large R makes one call everything PNEUMONIA."""
    labels = np.array([film.label for film in films])
    found = {}
    for name in (shortcuts.READER, shortcuts.HONEST):
        run = runs.load(name)
        assert run.card.metrics["test"].auroc > 0.99
        before, after = (
            shortcuts.probabilities(run, images)
            for images in (
                [film.pixels for film in films],
                shortcuts.changed_films(films, Change("letter", 0.8)),
            )
        )
        found[name] = shortcuts.count_flips(labels, before, after, run.card.point().threshold)
    assert found[shortcuts.READER].false_alarms[1] >= 18
    assert found[shortcuts.READER].missed[0] > 3 > found[shortcuts.READER].missed[1]
    assert found[shortcuts.HONEST].flips <= 2
    assert (runs.resolve(shortcuts.READER) / runs.WEIGHTS_FILE).stat().st_size < 1_000_000


def test_the_order_of_the_two_models_follows_the_seed_and_is_not_always_the_same():
    orders = {seed: shortcuts.order(seed) for seed in range(20)}
    assert orders == {seed: shortcuts.order(seed) for seed in range(20)}
    assert len(set(orders.values())) == 2
