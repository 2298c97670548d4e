"""Grad-CAM taken apart."""

from pages.classroom import stage

stage.show("gradcam", {"stub": lambda: None})
