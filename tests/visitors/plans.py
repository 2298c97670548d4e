"""What a visitor does on each page, and what the core alone says of the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pneumo import runs
from pneumo.formatting import probability, score
from pneumo.generators import reconstruction
from pneumo.images import phantom, radiograph
from pneumo.inference import batch, diagnosis, input_check
from pneumo.runs import Run
from tests.visitors.client import Visitor

FILES = 2  # that a visitor has
SIZE_PX = 300
COMPARED = ("resnet18_fine_tuned", "ensemble")  # what Compare opens with: the default run and the first other of people


@dataclass(frozen=True)
class Expected:
    """What the core says of one visitor's files.

    table: as Diagnose offers it for download. compared: the probabilities of the first file by COMPARED, and
    reconstructed: its PSNR by every autoencoder, as pages write them.
    """

    table: bytes
    compared: tuple[str, ...]
    reconstructed: tuple[str, ...]


@dataclass(frozen=True)
class Core:
    """The models of this process, which knows nothing of the server's."""

    run: Run
    check: input_check.InputCheck | None
    compared: Mapping[str, Run]
    autoencoders: Mapping[str, Run]

    @classmethod
    def load(cls) -> Core:
        autoencoders = {name: runs.load(name) for name in runs.available("reconstruction")}
        return cls(runs.load(), input_check.load(), {name: runs.load(name) for name in COMPARED}, autoencoders)

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
    looking("convolution"), looking(""),
)  # fmt: skip
