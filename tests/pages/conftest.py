"""Pages ask the hub for real cases in the background. In tests nobody answers."""

import pytest

from pneumo.inference import examples
from pneumo.schema import PneumoError


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch):
    def no_network(count: int = 4):
        raise PneumoError("no network")

    monkeypatch.setattr(examples, "hub_examples", no_network)
