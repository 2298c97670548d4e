"""python -m benchmarks [phantom] [training] [pages [options]]"""

import sys

from benchmarks import training
from benchmarks.phantom import phantoms_per_second


def phantom() -> None:
    print(f"phantoms at 224 px, one core: {phantoms_per_second():.0f} a second (wanted: 200)")


def pages(options: list[str]) -> int:
    """Needs a Chromium and Playwright, which the others do not. Returns the exit code."""
    from benchmarks import pages

    return pages.main(options)


BENCHMARKS = {"phantom": phantom, "training": training.run}


def main(arguments: list[str]) -> int:
    """Runs what is named, or all; what follows "pages" are its options."""
    arguments = arguments or [*BENCHMARKS, "pages"]
    for number, name in enumerate(arguments):
        if name == "pages":
            return pages(arguments[number + 1 :])
        if name not in BENCHMARKS:
            print(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}, pages", file=sys.stderr)
            return 2
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
