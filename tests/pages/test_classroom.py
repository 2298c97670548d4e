"""The stage of the classroom through AppTest: every lesson and part opens, commits count, addresses hold, nothing of one visitor goes to another."""

import json

import numpy as np
import pytest

from pages import components
from pages.classroom import answers, ending
from pages.menu import LESSONS
from pneumo.images import radiograph
from pneumo.lessons import quiz, texts
from tests.pages.helpers import buttons, open_page, phantoms
from tests.pages.helpers import texts as words


def page_of(name):
    return f"pages/classroom/{name}.py"


def parts_of(name):
    _, body = texts._read(texts.FOLDER / "en" / f"{name}.md")
    return [each.name for each in texts._sections(body)]


def opened(name, **query):
    from streamlit.testing.v1 import AppTest

    from pneumo import runs

    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=90)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(page_of(name)).run()


@pytest.mark.parametrize(("name", "part"), [(name, part) for name in LESSONS for part in parts_of(name)])
def test_every_part_opens_without_an_error_and_travels_light(name, part, monkeypatch):
    sent = []

    def mounted(*args, data, **options):
        sent.append(len(json.dumps(data)))
        return mount(*args, data=data, **options)

    mount = components.mount
    monkeypatch.setattr(components, "mount", mounted)
    app = opened(name, part=part, details="1")
    assert not app.exception and not app.error
    assert max(sent, default=0) <= components.LARGEST_DATA
    assert buttons(app, f"{name}.section").value == part, "the address says which part"
    assert app.title[0].value == texts.title_of(name)


@pytest.mark.parametrize("name", LESSONS)
def test_an_address_full_of_nonsense_opens_the_page_as_it_is(name):
    junk = json.dumps({"row": [1e999], "kernels": {"a": None}, "step": "<script>", "threshold": "x", "layer": 3})
    keys = ("slide", "channels", "steps", "learned", "look", "cam", "square", "line", "elsewhere", "cases")
    app = opened(name, part="nowhere", details="9", room="?????", **dict.fromkeys(keys, junk))
    assert not app.exception and not app.error
    app = opened(name, **dict.fromkeys(keys, "{" * 5000))
    assert not app.exception and not app.error


@pytest.mark.parametrize(
    "name", [each for each in LESSONS if texts._read(texts.FOLDER / "en" / f"{each}.md")[0].get("prediction")]
)
def test_a_prediction_is_committed_once_and_then_shown_beside_the_reveal(name):
    app = open_page(page_of(name))
    commit = app.button(key=f"{name}.commit")
    assert commit.disabled, "nothing was predicted yet"
    wanted = texts._read(texts.FOLDER / "en" / f"{name}.md")[0]["prediction"]
    if wanted.get("choices"):
        app.radio(key=f"{name}.predicted").set_value(0).run()
    else:
        app.number_input(key=f"{name}.predicted").set_value(3).run()
    app.button(key=f"{name}.commit").click().run()
    assert not app.exception
    assert app.session_state["classroom.answers"][name, "prediction"] in (0, 3)
    assert not [each for each in app.button if each.key == f"{name}.commit"], "it cannot be undone"


def test_show_me_anyway_reveals_and_is_marked():
    app = open_page(page_of("network"))
    app.button(key="network.anyway").click().run()
    assert "46 of 128" in words(app.markdown)
    assert "without a prediction" in words(app.caption)


def test_a_part_that_would_give_the_reveal_away_is_locked():
    app = opened("gradcam", part="lesion")
    assert "Predict first" in words(app.info)
    app.button(key="gradcam.anyway").click().run()
    assert "Predict first" not in words(app.info) and len(app.dataframe) == 1


def test_exit_questions_judge_and_explain():
    app = open_page(page_of("convolution"))
    question = quiz.load()["q01"]
    app.number_input(key="convolution.q01").set_value(14).run()
    app.button(key="convolution.q01.answer").click().run()
    assert "forgets to multiply" in words(app.warning)
    assert question.explanation[:20] in words(app.warning)
    app.number_input(key="convolution.q03").set_value(64).run()
    app.button(key="convolution.q03.answer").click().run()
    assert "is right" in words(app.success)


def test_the_worksheet_on_the_page_is_the_visitors_own():
    app = open_page(page_of("convolution"))
    app.number_input(key="convolution.predicted").set_value(8).run()
    app.button(key="convolution.commit").click().run()
    app.number_input(key="convolution.q03").set_value(63).run()
    app.button(key="convolution.q03.answer").click().run()
    assert not app.exception
    assert "I predicted: 8 (not right)" in words(app.markdown) and "I answered: 63 (not right)" in words(app.markdown)
    assert len(app.get("download_button")) == 1


def test_settings_outlast_a_look_at_another_page():
    app = opened("thresholds", line=json.dumps({"threshold": 2.5, "prevalence": 0.2}))
    app.switch_page(page_of("glossary")).run().switch_page(page_of("thresholds")).run()
    assert not app.exception


