"""The course and its worksheets: they fit the pages, the quiz and the clock."""

import io
import json
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from pages.menu import LESSONS, MENU
from pneumo.lessons import course, quiz, texts, worksheets
from pneumo.schema import PneumoError

PAGES = {page.name for pages in MENU.values() for page in pages}


def test_the_lesson_fills_ninety_minutes_with_pages_that_are_there():
    lesson = course.load().lesson
    assert sum(lesson.minutes(number) for number in range(len(lesson.steps))) == course.MINUTES
    assert [step.start for step in lesson.steps] == [0, 5, 25, 45, 55, 75, 85]
    assert {step.page for step in lesson.steps} - {""} <= PAGES
    for step in lesson.steps:
        if step.part:
            assert step.part in texts.lesson(step.page, worksheets.values(step.page)).sections
    assert [step.questions for step in lesson.steps if step.questions] == [("q01", "q17", "q19")]


def test_six_lessons_use_every_lesson_of_the_menu_and_questions_that_exist():
    six = course.load().course.lessons
    assert len(six) == 6
    assert {name for each in six for name in each.pages} == set(LESSONS)
    assert {number for each in six for number in each.recall} <= set(quiz.load())
    before: set[str] = set()
    for each in six:  # a recall asks about what came before
        assert {quiz.load()[number].page for number in each.recall} <= before | {"gan", "autoencoder"}, each.title
        before |= set(each.pages)


def test_the_rubric_passes_at_seven_of_twelve():
    rubric = course.load().rubric
    assert (rubric.passed, len(rubric.lines)) == (7, 4)
    assert all(len(line.levels) == 4 for line in rubric.lines)


def test_a_course_that_does_not_fit_is_named(tmp_path, monkeypatch):
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "course.json").write_text(json.dumps({"lesson": {}}))
    monkeypatch.setattr(course, "FOLDER", tmp_path)
    course.load.cache_clear()
    with pytest.raises(PneumoError, match=r"course\.json cannot be read"):
        course.load()
    course.load.cache_clear()


@pytest.fixture(scope="module")
def sheets():
    return {teacher: worksheets.blocks(LESSONS, teacher=teacher) for teacher in (False, True)}


def text_of(blocks):
    return "\n".join(block.text for block in blocks)


def test_a_students_sheet_gives_nothing_away(sheets):
    student, teacher = sheets[False], sheets[True]
    assert not [block for block in student if block.kind in ("right", "note")]
    for name in LESSONS:
        front = texts.lesson(name, worksheets.values(name)).front
        if front.prediction is not None:
            assert front.prediction.reveal not in text_of(student) and front.prediction.reveal in text_of(teacher)
        for number in front.exit:
            asked = quiz.load()[number]
            assert asked.question in text_of(student)
            assert asked.explanation not in text_of(student) and asked.explanation in text_of(teacher)
    assert sum(block.count for block in student if block.kind == "lines") > 100, "there is room to write"
    assert not [block for block in teacher if block.kind == "lines"]


def test_measured_values_fill_what_is_otherwise_left_open():
    open_text = text_of(worksheets.blocks(["gradcam"], teacher=True))
    assert worksheets.OPEN in open_text
    names = set(re.findall(r"(?<![\w}^\\])\{([a-z_]\w*)\}", (texts.FOLDER / "en" / "gradcam.md").read_text()))
    measured = {"gradcam": dict.fromkeys(names, "17") | {"toy": ".5 0 / 0 0"}}
    assert worksheets.OPEN not in text_of(worksheets.blocks(["gradcam"], teacher=True, measured=measured))


def test_the_one_lessons_sheet_is_short_and_the_teachers_is_a_plan():
    plan = course.load().lesson
    student, teacher = worksheets.single(plan), worksheets.single(plan, teacher=True)
    assert len(PdfReader(io.BytesIO(worksheets.pdf(student))).pages) <= 4
    assert text_of(student).count("Name ___") == 1 and "Name ___" not in text_of(teacher)
    for number, step in enumerate(plan.steps):
        head = f"{step.start}′  {step.title} ({plan.minutes(number)} minutes)"
        assert head in text_of(student) and head in text_of(teacher)
        assert step.teach in text_of(teacher) and step.teach not in text_of(student)
    for name in {step.page for step in plan.steps if texts.has(step.page)}:
        front = texts.lesson(name, worksheets.values(name)).front
        assert text_of(student).count(front.prediction.ask) == 1, name
        assert front.prediction.reveal not in text_of(student) and front.prediction.reveal in text_of(teacher)


def test_no_question_stands_on_a_sheet_twice():
    sheet = text_of(worksheets.blocks(LESSONS, questions=["q01", "q17", "q19"]))
    assert sheet.count(quiz.load()["q01"].question) == sheet.count(quiz.load()["q17"].question) == 1


def test_html_is_escaped_and_prints(sheets):
    page = worksheets.html(
        [worksheets.Block("title", "<b>A & B</b>"), worksheets.Block("text", "**bold** $w^2$ `code`")]
    )
    assert "&lt;b&gt;A &amp; B" in page and "<strong>bold</strong> w^2 code" in page and "@media print" in page
    whole = worksheets.html(sheets[False])
    assert whole.count("<h1") == len(LESSONS) and "Not a medical device" in whole


@pytest.mark.parametrize("teacher", [False, True])
def test_pdf_has_every_lesson_and_every_sign(sheets, teacher):
    read = PdfReader(io.BytesIO(worksheets.pdf(sheets[teacher])))
    words = " ".join(page.extract_text() for page in read.pages)
    squeezed = re.sub(r"\s+", "", words)
    for name in LESSONS:
        assert re.sub(r"\s+", "", texts.title_of(name)) in squeezed
    assert ("☑" in words) == teacher and "☐" in words
    assert len(read.pages) >= len(LESSONS)


def test_without_the_fonts_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr(worksheets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PneumoError, match="print the HTML sheet"):
        worksheets.pdf([worksheets.Block("text", "x")])


def test_the_texts_of_the_course_are_where_teachers_look():
    assert (Path(texts.FOLDER) / "en" / "course.json").exists()
