"""SIGINT and SIGTERM as a wish to stop: what is under way is finished, nothing new is begun.

SIGHUP, which a terminal sends when it is closed, is such a wish too; a daemon has none, and takes
it for the wish that the configuration is read again.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from types import FrameType

from reconciler import limits
from reconciler.core.exit_codes import ExitCode

CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.TERMINATED,
}
FINISHING_MESSAGE = (
    "stopping: what has begun is brought to an end, which a second signal cuts short; routes may "
    "stay detached then"
)

logger = logging.getLogger(__name__)


class StopRequest:
    """The wish to stop, the exit code of a run that it cut short, and what is under way.

    ``reload_requested`` is set when a daemon is to read its configuration again.
    """

    def __init__(self) -> None:
        self.stop_requested = Event()
        self.reload_requested = Event()
        self.code = ExitCode.OK
        self.in_progress: Callable[[], Iterable[str]] = tuple


@contextmanager
def stop_on_signals(*, daemon: bool = False, message: str = "") -> Iterator[StopRequest]:
    """Yield a wish that the first signal makes; the second one ends the process at once.

    A ``daemon`` ends 8 seconds after the wish, whatever is under way. A person is ``message`` what
    the wish means.
    """
    stop = StopRequest()

    def abandon(_number: int, _frame: FrameType | None) -> None:
        # Nothing that goes wrong with the words may keep the process here.
        with suppress(Exception):
            for key in stop.in_progress():
                logger.error("%s: left under way; what became of it, the next look says", key)
        os._exit(ExitCode.OK)

    def request_stop(number: int, _frame: FrameType | None) -> None:
        if stop.stop_requested.is_set():
            # A terminal that is closed after Ctrl-C is no second wish.
            if number != signal.SIGHUP:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            return
        stop.code = CODES[signal.Signals(number)]
        stop.stop_requested.set()
        if daemon:
            # The alarm outlives the block: threads are waited for at the very end of a process.
            signal.signal(signal.SIGALRM, abandon)
            signal.setitimer(signal.ITIMER_REAL, limits.ABANDON_TIMEOUT_SECONDS)
        _print(message)

    handlers = dict.fromkeys(CODES, request_stop)
    if daemon:
        handlers[signal.SIGHUP] = lambda *_: stop.reload_requested.set()
    elif signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # So nohup starts us.
        del handlers[signal.SIGHUP]
    before = {known: signal.signal(known, handler) for known, handler in handlers.items()}
    try:
        yield stop
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)


def _print(message: str) -> None:
    if not message:
        return
    # The terminal may be gone, and a stream may be in the middle of a line.
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"reconciler: {message}\n".encode())
