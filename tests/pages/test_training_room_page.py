"""The training room through AppTest: the prediction locks what would give it away, a training runs, and an address is harmless."""

import io
import json
import time
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies
from streamlit.testing.v1 import AppTest

from pages.classroom import training_curves, training_live
from pneumo import runs
from pneumo.lessons import gallery, gallery_texts, training_queue, training_sums
from pneumo.lessons import training_room as rooms
from pneumo.lessons.training_queue import Place
from pneumo.lessons.training_room import Settings
from tests.pages.helpers import TIMEOUT_S, buttons, leave_and_come_back, open_page, texts

PAGE = "pages/classroom/training_room.py"
JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | strategies.integers() | strategies.text(max_size=5),
    lambda inner: strategies.lists(inner, max_size=4),
    max_leaves=6,
)  # fmt: skip


class Room:
    """In place of the real one: nobody trains, and what is asked for is kept."""

    def __init__(self):
        self.entered, self.left, self.ahead, self.starting = [], [], 0, False

    def warm(self):
        pass

    def enter(self, settings):
        _ = settings.parameters
        self.entered.append(Place(settings, runs.REPOSITORY / "nowhere", room=self))
        return self.entered[-1]

    def before(self, place):
        return self.ahead

    def leave(self, place):
        place.state = "left"


@pytest.fixture
def room(monkeypatch):
    room = Room()
    monkeypatch.setattr(training_queue, "room", lambda: room)
    monkeypatch.setattr(training_live, "room", lambda: room)
    return room


@pytest.fixture
def shown(monkeypatch):
    """What the player was given, by key, as (identity, trainings)."""
    kept = {}
    monkeypatch.setattr(
        training_curves, "show", lambda key, identity, trainings, **_: kept.__setitem__(key, (identity, trainings))
    )
    return kept


def opened(**query) -> AppTest:
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=TIMEOUT_S)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(PAGE).run()


def settings_of(app):
    return Settings(
        **{name: app.session_state[f"training_room.{name}"] for name in training_live.FIELDS},
        widths=training_live.BLOCKS[app.session_state["training_room.blocks"]],
    )


# --- gallery --------------------------------------------------------------------------------------------------------


def test_the_prediction_locks_the_rest_of_the_first_exhibit(shown):
    app = open_page(PAGE)
    best, last = (int(training_sums.facts()[each]) for each in ("best", "last"))
    (training,) = shown["training_room.gallery"][1]
    assert training["frames"] == list(range(best + 1)), "nothing beyond it goes to the browser"
    assert not app.expander or "What happened here?" not in [each.label for each in app.expander]
    app.radio(key="training_room.predicted").set_value(1).run()
    app.button(key="training_room.commit").click().run()
    (training,) = shown["training_room.gallery"][1]
    assert not app.exception and len(training["frames"]) == last + 1
    assert "What happened here?" in [each.label for each in app.expander]


@pytest.mark.parametrize("name", list(gallery_texts.load()))
def test_every_exhibit_is_shown_with_what_is_to_be_seen(shown, name):
    app = opened(exhibit=name)
    app.button(key="training_room.anyway").click().run()
    assert not app.exception and not app.error
    assert app.selectbox(key="training_room.exhibit").value == name
    assert gallery_texts.load()[name].notice in texts(app.markdown)
    trainings = shown["training_room.gallery"][1]
    assert len(trainings) == len(gallery.recorded(name)["trainings"])
    drawn = [line["name"] for each in trainings for panel in each["panels"] for line in panel["lines"]]
    assert set(gallery.recorded(name)["extra"].values()) <= set(drawn), "each further column has its curve"
    for each in trainings:
        for panel in each["panels"]:
            assert all(len(line["values"]) == len(each["epochs"]) for line in panel["lines"])


# --- which one -------------------------------------------------------------------------------------------------------


TITLES = [gallery_texts.load()[name].title for name in ("good", "rare", "by_heart", "too_low")]


