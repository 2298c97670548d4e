"""Freed memory goes back to the system, in a process of its own because it cannot be taken back."""

import subprocess
import sys

from pneumo import runs

PROGRAM = """
import sys, threading, time
from pages import memory
memory.TRIM_EVERY_S = 0.1
print(memory.give_back())
def resident():
    return int(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmRSS'))) // 1000
kept = []
def work():
    blocks = [bytearray(100_000) for _ in range(3000)]
    kept.append(bytearray(100))  # above them, so that the arena's top stays
threads = [threading.Thread(target=work) for _ in range(4)]
before = resident()
[t.start() for t in threads]; [t.join() for t in threads]
time.sleep(1)
print(resident() - before)
"""


def test_what_threads_have_freed_does_not_stay():
    if not sys.platform.startswith("linux"):
        return
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=runs.REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    there, grown = done.stdout.split()
    assert there == "False" or int(grown) < 100  # MB, of 1,200 that were used
