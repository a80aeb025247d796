"""SIGINT and SIGTERM as a wish to stop: what is under way is finished, nothing new is begun."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

from reconciler.core.exit_codes import ExitCode

CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class Stop:
    """The wish to stop, and the exit code of a run that it cut short."""

    def __init__(self) -> None:
        self.wished = Event()
        self.code = ExitCode.OK


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield a wish that the first signal makes; the second one ends the process at once."""
    stop = Stop()

    def wish(number: int, _frame: FrameType | None) -> None:
        stop.code = CODES[signal.Signals(number)]
        stop.wished.set()
        for known in CODES:
            signal.signal(known, signal.SIG_DFL)

    before = {known: signal.signal(known, wish) for known in CODES}
    try:
        yield stop
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)