def test_the_worksheet_says_what_was_predicted_and_answered(monkeypatch):
    lesson = texts.lesson(
        "network",
        {"field": 46, "fields": "3 4", "side": 128, "total": "1", "heavy": "1", "share": "1", "convolutions": "1"},
    )
    given = {}
    monkeypatch.setattr(answers, "given", lambda: given)
    assert "Not yet predicted" in ending.worksheet(lesson)
    given["network", "prediction"] = answers.SEEN
    assert "Shown without a prediction" in ending.worksheet(lesson)
    given.update({("network", "prediction"): 48, ("network", "q04"): 18496})
    sheet = ending.worksheet(lesson)
    assert "I predicted: 48 (not right)" in sheet and "18496 (right)" in sheet


def test_presenting_steps_through_the_parts_and_on_to_the_next_lesson():
    app = opened("network", present="1")
    parts = parts_of("network")
    for part in parts[1:]:
        app.button(key="classroom.next").click().run()
        assert buttons(app, "network.section").value == part
    assert not [each for each in app.button if each.key == "classroom.next"], "a link leads on to the next lesson"
    app.button(key="classroom.back").click().run()
    assert buttons(app, "network.section").value == parts[-2]
    app.button(key="classroom.present").click().run()
    assert "present" not in app.query_params


def test_an_x_ray_uploaded_in_the_clinic_is_offered_in_the_classroom_and_in_no_other_session():
    app = open_page("pages/clinic/diagnose.py")
    app.file_uploader(key="diagnose.upload").set_value([(name, blob, "image/png") for name, blob in phantoms(1)])
    app.run()
    app.switch_page(page_of("convolution")).run()
    assert app.selectbox(key="convolution.slide_image").options[0] == "Your X-ray 1: phantom_1.png"
    assert app.selectbox(key="convolution.slide_image").value == "Your X-ray 1: phantom_1.png"
    for name in ("network", "gradcam"):
        app.switch_page(page_of(name)).run()
        assert not app.exception and not app.error
    stranger = open_page(page_of("convolution"))
    assert not any("phantom_1" in each for each in stranger.selectbox(key="convolution.slide_image").options)


def test_a_file_that_cannot_be_read_is_named_and_the_rest_of_the_page_stays():
    app = open_page("pages/clinic/diagnose.py")
    app.file_uploader(key="diagnose.upload").set_value([("broken.png", b"no image", "image/png")])
    app.run()
    for name in ("convolution", "network", "gradcam"):
        app.switch_page(page_of(name)).run()
        assert not app.exception
        assert len(app.error) == 1, name
        assert buttons(app, f"{name}.section"), "the other parts are within reach"


def test_an_own_x_ray_goes_through_the_slow_parts():
    noise = np.random.default_rng(0).integers(0, 255, (150, 150), np.uint8)
    app = open_page("pages/clinic/diagnose.py")
    app.file_uploader(key="diagnose.upload").set_value([("own.png", radiograph.encode_png(noise), "image/png")])
    app.run()
    app.switch_page(page_of("gradcam")).run()
    app.selectbox(key="gradcam.image").set_value("Your X-ray 1: own.png").run()
    for part in ("forget", "cover"):
        buttons(app, "gradcam.section").set_value(part).run()
        assert not app.exception and not app.error


def test_a_room_is_opened_joined_and_closed():
    teacher = opened("you_first", part="room")
    teacher.button(key="you_first.open").click().run()
    code = teacher.session_state["you_first.mine"].code
    assert code in words(teacher.markdown)
    student = opened("you_first", room=code.lower())
    assert not student.exception and code in words(student.caption)
    late = opened("you_first", part="room")
    late.text_input(key="you_first.code").set_value("XXXXX")
    next(each for each in late.button if each.label == "Join").click().run()
    assert "no room" in words(late.error)
    teacher.run()
    assert "1 reader joined" in words(teacher.markdown)
    teacher.button(key="you_first.close").click().run()
    assert "you_first.mine" not in teacher.session_state
    assert not teacher.exception


def test_a_link_to_a_closed_room_says_so():
    app = opened("you_first", room="ZZZZZ")
    assert not app.exception and "no room" in words(app.warning)


def test_a_link_names_a_built_in_image_and_a_model_and_never_an_own_one():
    app = opened("gradcam", image="Phantom 3", model="simple_cnn")
    assert app.selectbox(key="gradcam.image").value == "Phantom 3"
    assert app.selectbox(key="gradcam.run").value == "simple_cnn"
    app.selectbox(key="gradcam.image").set_value("Generated radiograph 2").run()
    assert app.query_params["image"] in ("Generated radiograph 2", ["Generated radiograph 2"])
    app = opened("gradcam", image="Your X-ray 1: secret.png", model="../../etc")
    assert not app.exception and app.selectbox(key="gradcam.image").value == "Phantom 1"
    app = open_page("pages/clinic/diagnose.py")
    app.file_uploader(key="diagnose.upload").set_value([(name, blob, "image/png") for name, blob in phantoms(2)])
    app.run().switch_page(page_of("convolution")).run()
    app.selectbox(key="convolution.slide_image").set_value("Phantom 2").run()
    app.selectbox(key="convolution.slide_image").set_value("Your X-ray 2: phantom_2.png").run()
    assert "image" not in app.query_params
