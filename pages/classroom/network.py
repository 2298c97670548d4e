"""Inside the network."""

from pages.classroom import stage

stage.show("network", {"stub": lambda: None})
