"""A fuzzer of the reader: python -m tests.fuzz --minutes 10

Changed files go through `radiograph.read`, which may give a radiograph or raise RadiographError, within LIMIT_S of processor time and
LIMIT_MB of memory, and says nothing on stderr. Hypothesis draws the changes and leans towards those that take long. Readers run in a
process of their own, which is replaced when a file ends it; what breaks a promise is kept in a folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, given, seed, settings, target

from pneumo.images import decoders, radiograph
from tests.seeds import seeds

LIMIT_S, LIMIT_MB = 1.0, 400.0
GRACE_S = 90.0  # after which a reader that has not answered is ended
ROUND = 500  # inputs between two new beginnings of Hypothesis
NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

Change = tuple[
    str, int, int, int
]  # what, where (0..2**16, as a share of the file, or from its start), a number, a length


@dataclass
class Findings:
    """inputs: how many were read. outcomes: "read", and codes of refusals. broken: promises that were not kept, with the file kept
    for each. slowest: (seconds, seed); largest: (MB, seed)."""

    inputs: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[float, str] = (0.0, "")

    def add(self, name: str, outcome: str, seconds: float, megabytes: float) -> None:
        self.inputs += 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.slowest, self.largest = max(self.slowest, (seconds, name)), max(self.largest, (megabytes, name))

    def merge(self, other: Findings) -> None:
        self.inputs += other.inputs
        self.outcomes = dict(Counter(self.outcomes) + Counter(other.outcomes))
        self.broken += other.broken
        self.slowest, self.largest = max(self.slowest, other.slowest), max(self.largest, other.largest)


# --- changing files ---------------------------------------------------------------------------------------

CHANGES = st.tuples(
    st.sampled_from(("bit", "byte", "number", "delete", "double", "insert", "cut", "join", "head", "flood")),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(1, 64),
)


def changed(data: bytes, changes: list[Change], others: list[bytes]) -> bytes:
    """A file after every change; the checksums of a PNG are mended, so that changes reach what lies behind them."""
    for what, where, number, length in changes:
        if not data:
            break
        # Half of them in the first kilobyte, where sizes, types and tables are announced.
        at = (where // 2 % min(len(data), 1024)) if where % 2 else where * len(data) >> 16
        data = _CHANGES[what](data, at, number, length, others)
    return _with_checksums(data)


def _number(data: bytes, at: int, number: int, length: int, others: list[bytes]) -> bytes:
    code = ("<B", "<H", ">H", "<L", ">L")[length % 5]
    value = NUMBERS[number % len(NUMBERS)] & (1 << 8 * struct.calcsize(code)) - 1
    return data[:at] + struct.pack(code, value) + data[at + struct.calcsize(code) :]


_CHANGES: dict[str, Callable[[bytes, int, int, int, list[bytes]], bytes]] = {
    "bit": lambda data, at, number, length, others: data[:at] + bytes([data[at] ^ 1 << number % 8]) + data[at + 1 :],
    "byte": lambda data, at, number, length, others: data[:at] + bytes([number % 256]) + data[at + 1 :],
    "number": _number,
    "delete": lambda data, at, number, length, others: data[:at] + data[at + length :],
    "double": lambda data, at, number, length, others: (
        data[: at + length] + data[at : at + length] * (number % 40) + data[at + length :]
    ),
    "insert": lambda data, at, number, length, others: data[:at] + random.Random(number).randbytes(length) + data[at:],
    # Up to four megabytes of one short thing: what takes the square of a file's size is slow only for large ones.
    "flood": lambda data, at, number, length, others: (
        data[:at] + data[at : at + length] * (2 ** (number % 23) // length) + data[at:]
    ),
    "cut": lambda data, at, number, length, others: data[:at],
    "join": lambda data, at, number, length, others: data[:at] + others[number % len(others)][at:],
    "head": lambda data, at, number, length, others: data[: length * 8] + others[number % len(others)][length * 8 :],
}


def _with_checksums(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    result, position = [data[:8]], 8
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data):
            break
        body = data[position + 4 : end - 4]
        result.append(data[position : end - 4] + zlib.crc32(body).to_bytes(4, "big"))
        position = end
    return b"".join([*result, data[position:]])


# --- reading them -----------------------------------------------------------------------------------------


def measured(data: bytes) -> tuple[str, float, float]:
    """What `read` made of a file, its processor time in s, and by how many MB memory grew at most, helper processes included."""
    _forget_peaks()
    before, memory = _seconds(), _megabytes("VmRSS")
    try:
        radiograph.read(data, "file.bin")
        outcome = "read"
    except radiograph.RadiographError as error:
        outcome = error.code
    except Exception as error:  # what is looked for
        outcome = f"raised {type(error).__name__}"
    return outcome, _seconds() - before, _megabytes("VmHWM") - memory


def _processes() -> list[Path]:
    helpers = [Path("/proc") / str(helper.process.pid) for helper in decoders._idle]
    return [Path("/proc/self"), *helpers]


def _forget_peaks() -> None:
    for process in _processes():
        with contextlib.suppress(OSError):
            (process / "clear_refs").write_text("5")


def _megabytes(name: str) -> float:
    total = 0
    for process in _processes():
        with contextlib.suppress(OSError):
            status = (process / "status").read_text()
            total += next((int(row.split()[1]) for row in status.splitlines() if row.startswith(name)), 0)
    return total / 1024


def _seconds() -> float:
    """Of this process and of its helpers, those that were replaced included."""
    times, total = os.times(), 0.0
    for process in _processes()[1:]:
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total + times.user + times.system + times.children_user + times.children_system


def broken_promise(outcome: str, seconds: float, megabytes: float) -> str | None:
    """Which promise a file has broken; None where it kept all."""
    if outcome.startswith("raised"):
        return outcome
    if seconds > LIMIT_S:
        return f"took {seconds:.2f} s"
    return f"took {megabytes:.0f} MB" if megabytes > LIMIT_MB else None


def fuzz(until: float, number: int, now: Path, keep: Path, most: float = float("inf")) -> Findings:
    """Reads changed files until that moment of `time.monotonic`, or that many. number: what the draws begin with. now: where the file being
    read is written first, for whoever finds this process dead. keep: a folder for files that break a promise."""
    names, files = zip(*sorted(seeds().items()), strict=True)
    findings = Findings()

    @settings(
        max_examples=ROUND,
        phases=(Phase.generate, Phase.target),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, len(files) - 1), st.lists(CHANGES, max_size=8))
    def one(which: int, changes: list[Change]) -> None:
        if time.monotonic() > until or findings.inputs >= most:
            return
        data = changed(files[which], changes, list(files))
        now.write_bytes(data)
        outcome, seconds, megabytes = measured(data)
        findings.add(names[which], outcome, seconds, megabytes)
        target(seconds, label="seconds")
        target(megabytes, label="megabytes")
        promise = broken_promise(outcome, seconds, megabytes)
        if promise:
            kept = keep / f"{number}-{findings.inputs}-{names[which]}"
            kept.write_bytes(data)
            findings.broken.append(f"{promise}: {kept.name}")

    while time.monotonic() < until and findings.inputs < most:
        seed(number + findings.inputs)(one)()
    return findings


# --- the program ------------------------------------------------------------------------------------------


def main() -> int:
    """Runs readers one after the other; returns 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0, help="what the draws begin with")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-findings"), help="a folder for files that break a promise"
    )
    parser.add_argument("--reader", type=Path, help=argparse.SUPPRESS)  # this process reads; it answers into that file
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + options.minutes * 60
    if options.reader:
        found = fuzz(until, options.seed, options.reader.with_suffix(".now"), options.keep)
        options.reader.write_text(json.dumps(asdict(found)))
        return 0
    total = Findings()
    with tempfile.TemporaryDirectory() as scratch:
        number = options.seed
        while (left := until - time.monotonic()) > 1:
            number += 1_000_003
            total.merge(_one_reader(Path(scratch) / "answer", number, min(left, 150), options.keep))
    _report(total, options.minutes)
    return 1 if total.broken else 0


