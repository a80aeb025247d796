"""Requests by signals: a handler makes them at any moment of the thread that takes them."""

import signal
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
