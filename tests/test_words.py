"""Text for people uses the field's words, one word for one thing. A machine can find the words that must not come back."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pneumo import runs

ROOT = runs.REPOSITORY
# What stands on the left is not written; the field's word stands on the right.
BANNED = {
    r"pictures?": "image, radiograph, X-ray",
    r"squares?(?! (brackets?|error|difference|root))": "image",
    r"(the|a|no) gate\b|gate (asks|lets|refuses)": "input check",
    r"(let|lets|letting) in\b": "accept",
    r"oddit(y|ies)|odd (images?|ones?)": "out-of-distribution sample",
    r"spoil(s|ed|ing)?|under stress|stresses": "corruption, robustness",
    r"league": "leaderboard",
    r"sick": "with pneumonia",
    r"healthy": "without pneumonia",
    r"cautions?": "warning",
    r"(no|the|its|their|an) answers?": "result, label, prediction",
    r"figures? (of|are|is|above|below|at)\b": "metrics, results",
    r"(training|validation|test) part": "training, validation, test set",
    r"by lot": "at random",
    r"by heart": "memorised",
    r"gives? back|given back|giving back": "reconstruct",
    r"none of (its|their) kind": "not a chest X-ray",
    r"to be believed": "can be trusted",
    r"all the same": "anyway",
    r"may rest on it": "do not use it for",
    r"of nobody": "synthetic",
    r"open to the bottom": "explained from the ground up",
    r"narrow place": "bottleneck",
    r"commoner": "more common",
    r"so many (of|times)": "percentage, multiple",
    r"(whose|of whom) the": "rewrite",
    r"rightly": "correctly",
    r"beside (it|them|each other)$": "rewrite",
    r"chance of\b": "probability of",
}
PATTERN = re.compile(r"\b(" + "|".join(f"(?:{word})" for word in BANNED) + r")(?=\W|$)", re.IGNORECASE)
ALLOWED = ("skimage", "square root", "mean square")  # the field's own


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a module that may be read by a person: no docstring, and more than one word or a label."""
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in documentation:
            continue
        if " " in node.value.strip() or node.value[:1].isupper():
            yield node.lineno, node.value


def found(text: str) -> list[str]:
    return [match.group(0) for match in PATTERN.finditer(text) if not any(word in text.lower() for word in ALLOWED)]


def modules() -> list[Path]:
    return [ROOT / "app.py", *sorted((ROOT / "pneumo").rglob("*.py")), *sorted((ROOT / "pages").rglob("*.py"))]


def test_the_pattern_finds_what_it_should():
    assert found("The picture was spoiled.") == ["picture", "spoiled"]
    assert found("A radiograph with pneumonia") == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_text_for_people_uses_the_fields_words(path):
    wrong = [f"{path.name}:{line}: {words} in {text[:80]!r}" for line, text in strings(path) if (words := found(text))]
    assert not wrong, "\n".join(wrong)


LESSONS = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "pneumo/lessons/content/en").glob("*.*"))]


@pytest.mark.parametrize("name", ["README.md", "docs/results.md", "docs/classroom.md", *LESSONS])
def test_documents_use_the_fields_words(name):
    lines = (ROOT / name).read_text().splitlines()
    wrong = [f"{name}:{number}: {words}" for number, line in enumerate(lines, 1) if (words := found(line))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", sorted((ROOT / "pages/components").glob("*.js")), ids=lambda path: path.name)
def test_components_use_the_fields_words(path):
    """What is quoted or stands between tags, without what is filled in."""
    wrong = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for quoted in re.findall(r'"[^"]*"|`[^`]*`|>[^<>]+<', line) if not line.lstrip().startswith("//") else ():
            text = re.sub(r"\$\{[^}]*\}", "", quoted)
            if " " in text.strip() and re.search("[a-z]{3}", text) and found(text):
                wrong.append(f"{path.name}:{number}: {found(text)} in {text[:80]!r}")
    assert not wrong, "\n".join(wrong)


def test_cards_use_the_fields_words():
    wrong = []
    for path in sorted(ROOT.glob("weights/*/card.json")):
        card = json.loads(path.read_text())
        texts = [card["intended_use"], *card["limits"], card["recipe"]["summary"]]
        texts += [text for point in card["operating_points"] for text in (point["title"], point["chosen_on"])]
        wrong += [f"{path.parent.name}: {found(text)} in {text!r}" for text in texts if found(text)]
    assert not wrong, "\n".join(wrong)


def test_spelling():
    """codespell's dictionary of common mistakes over code and documents; its settings stand in pyproject.toml."""
    result = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "pneumo", "pages", "tests", "benchmarks", "docs", "app.py", "README.md", "CHANGELOG.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
