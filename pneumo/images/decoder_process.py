"""The helper process of `decoders`: it decodes one compressed image after the other, and may die of any of them.

Run as a script, with nothing of the package imported. It reads a line of JSON and that many bytes from stdin, and answers with a
line of JSON and the pixels on stdout, until stdin ends. The system ends it when one image takes more than the announced seconds
of processor time, or more memory than MEMORY_BYTES.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

try:
    import resource
except ImportError:  # Windows has neither limits nor timers; there `decoders` stops a helper by the clock alone
    resource = None

MEMORY_BYTES = (
    320_000_000  # beyond what it has after the imports; 36 megapixels of 16 bits take 72 MB, JPEG 2000 four times that
)


def jpeg(data: bytes, options: dict[str, Any]) -> np.ndarray:
    """JPEG of 8, 12 or 16 bits, lossy or lossless (ITU T.81)."""
    return imagecodecs.jpeg8_decode(data)


def jpeg_ls(data: bytes, options: dict[str, Any]) -> np.ndarray:
    """JPEG-LS (ITU T.87)."""
    return imagecodecs.jpegls_decode(data)


def jpeg_2000(data: bytes, options: dict[str, Any]) -> np.ndarray:
    """JPEG 2000 (ITU T.800), and High-Throughput JPEG 2000. options: halvings, of the sides, which saves most of the time."""
    if not options["halvings"]:
        return imagecodecs.jpeg2k_decode(data)
    from PIL import Jpeg2KImagePlugin

    image = Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data))
    image._reduce = options["halvings"]  # the attribute that Pillow's own `draft` would set, had it one for this format
    image.load()
    pixels = np.asarray(image)
    if pixels.dtype != np.uint16:
        return pixels
    # Pillow spreads fewer bits over 16, and counts signed values from the lowest one.
    values = pixels >> (16 - options["bits"])
    return (values.astype(np.int32) - (1 << (options["bits"] - 1))).astype(np.int16) if options["signed"] else values


def run_lengths(data: bytes, options: dict[str, Any]) -> np.ndarray:
    """DICOM's run lengths (PS3.5 G): one segment for each byte of a sample, the highest byte first."""
    return np.frombuffer(imagecodecs.dicomrle_decode(data, options["dtype"]), options["dtype"])


def png(data: bytes, options: dict[str, Any]) -> np.ndarray:
    """PNG with all its bits; Pillow keeps eight of the sixteen of a colour."""
    return imagecodecs.png_decode(data)


def tiff(data: bytes, options: dict[str, Any]) -> np.ndarray:
    """The first image of a TIFF, its numbers as they are."""
    return imagecodecs.tiff_decode(data)


def compressed_tiff(data: bytes, options: dict[str, Any]) -> np.ndarray:
    """A TIFF of eight bits: libtiff writes to stderr what it does not like, parts of the file among it."""
    from PIL import TiffImagePlugin

    image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    image.load()
    if image.mode in ("L", "F", "I", "I;16", "I;16B"):
        return np.asarray(image)
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("L" if image.mode == "1" else "RGBA" if image.mode in ("LA", "PA") else "RGB")
    return np.asarray(image)


def avif(data: bytes, options: dict[str, Any]) -> np.ndarray:
    """One AVIF image, upright."""
    from PIL import AvifImagePlugin, ImageOps

    image = ImageOps.exif_transpose(AvifImagePlugin.AvifImageFile(io.BytesIO(data)))
    return np.asarray(image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB"))


CODECS = {each.__name__: each for each in (jpeg, jpeg_ls, jpeg_2000, run_lengths, png, tiff, compressed_tiff, avif)}


def main() -> None:
    """Answers until stdin ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a library that prints would break the answers
    _load()
    _limit_memory()
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["bytes"])
        _start_clock(request["seconds"])
        try:
            pixels = CODECS[request["codec"]](data, request["options"])
            pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
            answer = {"shape": pixels.shape, "dtype": pixels.dtype.str, "bytes": pixels.nbytes}
        except (
            BaseException
        ) as error:  # extensions raise their own, some below BaseException only; all mean the same here
            pixels, answer = None, {"error": type(error).__name__}
        _start_clock(0)
        answers.write(json.dumps(answer).encode() + b"\n")
        if pixels is not None:
            answers.write(memoryview(pixels).cast("B") if pixels.size else b"")
        answers.flush()


def _load() -> None:
    """Every codec's library, so that it does not count as memory of the first image."""
    for name in ("jpeg8", "jpegls", "jpeg2k", "dicomrle", "png", "tiff"):
        getattr(imagecodecs, f"{name}_decode")


def _limit_memory() -> None:
    pages = Path("/proc/self/statm")
    if resource is None or not pages.exists():
        return
    used = int(pages.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _start_clock(seconds: float) -> None:
    """When it runs out, the system ends the process: no handler could run inside a library. 0 stops it."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main()
