"""The suite runs one worker a core: each computes on one thread, or they would wait for one another. Set before torch is loaded."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
