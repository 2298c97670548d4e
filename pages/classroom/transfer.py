"""Transfer learning."""

from pages.classroom import stage

stage.show("transfer", {"stub": lambda: None})
