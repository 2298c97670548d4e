"""python -m tests.visitors: twenty visitors at once, each with images of its own, over three waves.

Every table that Diagnose gives, every probability on Compare and every reconstruction is compared with what the core says in a
process of its own; everything the server sends to a visitor is searched for the names of others' files. Between the waves all
leave, and the server's memory is measured once their sessions have ended. Exit code 0 where all is as it should be.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.browser import App
from tests.server import WAYS, served
from tests.visitors.client import NAMES, Visitor
from tests.visitors.plans import PLANS, Core, Expected, files_of

ALLOWED_MB = 150  # more than before the first wave
SETTLE_S = 15  # after the sessions' end: garbage collection and trimming run with the next requests
TTL_S = 120  # server.disconnectedSessionTTL as Streamlit has it


@dataclass
class Tally:
    """What all visitors of a wave saw, under one lock."""

    views: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, page: str, seconds: float, faults: list[str]) -> None:
        with self.lock:
            self.views[page] += 1
            self.seconds.append(seconds)
            self.faults += faults


def memory_mb(pid: int) -> float:
    """Resident memory of a process in MB (1,000,000 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError(f"process {pid} has no memory any more: the server is gone")


def visit(address: str, wave: int, number: int, files: list[tuple[str, bytes]], expected: Expected, end: float, tally: Tally) -> None:  # fmt: skip
    """One visitor until the time is over: page after page, each visitor beginning with another one."""
    turn, own = number, {name.encode().removesuffix(b".png") for name, _ in files}
    try:
        with Visitor(address) as visitor:
            while time.monotonic() < end:
                plan, begun = PLANS[turn % len(PLANS)], time.monotonic()
                faults = []
                try:
                    plan(visitor, files, expected)
                    faults += [f"{plan.__name__}: an exception on the page" for _ in visitor.all_of("exception")]
                except Exception as error:  # whatever goes wrong for one visitor is a finding, and the others go on
                    faults.append(f"{plan.__name__}: {type(error).__name__}: {str(error)[:300]}")
                strangers = visitor.seen - own
                faults += [f"{plan.__name__}: saw {name.decode()}, which is another's" for name in sorted(strangers)]
                tally.add(plan.__name__, time.monotonic() - begun, [f"visitor {number}: {each}" for each in faults])
                turn += 1
    except Exception as error:
        tally.add("connection", 0.0, [f"visitor {number}: {type(error).__name__}: {str(error)[:300]}"])


def wave_of(server: App, core: Core, wave: int, visitors: int, minutes: float) -> Tally:
    """All visitors of one wave; returns when the last has left."""
    files = [files_of(wave, number) for number in range(visitors)]
    expected = [core.expected(each) for each in files]
    tally, end = Tally(), time.monotonic() + 60 * minutes
    threads = [
        threading.Thread(target=visit, args=(server.address, wave, n, files[n], expected[n], end, tally))
        for n in range(visitors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def warmed(server: App, core: Core) -> None:
    """One visitor who sees every page, so that what is loaded once for all is there before the first measurement."""
    files = files_of(0, 0)
    tally = Tally()
    visit(server.address, 0, 0, files, core.expected(files), time.monotonic() + 1, tally)
    expected = core.expected(files)
    with Visitor(server.address) as visitor:
        for plan in PLANS:
            plan(visitor, files, expected)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.visitors", description=__doc__)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0, help="that a wave stays")
    parser.add_argument("--waves", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, default="streamlit")
    parser.add_argument("--ttl", type=int, default=TTL_S, metavar="S", help="how long a session outlives its visitor")
    options = parser.parse_args(arguments)
    core = Core.load()
    flags = ("--server.disconnectedSessionTTL", str(options.ttl)) if options.way == "streamlit" else ()
    with served(options.way, *flags) as server:
        warmed(server, core)
        time.sleep(options.ttl + SETTLE_S)
        before, faults = memory_mb(server.pid), []
        print(f"before: {before:.0f} MB", flush=True)
        for wave in range(1, options.waves + 1):
            tally = wave_of(server, core, wave, options.visitors, options.minutes)
            full = memory_mb(server.pid)
            time.sleep(options.ttl + SETTLE_S)
            after = memory_mb(server.pid)
            times = sorted(tally.seconds)
            print(
                f"wave {wave}: {sum(tally.views.values())} pages by {options.visitors} visitors, {len(tally.faults)} faults, "
                f"median {times[len(times) // 2]:.1f} s, longest {times[-1]:.1f} s; {full:.0f} MB at the end, "
                f"{after:.0f} MB after they left ({after - before:+.0f})",
                flush=True,
            )
            print("  " + ", ".join(f"{page} {count}" for page, count in sorted(tally.views.items())), flush=True)
            faults += tally.faults
            if after - before > ALLOWED_MB:
                faults.append(f"wave {wave} left {after - before:.0f} MB behind")
        written = server.written()
        if "Traceback" in written:
            faults.append("the server wrote a traceback: " + written[written.index("Traceback") :][:1500])
        if NAMES.search(written.encode()):
            faults.append("the server wrote the name of a file")
    for fault in faults[:30]:
        print(fault)
    print("all as the core has it" if not faults else f"{len(faults)} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
