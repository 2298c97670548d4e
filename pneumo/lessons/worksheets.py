"""Worksheets to print, as HTML and PDF, from the texts that the pages show.

    blocks(names)  ->  html(blocks), pdf(blocks)

A student's sheet leaves room to write; a teacher's has the reveals and the right choices. A number that only its page knows is left
open ("...").
"""

from __future__ import annotations

import html as markup
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumo.lessons import (
    characters,
    convolution,
    gan_lab,
    network,
    production,
    quiz,
    reader_study,
    texts,
    thresholds,
    training_sums,
    transfer,
)
from pneumo.lessons.course import Single
from pneumo.lessons.texts import Lesson, Prediction
from pneumo.schema import PneumoError

OPEN = "…"
Measured = Mapping[str, Mapping[str, object]]
VALUES: dict[str, Callable[[], dict[str, str]]] = {
    "characters": characters.facts,
    "convolution": convolution.facts,
    "gan_lab": gan_lab.facts,
    "network": network.facts,
    "production": production.facts,
    "thresholds": thresholds.facts,
    "training_room": training_sums.facts,
    "transfer": transfer.facts,
    "you_first": reader_study.facts,
}
NOTICE = "Teaching and demonstration only. Not a medical device."
FONT = "DejaVu"
STYLE = """body { font: 11pt/1.45 "Source Sans Pro", "DejaVu Sans", sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 1.6rem 0 0.3rem; } p { margin: 0.4rem 0; }
.choice::before { content: "☐  "; } .right::before { content: "☑  "; font-weight: 600; } .line { border-bottom: 1px solid #888; height: 1.7rem; }
.note { color: #444; font-size: 0.92rem; border-left: 3px solid #bbb; padding-left: 0.7rem; }
@media print { body { margin: 0; max-width: none; } h1.next { break-before: page; } h2, .choice { break-inside: avoid; break-after: avoid; } }"""


@dataclass(frozen=True)
class Block:
    """A piece of a sheet. kind: title, heading, text, choice, right, note, or lines (count: how many to write on)."""

    kind: str
    text: str = ""
    count: int = 0


class _Left(dict[str, str]):
    """Values by name; what is not among them is left open."""

    def __or__(self, more: dict[str, str]) -> _Left:
        return _Left({**self, **more})

    def __missing__(self, name: str) -> str:
        return OPEN


def blocks(
    names: Sequence[str], *, teacher: bool = False, measured: Measured | None = None, questions: Sequence[str] = ()
) -> list[Block]:
    """The sheets of these lessons, one after the other; each question once. measured: by lesson, values that were measured on runs.
    questions: of the quiz, on a sheet of their own at the end."""
    found, asked = [], set(questions)
    for name in names:
        lesson = _lesson(name, measured)
        found += [Block("title", lesson.front.title), *_named(teacher), *_of_lesson(lesson, teacher)]
        fresh = [number for number in lesson.front.exit if number not in asked]
        asked.update(fresh)
        found += [Block("heading", "Before you go"), *quiz_blocks(fresh, teacher=teacher)] if fresh else []
        found.append(Block("heading", "In one sentence"))
        found.append(Block("note", lesson.front.sentence) if teacher else Block("lines", count=2))
    if questions:
        found += [Block("title", "Questions"), *_named(teacher), *quiz_blocks(questions, teacher=teacher)]
    return found


def single(plan: Single, *, teacher: bool = False, measured: Measured | None = None) -> list[Block]:
    """The sheet of the one lesson, minute by minute: what is done, what is predicted, room to write. The teacher's is a plan to teach by."""
    found = [Block("title", plan.title), *_named(teacher)]
    for number, step in enumerate(plan.steps):
        found.append(Block("heading", f"{step.start}′  {step.title} ({plan.minutes(number)} minutes)"))
        found.append(Block("text", step.do))
        found += [Block("note", step.teach)] if teacher else []
        again = step.page in [
            later.page for later in plan.steps[number + 1 :]
        ]  # its prediction comes with the last of them
        if texts.has(step.page) and not again:
            lesson = _lesson(step.page, measured)
            found += _prediction(lesson.front.prediction, teacher)
            found += [Block("note", f"To keep: {lesson.front.sentence}")] if teacher else []
        found += quiz_blocks(step.questions, teacher=teacher)
        found += [] if teacher or step.questions else [Block("text", "What I saw:"), Block("lines", count=3)]
    return [*found, Block("text", f"**Hand in:** {plan.hand_in}")]


def _named(teacher: bool) -> list[Block]:
    return [] if teacher else [Block("text", "Name ____________________   Group ____________   Date ____________")]


def _lesson(name: str, measured: Measured | None) -> Lesson:
    own = {key: str(value) for key, value in (measured or {}).get(name, {}).items()}
    return texts.lesson(name, values(name) | own)


def _prediction(wanted: Prediction | None, teacher: bool) -> Iterator[Block]:
    if wanted is None:
        return
    yield Block("text", f"**Predict first.** {wanted.ask}")
    for number, choice in enumerate(wanted.choices):
        yield Block("right" if teacher and number == wanted.right else "choice", choice.text)
    if teacher:
        yield Block("note", wanted.reveal)
    else:
        yield Block("text", "My prediction, and why:")
        yield Block("lines", count=2)


def _of_lesson(lesson: Lesson, teacher: bool) -> Iterator[Block]:
    yield Block("text", lesson.front.question)
    yield from _prediction(lesson.front.prediction, teacher)
    yield Block("heading", "Do")
    for number, section in enumerate(lesson.sections.values(), 1):
        title = section.title if section.title.endswith("?") else f"{section.title}."
        yield Block("text", f"**{number}  {title}** {_first(section.text)}")
        if not teacher:
            yield Block("lines", count=2)
    if teacher:
        yield Block("note", f"Trap: {lesson.front.trap}")
        yield Block("note", f"To notice: {lesson.front.notice}")


