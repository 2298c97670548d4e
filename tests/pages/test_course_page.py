"""The course page: what students may see, and what only a teacher does; links that open what they name."""

import pytest
from streamlit.testing.v1 import AppTest

from pages import components
from pages.classroom import glossary_quiz
from pneumo import runs
from pneumo.lessons import course
from tests.pages.helpers import TIMEOUT_S, texts


def opened(page="course", **query):
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=TIMEOUT_S)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"pages/classroom/{page}.py").run()


def sheets(app):
    return [each.proto.label for each in app.get("download_button")]


@pytest.mark.parametrize("part", ["lesson", "course", "sheets"])
def test_notes_and_sheets_of_the_teacher_are_shown_to_teachers_alone(part):
    student, teacher = opened(part=part), opened(part=part, teacher="1")
    assert not student.exception and not teacher.exception
    assert sheets(student) and not any("Teacher" in label for label in sheets(student))
    assert any("Teacher" in label for label in sheets(teacher))
    notes = [step.teach for step in course.load().lesson.steps] if part == "lesson" else []
    assert not any(note in texts(student.caption) for note in notes)
    assert all(note in texts(teacher.caption) for note in notes)


def test_the_switch_stands_in_the_address():
    app = opened()
    app.toggle(key="course.teaching").set_value(True).run()
    assert "1" in app.query_params["teacher"]
    app.toggle(key="course.teaching").set_value(False).run()
    assert "teacher" not in app.query_params


def test_points_add_up_and_pass_at_seven():
    app = opened(part="rubric")
    for line, points in zip(course.load().rubric.lines, (3, 2, 1, 0), strict=True):
        app.number_input(key=f"course.points.{line.name}").set_value(points)
    assert "6 of 12 points**: not passed yet" in texts(app.run().markdown)
    app.number_input(key="course.points.Limits").set_value(1)
    assert "7 of 12 points**: passed" in texts(app.run().markdown)


def test_the_quiz_opens_with_the_questions_of_the_link_by_number():
    app = opened("glossary", questions="q19,nonsense,q01,q19")
    assert not app.exception
    assert "2 questions of the quiz" in texts(app.caption) and "Question 19" in texts(app.caption)
    assert [each.id for each in glossary_quiz.chosen("q19,nonsense,q01,q19")] == ["q19", "q01"]
    assert glossary_quiz.chosen("") == [] and glossary_quiz.chosen("<script>") == []


def test_the_people_of_the_thresholds_are_locked_until_one_predicts(monkeypatch):
    sent = []
    mount = components.mount
    monkeypatch.setattr(
        components, "mount", lambda *args, data, **more: (sent.append(data), mount(*args, data=data, **more))[1]
    )
    app = opened("thresholds")
    assert sent[-1]["hidden"] is True
    app.button(key="thresholds.anyway").click().run()
    assert not app.exception and sent[-1]["hidden"] is False
