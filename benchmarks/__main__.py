"""python -m benchmarks [phantom] [training] [serving [options] | pages [options]]"""

import sys

from benchmarks import training
from benchmarks.phantom import phantoms_per_second


def phantom() -> None:
    print(f"phantoms at 224 px, one core: {phantoms_per_second():.0f} a second (wanted: 200)")


def pages(options: list[str]) -> int:
    """Needs a Chromium and Playwright, which the others do not. Returns the exit code."""
    from benchmarks import pages

    return pages.main(options)


def serving(options: list[str]) -> int:
    from benchmarks import serving

    return serving.main(options)


BENCHMARKS = {"phantom": phantom, "training": training.run}
WITH_OPTIONS = {"serving": serving, "pages": pages}


def main(arguments: list[str]) -> int:
    """Runs what is named, or all; what follows a name of WITH_OPTIONS are its options. Returns the exit code."""
    if not arguments:
        for each in BENCHMARKS.values():
            each()
        return max(each([]) for each in WITH_OPTIONS.values())
    for number, name in enumerate(arguments):
        if name in WITH_OPTIONS:
            return WITH_OPTIONS[name](arguments[number + 1 :])
        if name not in BENCHMARKS:
            print(f"no benchmark {name!r}; there are {', '.join([*BENCHMARKS, *WITH_OPTIONS])}", file=sys.stderr)
            return 2
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
