"""Numbers are written the same everywhere."""

import pytest

from pneumo import formatting
from pneumo.schema import Interval


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "<0.001"), (0.00049, "<0.001"), (0.9341, "0.934"), (0.99949, "0.999"), (1.0, ">0.999")]
)
def test_no_probability_is_written_as_certain(value, text):
    assert formatting.probability(value) == text


def test_a_rate_is_a_percentage_and_a_score_is_none():
    assert (formatting.rate(0.9344), formatting.rate(None), formatting.rate(0.5, 0)) == ("93.4%", "–", "50%")
    assert (formatting.score(0.9968), formatting.score(None)) == ("0.997", "–")


def test_an_interval_stands_behind_its_value():
    interval = Interval(0.903, 0.955)
    assert formatting.with_interval(0.934, interval) == "93.4% (90.3% to 95.5%)"
    assert formatting.with_interval(0.997, interval, formatting.score) == "0.997 (0.903 to 0.955)"
    assert formatting.with_interval(0.934, None) == "93.4%"
    assert formatting.with_interval(None, interval) == "–"


def test_counts_and_lists_read_as_english():
    assert [formatting.counted(n, "file") for n in (0, 1, 1300)] == ["0 files", "1 file", "1,300 files"]
    assert formatting.counted(2, "study", "studies") == "2 studies"
    assert [formatting.listed(["A", "B", "C"][:n]) for n in (0, 1, 2, 3)] == ["", "A", "A and B", "A, B and C"]
