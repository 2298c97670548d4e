"""Every image on a page says in words what it shows, to those who do not see it."""

import ast

import pytest

from benchmarks.browser import REPOSITORY

PAGES = sorted((REPOSITORY / "pages").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_image_has_an_alternative_text(page):
    """`st.image` and `column.image` take it as `alt`; without it Streamlit writes an <img> that a screen reader calls by its address."""
    missing = []
    for node in ast.walk(ast.parse(page.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "image":
            alt = next((each.value for each in node.keywords if each.arg == "alt"), ast.Constant(""))
            if isinstance(alt, ast.Constant) and not str(alt.value or "").strip():
                missing.append(f"{page.name}:{node.lineno}")
    assert not missing, f"image without alt=: {', '.join(missing)}"
