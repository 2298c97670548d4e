"""The gallery of recorded trainings, good and bad, as `gallery_exhibits` made them: content/gallery/."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pneumo.schema import PneumoError

FOLDER = Path(__file__).parent / "content" / "gallery"


@cache
def recorded(name: str) -> dict[str, Any]:
    """The recording of an exhibit. PneumoError where there is none."""
    path = FOLDER / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PneumoError(
            f"the recording {name!r} cannot be read: {error}; python -m pneumo gallery makes it anew"
        ) from error
