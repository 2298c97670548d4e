"""Images that travel inside a page's own message."""

from __future__ import annotations

import base64


def data_url(blob: bytes, kind: str = "jpeg") -> str:
    """An image file as an address of its own. kind: "jpeg" or "png".

    As a file beside the page it would be gone, and the browser would find nothing, where a later image takes its place before it
    was asked for.
    """
    return f"data:image/{kind};base64,{base64.b64encode(blob).decode()}"