def test_four_trainings_without_a_name(shown):
    app = opened(part="which")
    app.session_state["classroom.answers"] = {("training_room", "prediction"): 1}
    app.run()
    assert not app.exception and not any(title in texts(app.markdown) for title in TITLES)
    trainings = shown["training_room.suspects"][1]
    assert [each["title"] for each in trainings] == [f"Training {each}" for each in "ABCD"]
    assert not any(each["cases"] or each["matrix"] or each["text"] for each in trainings)
    assert app.button(key="training_room.which.commit").disabled


@pytest.mark.parametrize(("guess", "reply"), [(2, "That is right."), (0, "It is C:")])
def test_a_guess_reveals_the_names(shown, guess, reply):
    app = opened(part="which")
    app.session_state["classroom.answers"] = {("training_room", "prediction"): 1, ("training_room", "which"): guess}
    app.run()
    assert not app.exception and reply in texts([*app.success, *app.warning])
    assert all(title in texts(app.markdown) for title in TITLES)


def test_a_guess_is_committed_when_the_whole_page_is_drawn(shown):
    app = opened(part="which")
    assert "Predict first" in texts(app.info), "the whole curve would give the reveal away"
    app.session_state["classroom.answers"] = {("training_room", "prediction"): 1}
    app.run()
    app.radio(key="training_room.guess").set_value(2).run()
    app.button(key="training_room.which.commit").click().run()
    assert not app.exception and "That is right." in texts(app.success)


# --- one's own ---------------------------------------------------------------------------------------------------------


def test_it_opens_with_a_good_start_and_a_preset_fills_the_fields(room):
    app = opened(part="room")
    assert not app.exception and settings_of(app) == training_live.PRESETS["start"][1]
    app.number_input(key="training_room.seed").set_value(7).run()
    for name, (_, settings) in training_live.PRESETS.items():
        buttons(app, "training_room.preset").set_value(name).run()
        assert not app.exception and settings_of(app) == replace(settings, seed=7), name
        assert f"{settings.parameters:,} parameters" in texts(app.caption)
    app.selectbox(key="training_room.batch").set_value(8).run()
    assert buttons(app, "training_room.preset").value == "own"


def test_an_address_gives_the_settings_back_and_they_outlast_another_page(room):
    wanted = replace(training_live.PRESETS["heart"][1], seed=9, l1=1e-4)
    app = opened(part="room", train=json.dumps(rooms.as_json(wanted)))
    assert not app.exception and settings_of(app) == wanted
    app.selectbox(key="training_room.side").set_value(96).run()
    said = json.loads(
        app.query_params["train"][0] if isinstance(app.query_params["train"], list) else app.query_params["train"]
    )
    assert rooms.from_json(said) == replace(wanted, side=96)
    app = leave_and_come_back(app, PAGE)
    assert not app.exception and settings_of(app) == replace(wanted, side=96)


@pytest.mark.parametrize(
    "junk",
    ["{", "[]", '{"net": "x"}', '{"widths": [3]}', '{"l1": 0.05}', '{"patience": 40}', '{"data": "real"}', '{"rate": 1e999}',
     '{"seed": "<script>"}', '{"epochs": ' + "9" * 3000 + "}", "[" * 3000],
)  # fmt: skip
def test_an_address_that_is_no_settings_is_harmless(room, junk):
    app = opened(part="room", train=junk)
    assert not app.exception and not app.error
    assert settings_of(app) == training_live.PRESETS["start"][1]


@given(strategies.dictionaries(strategies.sampled_from([*training_live.FIELDS, "widths"]), JSON, max_size=4))
def test_whatever_an_address_says_every_field_can_show_it(said):
    found = training_live._checked(said)
    assert found.widths in training_live.BLOCKS.values() and found.data in rooms.kinds()
    assert found.l1 in training_live.PENALTIES and found.l2 in training_live.PENALTIES and 0 <= found.patience <= 20


