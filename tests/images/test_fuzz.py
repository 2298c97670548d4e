"""The fuzzer: it reads many files without a finding, and finds what was planted."""

from __future__ import annotations

import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from pneumo.images import radiograph
from tests import fuzz
from tests.seeds import seeds

SEEDS = seeds()


def test_a_few_hundred_changed_files_break_no_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "ROUND", 150)
    found = fuzz.fuzz(time.monotonic() + 300, 5, tmp_path / "now", tmp_path, most=40)
    assert found.inputs == 40
    assert found.outcomes.get("read", 0) > 0
    assert found.broken == []


@pytest.mark.parametrize("error", [ValueError, OverflowError, AttributeError])
def test_another_error_is_a_finding_and_its_file_is_kept(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(data: bytes, name: str) -> None:
        if len(data) % 3 == 0:
            raise error("planted")

    monkeypatch.setattr(radiograph, "read", faulty)
    monkeypatch.setattr(fuzz, "ROUND", 40)
    found = fuzz.fuzz(time.monotonic() + 300, 5, tmp_path / "now", tmp_path, most=30)
    assert found.broken
    assert error.__name__ in found.broken[0]
    assert list(tmp_path.glob("5-*"))


@pytest.mark.parametrize(
    ("outcome", "seconds", "megabytes", "broken"),
    [
        ("read", 0.5, 100, None),
        ("damaged", 0.99, 399, None),
        ("read", 1.5, 9, "took 1.50 s"),
        ("read", 0, 500, "took 500 MB"),
        ("raised KeyError", 0, 0, "raised KeyError"),
    ],
)
def test_promises(outcome: str, seconds: float, megabytes: float, broken: str | None) -> None:
    assert fuzz.broken_promise(outcome, seconds, megabytes) == broken


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(SEEDS)), st.lists(fuzz.CHANGES, max_size=4))
def test_changes_take_any_file(name: str, changes: list[fuzz.Change]) -> None:
    assert isinstance(fuzz.changed(SEEDS[name], changes, list(SEEDS.values())), bytes)


def test_the_seeds_are_of_every_shape() -> None:
    names = " ".join(SEEDS)
    for shape in ("thin", "tiled", "frames", "nested", "palette", "segmented", "table", "jpeg-ls", "avif", "jp2"):
        assert shape in names
