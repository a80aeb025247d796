"""SIGINT and SIGTERM as a wish to stop: what is under way is finished, nothing new is begun.

SIGHUP is a wish, too: that the configuration is read again.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from types import FrameType

from reconciler.core.exit_codes import ExitCode

CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
# A supervisor gives ten seconds; these leave two to say what was left.
PATIENCE_SECONDS = 8.0

logger = logging.getLogger(__name__)


class Stop:
    """The wish to stop, the exit code of a run that it cut short, and what is under way."""

    def __init__(self) -> None:
        self.wished = Event()
        self.code = ExitCode.OK
        self.under_way: Callable[[], Iterable[str]] = tuple


@contextmanager
def stop_on_signals(*, bounded: bool = False) -> Iterator[Stop]:
    """Yield a wish that the first signal makes; the second one ends the process at once.

    Where it is ``bounded``, the process ends 8 seconds after the wish, whatever is under way.
    """
    stop = Stop()

    def abandon(_number: int, _frame: FrameType | None) -> None:
        # Nothing that goes wrong with the words may keep the process here.
        with suppress(Exception):
            for key in stop.under_way():
                logger.error("%s: left under way; what became of it, the next look says", key)
        os._exit(ExitCode.OK)

    def wish(number: int, _frame: FrameType | None) -> None:
        stop.code = CODES[signal.Signals(number)]
        for known in CODES:
            signal.signal(known, signal.SIG_DFL)
        if bounded:
            # The alarm outlives the block: threads are waited for at the very end of a process.
            signal.signal(signal.SIGALRM, abandon)
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
        stop.wished.set()

    before = {known: signal.signal(known, wish) for known in CODES}
    try:
        yield stop
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)


@contextmanager
def hear_hang_ups() -> Iterator[Event]:
    """Yield an event that SIGHUP sets."""
    heard = Event()
    before = signal.signal(signal.SIGHUP, lambda *_: heard.set())
    try:
        yield heard
    finally:
        signal.signal(signal.SIGHUP, before)
