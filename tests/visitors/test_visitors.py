"""A few visitors for a short while; `python -m tests.visitors` is the whole of it."""

import pytest

from tests.visitors import __main__ as visitors
from tests.visitors.client import NAMES
from tests.visitors.plans import files_of

pytestmark = pytest.mark.slow


def test_every_visitor_sees_the_cores_results_and_nobody_elses(capsys):
    code = visitors.main(["--visitors", "4", "--minutes", "0.7", "--waves", "2", "--ttl", "2"])
    told = capsys.readouterr().out
    assert code == 0, told
    assert "wave 2: " in told and "diagnose" in told


def test_names_and_images_are_of_one_visitor_alone():
    names = [name for wave in (1, 2) for visitor in range(20) for name, _ in files_of(wave, visitor)]
    blobs = [blob for wave in (1, 2) for visitor in range(20) for _, blob in files_of(wave, visitor)]
    assert len(set(names)) == len(set(blobs)) == len(names)
    assert all(NAMES.fullmatch(name.removesuffix(".png").encode()) for name in names)
