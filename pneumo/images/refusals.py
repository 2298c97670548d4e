"""Why a file is not read, and the limits that every format shares.

A private helper of `radiograph`.
"""

from __future__ import annotations

from pneumo.schema import PneumoError

MAX_PIXELS = 36_000_000  # over twice the largest chest detectors (4300 x 3500); 36 MB as grey, 144 MB as RGBA
MAX_COLOUR_PIXELS = 25_000_000  # Pillow keeps four bytes for each, twice where it converts
MAX_WIDE_PIXELS = 12_000_000  # of numbers of 32 and 64 bits, and of formats that decode slowly
MAX_DEEP_PIXELS = 6_000_000  # of 16 bits a colour: a film of 25 x 30 cm scanned at 200 dots an inch has 4.7 million
MAX_SIDE = 16_384  # of width and height each: resizing an image of one pixel by millions takes gigabytes
MAX_PARTS = 50_000  # chunks or segments of one file; 50 MB of PNG in the usual 8 KB chunks has 6,000


class RadiographError(PneumoError):
    """A file that is not read, and why.

    code: short and stable, for programs: empty, too_large, not_an_image, truncated, damaged, unsupported,
        too_many_pixels, animated, multiframe.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def truncated(kind: str) -> RadiographError:
    return RadiographError("truncated", f"the {kind} file ends too early; copy or export it again")


def damaged(kind: str) -> RadiographError:
    return RadiographError("damaged", f"the {kind} file is damaged and cannot be decoded; copy or export it again")


def no_memory(kind: str) -> RadiographError:
    return RadiographError(
        "too_large", f"there is not enough memory left to decode the {kind} file; close other programs"
    )


def not_a(kind: str) -> RadiographError:
    """For a file that begins like one of its kind and goes on like none."""
    return RadiographError("damaged", f"the file is damaged or not a {kind} file; copy or export it again")


def animated(kind: str) -> RadiographError:
    return RadiographError("animated", f"expected one still image, got an animated {kind}; save one frame as PNG")


def check_parts(kind: str, parts: int) -> None:
    """Refuses a file that is millions of empty parts: walking them would take longer than any image."""
    if parts > MAX_PARTS:
        raise RadiographError(
            "unsupported", f"the {kind} file is cut into over {MAX_PARTS} parts; save it again as PNG"
        )


def check_size(width: int, height: int, limit: int = MAX_PIXELS) -> None:
    """Refuses an image by its announced size, before anything is decoded."""
    if width < 1 or height < 1:
        raise RadiographError("damaged", f"the image is {width} x {height} pixels; expected at least 1 x 1")
    if max(width, height) > MAX_SIDE:
        raise RadiographError(
            "too_many_pixels",
            f"the image is {width} x {height} pixels; expected sides of up to {MAX_SIDE:,}. Crop it or scale it down",
        )
    if width * height > limit:
        raise RadiographError(
            "too_many_pixels",
            f"the image is {width} x {height}, {width * height / 1e6:.0f} megapixels; "
            f"expected up to {limit // 1_000_000}. Scale it down and try again",
        )
