"""How pages write numbers, classes and text from outside."""

from __future__ import annotations

import re

from pneumo.palette import COLOURS
from pneumo.schema import CLASS_NAMES

SYMBOLS = {
    "NORMAL": "●",
    "UNCERTAIN": "◆",
    "PNEUMONIA": "▲",
}  # a shape beside the colour, for those who see no difference
DISCLAIMER = "For teaching and demonstration. **Not a medical device:** do not use it for diagnosis or treatment."


def plain(text: str) -> str:
    """Text from outside with its Markdown and HTML made harmless."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:^-])", r"\\\1", text)


def label_html(label: str, note: str = "") -> str:
    """A class name in its colour, with its shape. Only names of this module's table are accepted."""
    return (
        f'<span style="color:{COLOURS[label]};font-size:2rem;font-weight:700;line-height:1.2">'
        f"{SYMBOLS[label]} {label}</span> {note}"
    )


def class_count(counts: dict[str, int]) -> str:
    """ "1,000 NORMAL and 2,900 PNEUMONIA"."""
    return " and ".join(f"{counts[name]:,} {name}" for name in CLASS_NAMES)
