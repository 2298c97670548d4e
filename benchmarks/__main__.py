"""python -m benchmarks [phantom] [training]"""

import sys

import torch

from benchmarks.phantom import phantoms_per_second
from benchmarks.training import trainer_against_ready_tensors


def phantom() -> None:
    print(f"phantoms at 224 px, one core: {phantoms_per_second():.0f} a second (wanted: 200)")


def training() -> None:
    found, threads = trainer_against_ready_tensors(), torch.get_num_threads()
    print(
        f"pneumonia_cnn, {threads} thread{'s' * (threads != 1)}: trainer {found['trainer_images_per_s']:.0f} images/s, the same steps on "
        f"ready tensors {found['ready_images_per_s']:.0f}, ratio {found['ratio']:.3f} (wanted: 0.85)"
    )


BENCHMARKS = {"phantom": phantom, "training": training}

if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[name]()