def _question(asked: quiz.Question, teacher: bool) -> Iterator[Block]:
    number, unit = asked.id[1:].lstrip("0"), f" ({asked.unit})" if asked.unit else ""
    yield Block("text", f"**{number}.** {asked.question}{unit}")
    if asked.kind == "choice":
        for option in asked.options():
            yield Block("right" if teacher and option == str(asked.answer) else "choice", option)
    elif not teacher:
        yield Block("lines", count=1)
    if teacher:
        result = f"{asked.answer:g}" if isinstance(asked.answer, float | int) else asked.answer
        yield Block("note", f"{result}. {asked.explanation}")


def quiz_blocks(numbers: Sequence[str], *, teacher: bool = False) -> list[Block]:
    """Questions of the quiz on a sheet of their own."""
    known = quiz.load()
    return [block for number in numbers for block in _question(known[number], teacher)]


def values(name: str) -> _Left:
    """What is computed for the text of a lesson; the rest of its numbers is left open."""
    try:
        return _Left(VALUES[name]()) if name in VALUES else _Left()
    except PneumoError:  # a run that the numbers come from is not here
        return _Left()


def _first(text: str) -> str:
    """The first paragraphs of a section, without tables and code."""
    return " ".join(part for part in text.split("\n\n") if not part.startswith(("|", "`", "::")))


def plain(text: str) -> str:
    """Markdown as print has it: bold stays as **, formulas lose their dollars, code its backticks."""
    text = re.sub(
        r"\\(?:frac|text|left|right|cdot|times|ln|log|sigma)\b",
        lambda found: {"cdot": "·", "times": "×", "ln": "ln", "log": "log", "sigma": "σ"}.get(found[0][1:], ""),
        text,
    )
    return re.sub(r"[$`]|\*(?=\S)(?!\*)(?<!\*\*)|(?<!\*)\*(?!\*)", "", text).replace("\n", " ")


# --- HTML -------------------------------------------------------------------------------------------------------------


def html(sheet: Sequence[Block], title: str = "Worksheet") -> str:
    """A page that prints well and needs nothing else."""
    body, first = [], True
    for block in sheet:
        text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", markup.escape(plain(block.text)))
        if block.kind == "title":
            body.append(f"<h1{'' if first else ' class=next'}>{text}</h1>")
            first = False
        elif block.kind == "heading":
            body.append(f"<h2>{text}</h2>")
        elif block.kind == "lines":
            body.append('<div class="line"></div>' * block.count)
        else:
            body.append(f'<p class="{block.kind}">{text}</p>')
    return (
        f'<!doctype html><html lang="{texts.LANGUAGE}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{markup.escape(title)}</title><style>{STYLE}</style></head><body>{''.join(body)}<p class=note>{NOTICE}</p></body></html>"
    )


# --- PDF ----------------------------------------------------------------------------------------------------------------


def _font(name: str) -> Path:
    """A file of DejaVu, which has all signs of the texts; matplotlib, which comes with grad-cam, carries it."""
    found = importlib.util.find_spec("matplotlib")
    for place in (found.submodule_search_locations or []) if found else []:
        path = Path(place) / "mpl-data" / "fonts" / "ttf" / name
        if path.exists():
            return path
    raise PneumoError(
        "the fonts of the worksheets are missing: pip install matplotlib; or print the HTML sheet from the browser"
    )


def pdf(sheet: Sequence[Block], title: str = "Worksheet") -> bytes:
    """The same as A4 pages."""
    from fpdf import FPDF
    from fpdf.enums import XPos, YPos

    class Sheet(FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font(FONT, size=8)
            self.set_text_color(100)
            self.cell(0, 5, f"{NOTICE}    {self.page_no()}", align="C")
            self.set_text_color(0)

    page = Sheet(format="A4")
    page.set_title(title)
    page.set_margins(20, 18)
    page.set_auto_page_break(True, 18)
    page.add_font(FONT, "", _font("DejaVuSans.ttf"))
    page.add_font(FONT, "B", _font("DejaVuSans-Bold.ttf"))

    def write(text: str, size: float, style: str = "", indent: float = 0.0, after: float = 1.5) -> None:
        page.set_font(FONT, style, size)
        page.set_x(page.l_margin + indent)
        page.multi_cell(
            page.epw - indent,
            size * 0.5,
            plain(text),
            markdown=not style,
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        page.ln(after)

    for block in sheet:
        if block.kind == "title":
            page.add_page()
            write(block.text, 17, "B", after=2)
        elif block.kind == "heading":
            if page.get_y() > page.h - 55:
                page.add_page()
            page.ln(2)
            write(block.text, 12.5, "B")
        elif block.kind == "lines":
            for _ in range(block.count):
                if page.get_y() > page.h - 30:
                    page.add_page()
                page.ln(8)
                page.set_draw_color(130)
                page.line(page.l_margin, page.get_y(), page.l_margin + page.epw, page.get_y())
            page.ln(3)
        elif block.kind in ("choice", "right"):
            write(f"{'☑' if block.kind == 'right' else '☐'}  {block.text}", 10.5, indent=4, after=0.8)
        else:
            page.set_text_color(70 if block.kind == "note" else 0)
            write(block.text, 9.5 if block.kind == "note" else 10.5, indent=4 if block.kind == "note" else 0)
            page.set_text_color(0)
    return bytes(page.output())
