"""Requests by signals: a handler makes them at any moment of the thread that takes them."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.cli.signals import HandlerSafeEvent, stop_on_signals


@pytest.fixture
def timer() -> Iterator[None]:
    """Restore the handler of the timer that counts the CPU time of the process."""
    previous = signal.getsignal(signal.SIGVTALRM)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, previous)


@pytest.mark.usefixtures("timer")
def test_a_handler_never_blocks_the_thread_that_waits() -> None:
    # threading.Event blocks for ever within the first dozens of rounds.
    for _ in range(100):
        event = HandlerSafeEvent()
        signal.signal(signal.SIGVTALRM, lambda *_, event=event: event.set())
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0001)
        while not event.wait(0):
            pass
        assert event.is_set()


@pytest.mark.usefixtures("timer")
def test_a_hang_up_never_blocks_the_thread_that_takes_the_reload() -> None:
    # threading.Event blocks for ever within the first hundredths of a second.
    with stop_on_signals(daemon=True) as stop:
        signal.signal(signal.SIGVTALRM, signal.getsignal(signal.SIGHUP))
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0001, 0.0001)
        end = time.process_time() + 0.2
        taken = 0
        while time.process_time() < end:
            taken += stop.take_reload()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    assert taken > 1


def test_all_that_wait_are_woken_and_later_waits_return_at_once() -> None:
    event = HandlerSafeEvent()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(event.wait) for _ in range(3)]
        event.set()
        assert [it.result(60) for it in waiting] == [True] * 3
    assert event.wait()
    assert event.wait(-1)


def test_a_wait_without_a_signal_ends_after_its_timeout() -> None:
    event = HandlerSafeEvent()
    assert not event.wait(0.001)
    assert not event.wait(-1)
    assert not event.is_set()


SENDS_TWICE = """
import os, signal, sys
from reconciler.cli.signals import stop_on_signals

now = 100.0
signal.signal(signal.SIGINT, signal.SIG_DFL)
with stop_on_signals(clock=lambda: now) as stop:
    for after in (0.0, float(sys.argv[2])):
        now = 100.0 + after
        os.kill(os.getpid(), int(sys.argv[1]))
print("reported", int(stop.code))
"""


@pytest.mark.process
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_p03_a_second_signal_stops_at_once_unless_it_repeats_the_first(
    number: int, code: int
) -> None:
    # timeout signals a process, and then the process group that it is in.
    for after, returned, out in (("0.99", 0, f"reported {code}\n"), ("1", -number, "")):
        run = subprocess.run(
            [sys.executable, "-c", SENDS_TWICE, str(int(number)), after],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (run.returncode, run.stdout, run.stderr) == (returned, out, "")
