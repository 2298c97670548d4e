"""What a visitor does on each page, and what the core alone says of the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pneumo import runs
from pneumo.formatting import probability, score
from pneumo.generators import reconstruction
from pneumo.images import phantom, radiograph
from pneumo.inference import batch, diagnosis, input_check
from pneumo.lessons import network
from pneumo.runs import Run
from tests.visitors.client import Visitor

FILES = 2  # that a visitor has
SIZE_PX = 300
TAKEN_APART = "pneumonia_cnn"  # what Inside the network opens with
COMPARED = ("resnet18_fine_tuned", "ensemble")  # what Compare opens with: the default run and the first other of people


@dataclass(frozen=True)
class Expected:
    """What the core says of one visitor's files.

    table: as Diagnose offers it for download. Of the first file, as pages write them: compared, the probabilities by COMPARED;
    reconstructed, the PSNR by every autoencoder; logit, the last sum of TAKEN_APART.
    """

    table: bytes
    compared: tuple[str, ...]
    reconstructed: tuple[str, ...]
    logit: tuple[str, ...]


@dataclass(frozen=True)
class Core:
    """The models of this process, which knows nothing of the server's."""

    run: Run
    check: input_check.InputCheck | None
    compared: Mapping[str, Run]
    autoencoders: Mapping[str, Run]
    taken_apart: Run

    @classmethod
    def load(cls) -> Core:
        autoencoders = {name: runs.load(name) for name in runs.available("reconstruction")}
        return cls(
            runs.load(),
            input_check.load(),
            {name: runs.load(name) for name in COMPARED},
            autoencoders,
            runs.load(TAKEN_APART),
        )

    def expected(self, files: list[tuple[str, bytes]]) -> Expected:
        results = [diagnosis.diagnose(self.run, blob, name, check=self.check) for name, blob in files]
        rows = batch.table(self.run, results, self.run.card.point().threshold)
        name, blob = files[0]
        pixels = radiograph.read(blob, name).pixels
        return Expected(
            batch.table_csv(rows),
            tuple(probability(diagnosis.diagnose(run, blob, name).probability) for run in self.compared.values()),
            tuple(
                f"PSNR {score(reconstruction.reconstruct(run, pixels).psnr, 1)} dB"
                for run in self.autoencoders.values()
            ),
            (f"{network.last_sum(self.taken_apart, network.prepared(self.taken_apart, pixels)[1]).logit:+.3f}",),
        )


def files_of(wave: int, visitor: int) -> list[tuple[str, bytes]]:
    """Phantoms that nobody else has, under names that nobody else has."""
    drawn = []
    for number in range(FILES):
        patient = (wave * 1000 + visitor) * FILES + number
        pixels = phantom.draw(patient, 0, patient % 2, size_px=SIZE_PX, seed=wave).pixels
        drawn.append((f"visitor-{wave}-{visitor}-{number}.png", radiograph.encode_png(pixels)))
    return drawn


class WrongResultError(AssertionError):
    """A page showed something else than the core."""


def diagnose(visitor: Visitor, files: list[tuple[str, bytes]], expected: Expected) -> None:
    visitor.open("diagnose").upload("diagnose.upload", files)
    table = visitor.downloaded("diagnose.csv")
    if table != expected.table:
        raise WrongResultError(f"Diagnose: {table!r} instead of {expected.table!r}")


def compare(visitor: Visitor, files: list[tuple[str, bytes]], expected: Expected) -> None:
    visitor.open("compare").upload("compare.upload", files[:1])
    _find("Compare", expected.compared, visitor.words())


def autoencoder(visitor: Visitor, files: list[tuple[str, bytes]], expected: Expected) -> None:
    visitor.open("autoencoder").upload("autoencoder.upload", files[:1])
    _find("Autoencoder", expected.reconstructed, visitor.words())


def inside(visitor: Visitor, files: list[tuple[str, bytes]], expected: Expected) -> None:
    """An X-ray uploaded in the clinic, taken apart in the classroom."""
    visitor.open("diagnose").upload("diagnose.upload", files)
    visitor.open("network", "part=sum").choose("classroom.image", f"Your X-ray 1: {files[0][0]}")
    _find("Inside the network", expected.logit, visitor.words())


def lesson(page: str, part: str) -> Callable[[Visitor, list[tuple[str, bytes]], Expected], None]:
    """A part of a lesson, with whatever image it opens with; a visitor's own after an upload."""

    def look(visitor: Visitor, files: list[tuple[str, bytes]], expected: Expected) -> None:
        visitor.open(page, f"part={part}")

    look.__name__ = f"{page}?{part}"
    return look


def _find(page: str, wanted: tuple[str, ...], words: str) -> None:
    missing = [each for each in wanted if each.replace(">", "") not in words]
    if missing:
        raise WrongResultError(f"{page}: {missing} of {wanted} missing")


def looking(page: str) -> Callable[[Visitor, list[tuple[str, bytes]], Expected], None]:
    """A page without an upload."""

    def look(visitor: Visitor, files: list[tuple[str, bytes]], expected: Expected) -> None:
        visitor.open(page)

    look.__name__ = page or "home"
    return look


def gan(visitor: Visitor, files: list[tuple[str, bytes]], expected: Expected) -> None:
    """Samples of a seed of one's own."""
    visitor.open("gan").choose("gan.seed", float(int(files[0][0].split("-")[2]) + 1))


PLANS = (
    diagnose, compare, autoencoder, diagnose, gan, looking("results"), looking("data"), looking("model_cards"),
    inside, lesson("convolution", "slide"), lesson("gradcam", "steps"), lesson("shortcuts", "lab"), lesson("thresholds", "elsewhere"),
    lesson("transfer", "head"), lesson("you_first", "read"), lesson("gradcam", "cover"), looking(""),
)  # fmt: skip
