"""JPEG 2000 within a second: large images are decoded at half or a quarter of their sides.

A private helper of `dicom` and `containers`.
"""

from __future__ import annotations

import numpy as np

from pneumo.images import decoders
from pneumo.images.codestreams import Announced
from pneumo.images.refusals import damaged

MAX_PIXELS = 16_000_000  # it decodes ten times slower than JPEG; detectors have up to 15 million
WHOLE_BYTES = 4_400_000  # of compressed data, which take a second; a lossless plate of four megapixels has that
LEVEL_SHARE = 3  # the finest level holds two thirds to three quarters of the data


def decoded(data: bytes, stream: Announced) -> tuple[np.ndarray, int]:
    """The pixels (H, W) or (H, W, C), and how often their sides were halved.

    data: a JP2 file or a codestream, whose announced size has been checked. Raises RadiographError.
    """
    wanted, size = 0, len(data)
    while size > WHOLE_BYTES:
        wanted, size = wanted + 1, size / LEVEL_SHARE
    halvings = min(wanted, stream.levels)
    pixels = decoders.decode("jpeg_2000", data, halvings=halvings, bits=stream.bits, signed=stream.signed)
    if pixels.shape[0] > stream.height or pixels.shape[1] > stream.width:
        raise damaged("JPEG 2000")
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels, halvings