def _one_reader(answer: Path, number: int, seconds: float, keep: Path) -> Findings:
    """A process that reads for some seconds: its findings, and its death among them where a file ended it."""
    answer.unlink(missing_ok=True)
    words = ["--reader", str(answer), "--minutes", str(seconds / 60), "--seed", str(number), "--keep", str(keep)]
    process = subprocess.Popen([sys.executable, "-m", "tests.fuzz", *words], stderr=subprocess.PIPE, text=True)
    try:
        said = process.communicate(timeout=seconds + GRACE_S)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[1] + "hung"
    findings = Findings()
    if answer.exists():
        findings = Findings(**json.loads(answer.read_text()))
        findings.slowest, findings.largest = tuple(findings.slowest), tuple(findings.largest)
    else:
        kept = keep / f"{number}-ended"
        kept.write_bytes(answer.with_suffix(".now").read_bytes())
        findings.broken.append(f"ended the process ({process.returncode}): {kept.name}")
    if said.strip():
        findings.broken.append(f"said on stderr: {said.strip()[-300:]}")
    return findings


def _report(found: Findings, minutes: float) -> None:
    print(f"{found.inputs:,} inputs in {minutes:g} minutes; {len(found.broken)} broke a promise")
    print("outcomes: " + ", ".join(f"{name} {count:,}" for name, count in Counter(found.outcomes).most_common()))
    print(f"longest: {found.slowest[0]:.2f} s of processor time ({found.slowest[1]})")
    print(f"largest: {found.largest[0]:.0f} MB more than before ({found.largest[1]})")
    for each in found.broken:
        print(f"broken: {each}")


if __name__ == "__main__":
    sys.exit(main())
