"""Thresholds and errors."""

from pages.classroom import stage

stage.show("thresholds", {"stub": lambda: None})