def test_a_net_too_large_cannot_be_trained(room, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_PARAMETERS", 1_000)
    app = opened(part="room")
    assert "the room takes up to 1,000" in texts(app.warning)
    assert not [each for each in app.button if each.key == "training_room.start"]


def test_the_stages_of_a_training_as_they_are_said(room, shown):
    app = opened(part="room", train=json.dumps({"count": 100, "side": 32, "epochs": 4}))
    room.ahead = 3
    app.button(key="training_room.start").click().run()
    (place,) = room.entered
    assert place.settings == Settings(count=100, side=32, epochs=4)
    assert "2 trainings before yours" in texts(app.info)
    room.ahead = 1
    app.run()
    assert "yours is next" in texts(app.info)
    room.starting = True
    app.run()
    assert "is being started" in texts(app.info)
    room.ahead, place.state, place.worker = (
        0,
        "training",
        SimpleNamespace(told=[], say=lambda what: place.worker.told.append(what)),
    )
    place.step = {"epoch": 2, "step": 3, "steps": 10, "images_per_s": 321, "rate": 1e-3}
    recorded = gallery.recorded("good")["trainings"][0]
    place.begin, place.looks = {"cases": recorded["cases"]}, recorded["looks"][:2]
    app.run()
    assert not app.exception and shown["training_room.live"][1][0]["frames"] == [0, 1]
    app.button(key="training_room.pause").click().run()
    app.selectbox(key="training_room.new_rate").set_value(0.1).run()
    assert [each.label for each in app.button if each.key == "training_room.pause"] == ["Go on"]
    app.button(key="training_room.pause").click().run()
    app.button(key="training_room.end").click().run()
    assert place.worker.told == [{"do": "pause"}, {"rate": 0.1}, {"do": "go"}, {"do": "end"}]
    place.state, place.best_epoch = "done", 1
    app.run()
    assert "Done: 1 epoch. The weights kept are those of epoch 1" in texts(app.success)
    app.button(key="training_room.keep").click().run()
    app.button(key="training_room.start").click().run()
    again = room.entered[1]
    again.state, again.looks = "training", recorded["looks"][:1]
    app.run()
    assert not app.exception
    names = [line["name"] for line in shown["training_room.live"][1][0]["panels"][0]["lines"]]
    assert len(names) == 3, "the kept validation curve is drawn as well"
    app.button(key="training_room.leave").click().run()
    assert "was left" in texts(app.info)


@pytest.mark.parametrize(
    ("state", "message", "said"),
    [
        ("failed", "the process was ended", "the process was ended"),
        ("done", "training diverged in epoch 2", "overshot"),
    ],
)
def test_what_went_wrong_is_said(room, shown, state, message, said):
    app = opened(part="room")
    app.button(key="training_room.start").click().run()
    room.entered[0].state, room.entered[0].message = state, message
    app.run()
    assert not app.exception and said in texts([*app.error, *app.warning])


@pytest.mark.slow
def test_a_real_training_is_watched_to_its_end_and_its_run_downloaded(tmp_path):
    app = opened(part="room", train=json.dumps({"count": 100, "side": 32, "epochs": 2}))
    app.button(key="training_room.start").click().run()
    deadline = time.monotonic() + 90
    while not app.success and time.monotonic() < deadline:
        time.sleep(0.5)
        app.run()
    assert "Done: 2 epochs" in texts(app.success)
    place = app.session_state[training_live.PLACE]
    with zipfile.ZipFile(io.BytesIO(training_live._zipped(place))) as archive:
        archive.extractall(tmp_path)
    assert runs.load(str(tmp_path / place.folder.name)).card.epochs_run == 2
    training_queue.room().close()


# --- the ball ------------------------------------------------------------------------------------------------------------


@given(strategies.dictionaries(strategies.sampled_from(["w", "rate", "x"]), JSON, max_size=3))
def test_what_the_ball_is_told_is_checked(said):
    from pages.classroom.training_room import checked

    good = checked(said)
    assert set(good) <= {"w", "rate"} and -3 <= good.get("w", 0) <= 3 and 0.001 <= good.get("rate", 1) <= 2
    assert checked(json.loads(json.dumps(good, allow_nan=False))) == good


@pytest.mark.parametrize("junk", ['{"w": 1e9}', '{"w": null, "rate": []}', "nonsense", '{"rate": -1}'])
def test_an_address_that_is_no_ball_is_harmless(junk):
    app = opened(part="descent", ball=junk)
    assert not app.exception and not app.error
