"""Decoders that may crash, hang or grow on hostile bytes, each call in a helper process that is replaced when it does.

A private helper of `radiograph`. JPEG Lossless, 12-bit JPEG, JPEG-LS, JPEG 2000, DICOM run lengths, AVIF, and the PNG and TIFF files
that Pillow does not read with all their bits go through `imagecodecs`; some of its libraries end the process on a damaged
stream. Callers check every announced size first (`codestreams`). docs/adr/0017.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess  # nosec B404: one program of our own, without a shell
import sys
import threading
from pathlib import Path

import numpy as np

from pneumo.images.refusals import RadiographError

PROGRAM = Path(__file__).with_name("decoder_process.py")
CPU_S = 0.8  # of processor time; the largest radiographs take 0.4 as JPEG-LS
CPU_JPEG_2000_S = 0.95  # a lossless plate of four megapixels takes 0.5 to 0.9
WALL_S = 30.0  # for a helper that waits for ever, or on a system without timers
MOST_IDLE = 2  # helpers kept for the next file; each has about 60 MB
TITLES = {
    "jpeg": "JPEG",
    "jpeg_ls": "JPEG-LS",
    "jpeg_2000": "JPEG 2000",
    "run_lengths": "RLE",
    "png": "PNG",
    "tiff": "TIFF",
    "compressed_tiff": "TIFF",
    "avif": "AVIF",
}
_idle: list[_Helper] = []
_lock = threading.Lock()


def decode(codec: str, data: bytes, **options: object) -> np.ndarray:
    """The pixels of one compressed image: (H, W) or (H, W, C), or (N,) for run lengths, in the type of the stream.

    codec: a key of TITLES. Raises RadiographError where the stream is damaged, or takes too long or too much memory. May be
    called from threads: each call has a helper of its own.
    """
    helper = _take()
    try:
        answer, pixels = helper.ask(codec, data, options)
    except (OSError, EOFError, ValueError):
        raise _ended(codec, helper.stop(), helper.late) from None
    except BaseException:  # an interrupt: the helper's answer would be taken for the next file's
        helper.stop()
        raise
    _give_back(helper)
    if pixels is None:
        raise _refused(codec, answer["error"])
    return pixels


class _Helper:
    """One helper process."""

    def __init__(self) -> None:
        # -I: neither the environment nor the current folder decides what it imports. stderr: libraries write parts of files there.
        self.process = subprocess.Popen(  # nosec B603: the words are our own
            [sys.executable, "-I", str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

        self.late = False  # whether it was ended because it did not answer

    def ask(self, codec: str, data: bytes, options: dict[str, object]) -> tuple[dict, np.ndarray | None]:
        """Its answer, and the pixels if it has any. Raises OSError or EOFError where it has ended."""
        watch = threading.Timer(WALL_S, self._end)
        watch.daemon = True
        watch.start()
        try:
            seconds = CPU_JPEG_2000_S if codec == "jpeg_2000" else CPU_S
            request = {"codec": codec, "bytes": len(data), "seconds": seconds, "options": options}
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.write(data)
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            if not line:
                raise EOFError
            answer = json.loads(line)
            if "error" in answer:
                return answer, None
            pixels = np.empty(answer["shape"], np.dtype(answer["dtype"]))
            if pixels.nbytes and self.process.stdout.readinto(memoryview(pixels).cast("B")) != pixels.nbytes:
                raise EOFError
            return answer, pixels
        finally:
            watch.cancel()

    def _end(self) -> None:
        self.late = True
        self.process.kill()

    def stop(self) -> int:
        """Ends it; returns its exit status, negative for the signal that ended it before."""
        status = self.process.poll()
        if status is None:
            try:
                status = self.process.wait(0.2)  # its pipe may close a moment before it is gone
            except subprocess.TimeoutExpired:
                self.process.kill()
                status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):  # what was left to write has no reader any more
                pipe.close()
        return status


def _take() -> _Helper:
    with _lock:
        while _idle:
            helper = _idle.pop()
            if helper.process.poll() is None:  # else the system has ended it meanwhile
                return helper
    try:
        return _Helper()
    except OSError as error:
        raise RadiographError(
            "unsupported", f"the helper process for this format could not be started: {error.strerror}; save it as PNG"
        ) from None


def _give_back(helper: _Helper) -> None:
    with _lock:
        if len(_idle) < MOST_IDLE:
            _idle.append(helper)
            return
    helper.stop()


@atexit.register
def stop_all() -> None:
    """Ends the idle helpers; the next call starts a new one."""
    with _lock:
        helpers = _idle[:]
        _idle.clear()
    for helper in helpers:
        helper.process.kill()
        helper.stop()


def _forget() -> None:
    """A copy of this process must not talk to its helpers, nor wait for a lock that one of its threads held."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _ended(codec: str, status: int, late: bool) -> RadiographError:
    """Why a helper ended. SIGPROF is the clock's; any other end is the decoder's own."""
    if late or (status and status == -getattr(signal, "SIGPROF", 0)):
        return _too_dear(codec, "takes too long to decode")
    return _damaged(codec)


def _refused(codec: str, error: str) -> RadiographError:
    return _too_dear(codec, "takes too much memory to decode") if error == "MemoryError" else _damaged(codec)


def _damaged(codec: str) -> RadiographError:
    return RadiographError(
        "damaged", f"the {TITLES[codec]} data is damaged and cannot be decoded; copy or export it again"
    )


def _too_dear(codec: str, why: str) -> RadiographError:
    return RadiographError("unsupported", f"the {TITLES[codec]} data {why}; decompress it, or save it as a smaller PNG")
