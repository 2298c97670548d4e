"""The texts of the lessons: every one is complete, numbers are filled in, and a broken file is named."""

import pytest

from pages.menu import LESSONS
from pneumo.lessons import quiz, texts
from pneumo.schema import PneumoError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    (tmp_path / "en").mkdir()
    return tmp_path / "en"


FRONT = 'title: T\nminutes: 5\nquestion: Why?\nsentence: S\nnotice: N\ntrap: R\nexit: []\nnext: ""\n'


def written(folder, front=FRONT, body="## One {#one}\n\nText.\n"):
    (folder / "a.md").write_text(f"---\n{front}---\n\n{body}")
    texts._read.cache_clear()


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_has_a_complete_text(name):
    front, body = texts._read(texts.FOLDER / "en" / f"{name}.md")
    assert texts._sections(body), "parts"
    assert set(front["exit"]) <= set(quiz.load()), "its questions exist"
    assert front["exit"], "an exit question"
    assert all(quiz.load()[each].page for each in front["exit"])
    assert front.get("next", "") in (*LESSONS, "")
    for key in ("title", "question", "sentence", "notice", "trap"):
        assert len(front[key]) > 3, key


def test_the_lessons_lead_through_all_pages():
    name, seen = LESSONS[0], []
    while name and name not in seen:
        seen.append(name)
        name = texts._read(texts.FOLDER / "en" / f"{name}.md")[0].get("next", "")
    assert sorted(seen) == sorted(LESSONS)


def test_numbers_are_filled_in_and_formulas_left_alone(folder):
    written(folder, body="## One {#one}\n\nIt is {first}, $\\frac{1}{hw}$, $k_{u}$, $x^{n}$, \\mathrm{ReLU}.\n")
    text = texts.lesson("a", {"first": 7}).sections["one"].text
    assert text == "It is 7, $\\frac{1}{hw}$, $k_{u}$, $x^{n}$, \\mathrm{ReLU}."


def test_details_stand_apart(folder):
    written(folder, body="## One {#one}\n\nBefore.\n\n::: details\nMore.\n:::\n\nAfter.\n\n## Two {#two}\n\nElse.\n")
    found = texts.lesson("a").sections
    assert found["one"].details == "More." and "More" not in found["one"].text and "After." in found["one"].text
    assert found["two"].text == "Else."


@pytest.mark.parametrize(
    ("front", "said"),
    [
        (FRONT + "colour: red\n", "colour"),
        (FRONT.replace("minutes: 5", "minutes: many"), "minutes"),
        (FRONT.replace("title: T\n", ""), "title"),
        (FRONT.replace("question: Why?", "question: '{unknown}'"), "unknown"),
        ("title: [\n", "cannot be read"),
    ],
)
def test_what_is_wrong_in_a_text_is_named(folder, front, said):
    written(folder, front)
    with pytest.raises(PneumoError, match=said):
        texts.lesson("a")


def test_a_missing_text_is_named(folder):
    with pytest.raises(PneumoError, match=r"missing\.md"):
        texts.lesson("missing")
