"""Shortcut lab."""

from pages.classroom import stage

stage.show("shortcuts", {"stub": lambda: None})
