"""docs/reading-files.md, written again from what the reader does with pydicom's own test files: python docs/reading_files.py"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import data_store
import pydicom

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))  # a script has its own folder there, not the repository's

from pneumo.images import containers, decoders, dicom_tags, jpeg_2000, levels, radiograph, refusals  # noqa: E402
from pneumo.images.dicom import name_of  # noqa: E402

FILE = REPOSITORY / "docs" / "reading-files.md"
FOLDERS = (Path(pydicom.__file__).parent / "data" / "test_files", Path(data_store.__file__).parent / "data")
NO_DICOM = {".py", ".pyc", ".json", ".txt", ".zip", ".gz", ".bz2", ".xml", ".dump"}
TEXT = """# Which files are read

Written by `python docs/reading_files.py`. A file is recognised by its content, never by its name. Whatever its bytes are, it is read or refused with the reason and the way out; nothing is decoded before its announced size has been checked.

| format | what is read | what is refused, with the way out |
| --- | --- | --- |
| DICOM, uncompressed | 1, 8 and 16 bits, either byte order, deflated; without preamble or header; grey, RGB, YBR, palettes | several frames, 32 bits, floating point, DICOMDIR, objects without an image |
| DICOM, compressed | JPEG of 8 and 12 bits, JPEG Lossless, JPEG-LS, JPEG 2000 (also High-Throughput), RLE, deflated frames: the stream decides, not the transfer syntax | video, JPEG XL |
| PNG | every kind, 16 bits of grey or colour among them | animated |
| JPEG | 8 bits, baseline and progressive, 8-bit lossless | more scans than {scans:.0f} megapixels in all |
| TIFF | 1 to 8, 16 and 32 bits, floating point of 16, 32 and 64; white-is-zero; LZW, deflate, JPEG, PackBits | several pages, BigTIFF, fax codings, 12 bits packed |
| JPEG 2000, AVIF | grey and colour of up to 16 bits; AVIF where the installed Pillow can | animated AVIF |
| WebP, BMP | all but the next column | animated WebP, run-length BMP |
| others | | HEIC, JPEG XL, GIF, PDF, archives and a dozen others are named |

Limits: {megabytes} MB a file; sides of up to {side:,} pixels; {grey} megapixels of grey, {colour} of colour, {wide} of numbers of 32 and 64 bits, of AVIF and of compressed colour in TIFF, {deep} of 16 bits a colour, {j2k} of JPEG 2000. JPEG 2000 of over {whole} MB is decoded at half or a quarter of its sides, and the result says so.
Decoders that may crash run in a helper process with {cpu:g} s of processor time for an image ({cpu_j2k:g} s for JPEG 2000); it is replaced when it ends (ADR 17).

## DICOM as viewers show it

| tag | what is done |
| --- | --- |
| Pixel Padding Value, Range Limit | left out of the range of values, and shown black whichever end is white |
| High Bit, Bits Stored | words are shifted down from a high bit above. Where values do not fit in the stated bits, the smoother of two pictures is taken: all bits, or the stated ones |
| Modality LUT, Rescale Slope and Intercept | as the standard has it; a slope of 0, or one so extreme that different values become one, is left out |
| VOI LUT | the data decides, not the descriptor: white is the highest number of as many bits as the entries use |
| Window | the first of several that leaves more than one grey; an unknown VOI LUT Function is LINEAR. Enhanced objects: from their functional groups |
| none of them | 8 bits stay as they are; others go from the lowest to the highest value, but for up to {outliers:.1%} of the pixels at either end that lie far off with nothing in between (hot pixels, lead markers) |
| Presentation LUT Shape | INVERSE turns the image round, as MONOCHROME1 does; both together once |
| Palette | applied, segmented ones too; segments that point at others are not followed |
| missing | Samples per Pixel, Bits Allocated, Bits Stored, High Bit, Pixel Representation and Photometric Interpretation follow from the rest. The last sequence delimiter may be missing |
| broken | a tag that cannot be used is left out and named in a warning. Where an element before the image is damaged, reading goes on at the description of the image |

## The test files of pydicom

Every file of `pydicom {pydicom}` and `pydicom-data` that is meant to be DICOM. What is read equals pydicom's own result within 2 of 255 grey levels; the exceptions, each with its reason, stand in `tests/images/test_pydicom_files.py`.

{table}
"""


def files() -> list[Path]:
    """pydicom's own test files, sorted by name."""
    found = (path for folder in FOLDERS for path in folder.rglob("*") if path.is_file() and path.name != "README")
    return sorted(
        (path for path in found if path.suffix not in NO_DICOM), key=lambda path: (path.name.lower(), str(path))
    )


def encoding(data: bytes) -> str:
    """The transfer syntax by name."""
    syntax = dicom_tags.read(data)[0] if dicom_tags.looks_like_dicom(data) else ""
    return (name_of(syntax) if syntax else "not said") or "unknown"


def result(data: bytes) -> str:
    """What the reader makes of a file, in a few words."""
    try:
        image = radiograph.read(data)
    except radiograph.RadiographError as error:
        return f"refused: {error}"
    told = sorted(
        {warning.code for warning in image.warnings} - {"small", "aspect", "uniform", "inverted", "burned_in"}
    )
    height, width = image.pixels.shape
    return f"read, {width} x {height}" + (f" ({', '.join(told)})" if told else "")


def rows() -> Iterator[str]:
    """A row a file; files of one kind that lie together share one."""
    last, names = None, []
    for path in files():
        data = path.read_bytes()
        this = (path.parent, encoding(data), result(data))
        if last is not None and this != last:
            yield _row(names, last)
            names = []
        last = this
        names.append(path.name)
    yield _row(names, last)


def _row(names: list[str], kind: tuple[Path, str, str]) -> str:
    shown = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]} ({len(names)})"
    return f"| {shown} | {kind[1]} | {kind[2]} |"


def text() -> str:
    """The whole document."""
    return TEXT.format(
        scans=containers.MAX_SCAN_PIXELS / 1e6,
        megabytes=radiograph.MAX_BYTES // 1_000_000,
        side=refusals.MAX_SIDE,
        grey=refusals.MAX_PIXELS // 1_000_000,
        colour=refusals.MAX_COLOUR_PIXELS // 1_000_000,
        wide=refusals.MAX_WIDE_PIXELS // 1_000_000,
        deep=refusals.MAX_DEEP_PIXELS // 1_000_000,
        j2k=jpeg_2000.MAX_PIXELS // 1_000_000,
        whole=jpeg_2000.WHOLE_BYTES / 1e6,
        cpu=decoders.CPU_S,
        cpu_j2k=decoders.CPU_JPEG_2000_S,
        outliers=levels.OUTLYING_SHARE,
        pydicom=pydicom.__version__,
        table="\n".join(["| file | encoding | result |", "| --- | --- | --- |", *rows()]),
    )


if __name__ == "__main__":
    FILE.write_text(text())
