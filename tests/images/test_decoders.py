"""The helper process: right pixels, and every way it can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest

from pneumo.images import codestreams as announced
from pneumo.images import decoders
from pneumo.images.refusals import RadiographError
from tests.hostile import png_of
from tests.seeds import codestreams, wide

STREAMS = {"lossless": "jpeg", "twelve": "jpeg", "jpeg-ls": "jpeg_ls", "jpeg-2000": "jpeg_2000"}


@pytest.fixture(autouse=True)
def fresh() -> None:
    decoders.stop_all()


def decoded(name: str) -> np.ndarray:
    return decoders.decode(STREAMS[name], codestreams()[name][1], halvings=0)


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "twelve"])
def test_lossless_streams(name: str) -> None:
    np.testing.assert_array_equal(decoded(name), wide())


@pytest.mark.parametrize("halvings", [1, 2])
def test_jpeg_2000_at_a_fraction_of_its_sides(halvings: int) -> None:
    stream = codestreams()["jpeg-2000"][1]
    bits = announced.jpeg_2000(stream).bits
    small = decoders.decode("jpeg_2000", stream, halvings=halvings, bits=bits, signed=False)
    step = 1 << halvings
    assert small.shape == (96 // step, 80 // step)
    means = wide().reshape(96 // step, step, 80 // step, step).mean((1, 3))
    assert np.abs(small - means).mean() < 80 * halvings  # of 4,096 levels: the transform's low pass is not the mean


@pytest.mark.parametrize("codec", list(decoders.TITLES))
@pytest.mark.parametrize("data", [b"", b"nonsense", bytes(5000), b"\xff\xd8\xff\xc3\x00\x0b"])
def test_nonsense_is_damaged_and_the_next_file_is_read(codec: str, data: bytes) -> None:
    with pytest.raises(RadiographError) as told:
        decoders.decode(codec, data, halvings=0, dtype="<u2")
    assert told.value.code == "damaged"
    assert decoders.TITLES[codec] in str(told.value)
    np.testing.assert_array_equal(decoded("jpeg-ls"), wide())


@pytest.mark.parametrize("ending", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_helper_that_died_is_replaced(ending: signal.Signals) -> None:
    decoded("jpeg-ls")
    (helper,) = decoders._idle
    os.kill(helper.process.pid, ending)
    helper.process.wait()
    np.testing.assert_array_equal(decoded("jpeg-ls"), wide())
    assert helper not in decoders._idle


def test_a_helper_that_dies_at_work_is_not_called_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded("jpeg-ls")
    (helper,) = decoders._idle
    os.kill(helper.process.pid, signal.SIGKILL)
    monkeypatch.setattr(helper.process, "poll", lambda: None)  # it dies after it was looked at
    with pytest.raises(RadiographError) as told:
        decoded("jpeg-ls")
    assert told.value.code == "damaged"


def test_a_stream_that_takes_too_long_ends_the_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    import imagecodecs

    noise = np.random.default_rng(0).integers(0, 65536, (1500, 1500), dtype=np.uint16)
    stream = imagecodecs.jpeg2k_encode(noise, reversible=True, codecformat="j2k")
    monkeypatch.setattr(decoders, "CPU_JPEG_2000_S", 0.05)
    with pytest.raises(RadiographError, match="too long"):
        decoders.decode("jpeg_2000", stream, halvings=0)
    np.testing.assert_array_equal(decoded("jpeg-2000"), wide())


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no signals")
def test_a_helper_that_waits_for_ever_is_ended_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded("jpeg-ls")
    os.kill(decoders._idle[0].process.pid, signal.SIGSTOP)
    monkeypatch.setattr(decoders, "WALL_S", 0.3)
    with pytest.raises(RadiographError, match="too long"):
        decoded("jpeg-ls")
    monkeypatch.undo()
    np.testing.assert_array_equal(decoded("jpeg-ls"), wide())


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_stream_that_wants_too_much_memory_is_refused() -> None:
    # Callers check sizes first; this one is let through to see that the helper stands by itself.
    with pytest.raises(RadiographError):
        decoders.decode("png", png_of(30_000, 30_000, zlib.compress(bytes(1000)), depth=16, colour=6))
    np.testing.assert_array_equal(decoded("jpeg-ls"), wide())


def test_many_threads_have_helpers_of_their_own() -> None:
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(6):
            name = ("lossless", "jpeg-ls", "jpeg-2000")[(number + turn) % 3]
            if not np.array_equal(decoded(name), wide()):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(decoders._idle) <= decoders.MOST_IDLE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_copy_of_this_process_does_not_talk_to_its_helpers() -> None:
    code = (
        "import os, sys, numpy as np; from tests.seeds import codestreams, wide; from pneumo.images import decoders\n"
        "stream = codestreams()['jpeg-ls'][1]; decoders.decode('jpeg_ls', stream); child = os.fork()\n"
        "good = np.array_equal(decoders.decode('jpeg_ls', stream), wide()); decoders.stop_all()\n"
        "if not child: os._exit(not good)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or not good)"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60).returncode == 0


def test_no_helper_outlives_its_process() -> None:
    code = (
        "from tests.seeds import codestreams; from pneumo.images import decoders; import os\n"
        "decoders.decode('jpeg_ls', codestreams()['jpeg-ls'][1]); print(decoders._idle[0].process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    pid = int(done.stdout)
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or " Z " in status.read_text():
            break
        threading.Event().wait(0.05)
    else:
        pytest.fail("the helper is still there")


def test_a_helper_that_cannot_be_started_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(RadiographError, match="could not be started"):
        decoded("jpeg-ls")
