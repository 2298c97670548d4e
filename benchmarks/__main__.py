"""python -m benchmarks [phantom] [training]"""

import sys

from benchmarks import training
from benchmarks.phantom import phantoms_per_second


def phantom() -> None:
    print(f"phantoms at 224 px, one core: {phantoms_per_second():.0f} a second (wanted: 200)")


BENCHMARKS = {"phantom": phantom, "training": training.run}

if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[name]()
