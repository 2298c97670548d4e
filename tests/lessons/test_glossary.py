"""The glossary: every term complete and short, found by its names in three languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.lessons import glossary

TERMS = glossary.load()


def test_sixty_terms_each_once_each_short():
    assert len(TERMS) == len({each.term.lower() for each in TERMS}) == 60
    for each in TERMS:
        assert len(each.definition.split()) <= glossary.MOST_WORDS, each.term
        assert each.ar and each.fa and each.page


@pytest.mark.parametrize("name", ["term", "ar", "fa"])
def test_every_term_is_found_by_its_names(name):
    for each in TERMS:
        assert each in glossary.search(getattr(each, name)), getattr(each, name)


def test_what_begins_with_the_word_stands_first():
    assert glossary.search("pool")[0].term == "pooling"
    assert glossary.search("") == TERMS
    assert glossary.search("no such term at all") == ()


def test_arabic_and_persian_letters_are_alike():
    assert glossary.search("شبكه") == glossary.search("شبکه")


@given(st.text(max_size=80))
def test_any_text_may_be_searched(wanted):
    assert set(glossary.search(wanted)) <= set(TERMS)
