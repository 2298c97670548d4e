"""The server loads the default model before anybody comes; who comes too early is told so."""

import asyncio
import threading

import pytest
import streamlit as st

from pages import startup
from pages.clinic import diagnose_reading
from pneumo.schema import PneumoError


class Page:
    ran = False

    def run(self):
        self.ran = True


@pytest.fixture
def cold(monkeypatch):
    """As it is while the server loads."""
    monkeypatch.setattr(startup, "_ready", threading.Event())
    monkeypatch.setattr(startup, "_drawn", threading.Event())
    monkeypatch.setattr(startup, "_waiting", set())


def test_a_page_runs_at_once_where_nothing_is_being_loaded():
    page = Page()
    startup.run(page)
    assert page.ran


def test_who_comes_too_early_is_told_so_and_sees_the_page_when_it_can_answer(cold, monkeypatch):
    told, page = [], Page()
    monkeypatch.setattr(st, "spinner", lambda text: told.append(text) or threading.Lock())
    visitor = threading.Thread(target=startup.run, args=(page,))
    visitor.start()
    visitor.join(0.2)
    assert visitor.is_alive()
    assert told == [startup.LOADING]
    assert not page.ran
    startup._ready.set()
    visitor.join(10)
    assert page.ran
    assert startup._drawn.is_set()


@pytest.mark.parametrize("damage", [None, PneumoError("there is no run")], ids=["whole", "damaged folder"])
def test_visitors_are_let_in_whatever_happens_to_the_loading(cold, monkeypatch, damage):
    steps = []

    def first():
        steps.append("first")
        if damage:
            raise damage

    monkeypatch.setattr(startup, "_load_first_result", first)
    monkeypatch.setattr(startup, "_load_what_comes_next", lambda: steps.append(startup._ready.is_set()))
    monkeypatch.setattr(startup.gc, "freeze", lambda: steps.append("frozen"))
    startup.warm()
    assert steps == ["first", True, "frozen"]


def test_a_fault_that_nobody_expected_locks_no_visitor_out(cold, monkeypatch):
    def fail():
        raise RuntimeError

    monkeypatch.setattr(startup, "_load_first_result", fail)
    with pytest.raises(RuntimeError):
        startup.warm()
    assert startup._ready.is_set()


def test_loading_goes_on_when_the_first_visitor_has_the_page(cold, monkeypatch):
    order = []
    monkeypatch.setattr(startup, "_load_first_result", lambda: None)
    monkeypatch.setattr(startup, "_load_what_comes_next", lambda: order.append("next"))
    monkeypatch.setattr(startup.gc, "freeze", lambda: None)
    startup._waiting.add(1)
    loading = threading.Thread(target=startup.warm)
    loading.start()
    loading.join(0.2)
    assert order == []
    startup._drawn.set()
    loading.join(10)
    assert order == ["next"]


def test_loading_begins_with_the_server(monkeypatch):
    """Not with the first visitor: the ASGI application starts it, before it takes a request."""
    begun = threading.Event()
    monkeypatch.setattr(startup, "_ready", threading.Event())
    monkeypatch.setattr(startup, "warm", begun.set)
    monkeypatch.setattr(st, "get_option", lambda name: True)

    async def serve():
        async with startup.lifespan(None):
            return begun.wait(10)

    assert asyncio.run(serve())


def test_what_was_loaded_is_not_computed_again(monkeypatch):
    """Both halves run as they are; then the first examples and the heatmap are there for everybody."""
    startup._load_first_result()
    startup._load_what_comes_next()

    def fail(*_):
        raise AssertionError("computed again")

    for name in ("_diagnose", "_explain"):
        monkeypatch.setattr(diagnose_reading, name, fail)
    startup._load_first_result()
    startup._load_what_comes_next()
