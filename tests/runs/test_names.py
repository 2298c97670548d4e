"""Every shipped run has a name for people."""

from dataclasses import replace

import pytest

from pneumo import runs
from pneumo.runs import names


@pytest.mark.parametrize("name", runs.available())
def test_a_shipped_run_has_a_name_of_its_own_without_underscores(name):
    said = names.name_of(runs.read_card(runs.resolve(name)))
    assert "_" not in said and "(" not in said.replace("(phantoms)", "")


def test_names_differ():
    cards = [runs.read_card(runs.resolve(name)) for name in runs.available()]
    assert len({names.name_of(card) for card in cards}) == len({names.short_name(card) for card in cards}) == len(cards)


def test_a_run_under_another_name_is_not_taken_for_the_shipped_one():
    card = runs.read_card(runs.resolve("resnet18_fine_tuned"))
    assert names.name_of(replace(card, name="mine")) == "ResNet-18 (mine)"
    other = replace(card, name="regnet")  # a folder renamed to a shipped run's name
    assert names.name_of(other) == "ResNet-18 (regnet)"
