"""What `predict` costs beside twenty plain lines (`benchmarks.plain`), in turns; and what the command line costs before it begins.

Every figure is of a process of its own, from its start to its end, as a person waits for it. The machine's other work is in all
of them alike, and ratios are medians over rounds of neighbours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess  # nosec B404  starts programs of this repository, nothing else
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from pneumo import runs
from pneumo.images import phantom, radiograph, transforms
from pneumo.inference import input_check
from pneumo.runs import engine

WIDTH_PX, HEIGHT_PX = 1500, 1100  # of an exported radiograph
NOISE_LEVELS = 2.5  # standard deviation: a plain phantom is smoother than any radiograph, and cheaper to decode
DRAWN = 12  # phantoms; the files are these, shifted against their noise
STAGE_FILES = 32  # for the share of each stage
WITHOUT_TORCH = {"--help": ["--help"], "runs": ["runs"], "card": ["card"]}


@dataclass(frozen=True)
class Row:
    """One line of the table. goal: in words; met: None where there is none, or where it cannot be judged."""

    what: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Process:
    """One that has ended: seconds from its start, seconds of all cores together, and its peak memory in MiB."""

    wall_s: float
    core_s: float
    peak_mib: float


def write_files(folder: Path, count: int) -> None:
    """Phantoms as JPEG files of WIDTH_PX x HEIGHT_PX, all different."""
    rng, grey = np.random.default_rng(0), []
    for drawn in phantom.draw_set(DRAWN, size_px=HEIGHT_PX // 2, seed=5):
        image = Image.fromarray(drawn.pixels).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
        grey.append(np.asarray(image, np.float32))
    noise = rng.normal(0, NOISE_LEVELS, (HEIGHT_PX, WIDTH_PX)).astype(np.float32)
    for n in range(count):
        shift = tuple(int(each) for each in rng.integers(0, 500, 2))
        pixels = np.clip(grey[n % DRAWN] + np.roll(noise, shift, (0, 1)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{n:05d}.jpeg", quality=90)


def process(command: list[str]) -> Process:
    """Runs a Python command to its end, its output thrown away. RuntimeError where it failed."""
    start = time.perf_counter()
    child = subprocess.Popen(  # nosec B603  fixed words, no shell
        [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=runs.REPOSITORY
    )
    said = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):  # 1: the input check refused one
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}: {said.strip()[-500:]}")
    wall_s = time.perf_counter() - start
    return Process(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turns(ways: dict[str, Callable[[], Process]], rounds: int) -> dict[str, list[Process]]:
    found: dict[str, list[Process]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found


def ratio(found: dict[str, list[Process]], of: str, to: str) -> float:
    """Median over the rounds of `of`'s time over `to`'s."""
    return median(a.wall_s / b.wall_s for a, b in zip(found[of], found[to], strict=True))


def plain_weights(place: Path) -> Path:
    """The default run's weights under torchvision's names. RuntimeError where it is no ResNet-18."""
    run = runs.load()
    if run.card.model != "resnet18":
        raise RuntimeError(f"the default run is a {run.card.model}; the plain script knows ResNet-18 alone")
    state = run.model.state_dict()
    backbone = {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    head = {f"fc.{key.rsplit('.', 1)[1]}": value for key, value in state.items() if key.startswith("head.")}
    torch.save(backbone | head, place)
    return place


def folders(files: Path, fewer: Path, weights: Path, rounds: int) -> Iterator[Row]:
    """A folder by `predict` and by the plain script, and the memory that a longer list takes."""
    count, few = len(list(files.iterdir())), len(list(fewer.iterdir()))
    size = str(runs.load().card.image.size)
    found = in_turns(
        {
            "plain": lambda: process(["-m", "benchmarks.plain", str(weights), size, str(files)]),
            "predict": lambda: process(["-m", "pneumo", "predict", str(files), "--json"]),
            "fewer": lambda: process(["-m", "pneumo", "predict", str(fewer), "--json"]),
        },
        rounds,
    )
    faster = ratio(found, "plain", "predict")
    for name in ("plain", "predict"):
        yield Row(f"{name}, {count} files", count / median(each.wall_s for each in found[name]), "files/s")
        yield Row(f"{name}, cores busy for", 1000 * median(each.core_s for each in found[name]) / count, "ms/file")
    yield Row("predict, times as fast as plain", faster, "x", "2", faster >= 2)
    peaks = {name: max(each.peak_mib for each in found[name]) for name in ("predict", "fewer")}
    growth = peaks["predict"] - peaks["fewer"]
    yield Row(f"predict, peak memory of {count} files", peaks["predict"], "MiB")
    yield Row(f"predict, more than of {few} files", growth, "MiB", "flat: 50", growth <= 50)


def one_file(file: Path, weights: Path, rounds: int) -> Iterator[Row]:
    size = str(runs.load().card.image.size)
    found = in_turns(
        {
            "plain": lambda: process(["-m", "benchmarks.plain", str(weights), size, str(file)]),
            "predict": lambda: process(["-m", "pneumo", "predict", str(file)]),
        },
        rounds,
    )
    for name in ("plain", "predict"):
        yield Row(f"{name}, one file", median(each.wall_s for each in found[name]), "s")
    slower = ratio(found, "predict", "plain")
    yield Row("predict, one file, of plain", slower, "x", "1.3", slower <= 1.3)


def without_torch(rounds: int) -> Iterator[Row]:
    """Commands that compute nothing."""
    ways = {name: ["-m", "pneumo", *words] for name, words in WITHOUT_TORCH.items()}
    found = in_turns({name: lambda words=words: process(words) for name, words in ways.items()}, rounds)
    for name, words in WITHOUT_TORCH.items():
        wall, imported = median(each.wall_s for each in found[name]), "torch" in modules_of(words)
        goal = "0.5, no torch" + (" (it is imported)" if imported else "")
        yield Row(f"pneumo {name}", wall, "s", goal, wall <= 0.5 and not imported)


def modules_of(words: list[str]) -> set[str]:
    """The modules that a command of pneumo has imported when it ends."""
    code = (
        "import contextlib, io, sys\n"
        "from pneumo import cli\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    cli.main({words!r})\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=runs.REPOSITORY, check=True)  # nosec B603  fixed words, no shell
    return set(done.stdout.split())


def stages(files: list[Path]) -> Iterator[Row]:
    """Milliseconds of one core that an image takes in each stage of a batch."""
    run, check, before = runs.load(), input_check.load(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        blobs = [file.read_bytes() for file in files]
        made = engine.of(run)
        images, decode = _timed(lambda: [radiograph.read(blob) for blob in blobs])
        squares, resize = _timed(lambda: transforms.resize_all([each.pixels for each in images], run.card.image))
        batches = [squares[n : n + engine.BATCH] for n in range(0, len(squares), engine.BATCH)]
        _, classify = _timed(lambda: [made.logits(each) for each in batches])
        took = {"decode": decode, "resize": resize, "classifier": classify}
        if check is not None and check.takes_squares_of(run.card.image):
            _, took["input check"] = _timed(lambda: [input_check.assess_squares(check, each) for each in batches])
    finally:
        torch.set_num_threads(before)
    for name, seconds in took.items():
        yield Row(f"{name}, of an image", 1000 * seconds / len(files), "ms")


def _timed(work: Callable) -> tuple:
    """(result, seconds of the second quickest of four)."""
    times = []
    for _ in range(4):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    return result, sorted(times)[1]


def line(row: Row) -> str:
    """A row of the table as text."""
    judged = "" if row.met is None else "met" if row.met else "missed"
    return f"{row.what:<44} {row.value:>9.2f} {row.unit:<8} {row.goal:<28} {judged}".rstrip()


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks serving", description=__doc__)
    parser.add_argument("--files", type=int, default=1000, metavar="N", help="in the folder; 1000")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of each pair; 3")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table there")
    options = parser.parse_args(words)
    if options.files < 5 or options.rounds < 1:
        parser.error("there must be five files, and one round, at least")
    return options


def main(words: list[str]) -> int:
    """Prints the table; a missed goal is told, and is no error."""
    options, rows = arguments(words), []
    with TemporaryDirectory() as place:
        files, fewer = Path(place) / "files", Path(place) / "fewer"
        files.mkdir(), fewer.mkdir()
        write_files(files, options.files)
        write_files(fewer, options.files // 5)
        weights = plain_weights(Path(place) / "plain.pt")
        first = sorted(files.iterdir())
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, files of {first[0].stat().st_size // 1024} KiB")
        print(f"{'what':<44} {'':>9} {'':<8} goal")
        for part in (
            without_torch(options.rounds),
            one_file(first[0], weights, options.rounds),
            folders(files, fewer, weights, options.rounds),
            stages(first[:STAGE_FILES]),
        ):
            for row in part:
                rows.append(row)
                print(line(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0
