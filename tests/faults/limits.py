"""Runs `python -m pneumo ...` in this process under a limit of the system.

python -m tests.faults.limits file:BYTES COMMAND ...      no file may grow beyond (a full disk, but for the number)
python -m tests.faults.limits memory:BYTES COMMAND ...    so much address space beyond what the imports took
"""

import resource
import signal
import sys
from pathlib import Path

from pneumo import cli


def limit(words: str) -> None:
    kind, size = words.split(":")
    if kind == "file":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead of the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
        return
    from pneumo import training  # noqa: F401  what is imported is there already

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + int(size)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    limit(sys.argv[1])
    sys.exit(cli.main(sys.argv[2:]))
