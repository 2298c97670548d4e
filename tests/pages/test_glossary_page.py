"""Glossary and quiz through AppTest: search, links, answers, the summary with confident errors first, and the sheet."""

import pytest

from pages.classroom import glossary_quiz
from pages.classroom.glossary_quiz import sheet, worst_first
from pneumo.lessons import quiz
from tests.pages.helpers import buttons, open_page
from tests.pages.helpers import texts as words

PAGE = "pages/classroom/glossary.py"


@pytest.fixture
def app():
    return open_page(PAGE)


def test_every_term_stands_there_and_leads_to_a_page(app):
    assert not app.exception and "60 of 60 terms" in words(app.caption)
    assert len(app.get("page_link")) >= 50
    app.text_input(key="glossary.search").set_value("kernel").run()
    assert "60 of 60" not in words(app.caption)
    app.text_input(key="glossary.search").set_value("<b>nothing</b>").run()
    assert not app.exception and "No term" in words(app.info)


def test_a_question_is_answered_and_replied_to(app):
    buttons(app, "glossary.section").set_value("Quiz").run()
    app.selectbox(key="glossary.lesson").set_value("gradcam").run()
    question = next(each for each in quiz.load().values() if each.page == "gradcam")
    app.radio(key=f"glossary.{question.id}").set_value(question.distractors[0].value).run()
    buttons(app, f"glossary.sure.{question.id}").set_value("certain").run()
    app.button(key=f"glossary.answer.{question.id}").click().run()
    assert not app.exception
    assert question.distractors[0].misconception[:30] in words(app.warning).replace("\\", "")
    assert "0 of 1 right" in words(app.subheader)
    assert "Most errors" in " ".join(each.proto.label for each in app.get("page_link"))
    app.button(key="glossary.anew").click().run()
    assert not app.subheader and not app.exception


def test_confident_errors_come_first_and_the_sheet_escapes_what_it_holds():
    one, two, three = list(quiz.load().values())[:3]
    given = {one.id: (one.answer, "certain"), two.id: ("<script>", "a guess"), three.id: (-1, "certain")}
    assert worst_first([one, two, three], given) == [three, two, one]
    text = sheet("a < b", [one, two, three], given)
    assert "<script>" not in text and "&lt;script&gt;" in text and "a &lt; b" in text and "1 of 3 right" in text
    assert glossary_quiz.in_order([one, two, three], 1) == glossary_quiz.in_order([one, two, three], 1)
