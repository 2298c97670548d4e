"""Procedural chest phantoms with a known lesion: always at hand, of nobody.

Anatomy is drawn once a patient, acquisition once a film; the lesion replaces air, and its mask is known.
"""

from pneumo.images.phantom.drawing import Phantom, draw, draw_set

__all__ = ["Phantom", "draw", "draw_set"]
