"""You first."""

from pages.classroom import stage

stage.show("you_first", {"stub": lambda: None})
