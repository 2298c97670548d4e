"""Glossary and quiz: the words of the course with the place where each can be seen, and all questions by lesson."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages import shared
from pages.classroom import glossary_quiz
from pages.menu import MENU
from pneumo.lessons import glossary

WANTED = "glossary.search"
PLACES = {page.name: page for pages in MENU.values() for page in pages}


@shared.guarded
def main() -> None:
    st.title("Glossary and quiz")
    asked = glossary_quiz.QUESTIONS in st.query_params
    shared.keep("glossary.section", "Quiz" if asked else "Glossary", ("Glossary", "Quiz"))
    section = st.segmented_control(
        "Section", ("Glossary", "Quiz"), key="glossary.section", required=True, label_visibility="collapsed"
    )
    if section == "Glossary":
        show_terms()
    else:
        glossary_quiz.show()


@st.fragment
@shared.guarded
def show_terms() -> None:
    shared.keep(WANTED, "")
    wanted = st.text_input(
        "Search in English, Arabic or Persian", key=WANTED, max_chars=80, placeholder="kernel, الفلتر, فیلتر ..."
    )
    found = glossary.search(wanted)
    st.caption(
        f"{len(found)} of {len(glossary.load())} terms. The Persian دقت is accuracy, and دقت مثبت precision; ویژگی means both feature and specificity, so the "
        "English term always stands beside it. A star marks a translation that is not the course's own."
    )
    if not found:
        st.info("No term has these words. Try fewer of them.", icon=":material/search_off:")
        return
    for each in found:
        left, right = st.columns([7, 2], vertical_alignment="center")
        left.html(
            f'<div><strong>{escape(each.term)}</strong> &nbsp; <span lang="ar" dir="rtl">{escape(each.ar)}{"" if each.ar_from_course else "*"}</span>'
            f' &nbsp;·&nbsp; <span lang="fa" dir="rtl">{escape(each.fa)}{"" if each.fa_from_course else "*"}</span><br>{escape(each.definition)}</div>'
        )
        page = PLACES.get(each.page)
        if page:
            right.page_link(page.file, label=page.title, icon=page.symbol)


main()
