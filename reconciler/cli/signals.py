"""Signals: SIGINT, SIGTERM and SIGHUP stop a run after its calls in progress.

A terminal sends SIGHUP when it is closed. A daemon has no terminal; it reloads its configuration.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
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
    "stopping when the calls in progress have ended; another signal after a second stops at once "
    "and may leave routes detached"
)

logger = logging.getLogger(__name__)


class HandlerSafeEvent(Event):
    """An event that a signal handler may set while the same thread waits for it.

    ``Event.set`` takes a lock that ``Event.wait`` holds for moments: a signal in one of them would
    block the process for ever. ``SimpleQueue.put`` is reentrant.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False
        self._tokens: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and wake all threads that wait."""
        self._is_set = True
        self._tokens.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or for ``timeout`` seconds; return whether it is set."""
        if not self._is_set:
            try:
                self._tokens.get(timeout=None if timeout is None else max(timeout, 0.0))
            except Empty:
                return self._is_set
            # Others may wait too.
            self._tokens.put(None)
        return True


class StopRequest:
    """Requests by signals.

    Attributes:
        stop_requested: Set by the first signal to stop.
        code: The exit code of a run that a signal stopped.
        signal_name: The name of the signal to stop; empty before it.
        in_progress: Returns the keys of the changes in progress.
    """

    def __init__(self) -> None:
        self.stop_requested: Event = HandlerSafeEvent()
        self.code = ExitCode.OK
        self.signal_name = ""
        self.in_progress: Callable[[], Iterable[str]] = tuple
        # No Event: its lock would block the process for ever if a signal came while it is held.
        self._is_reload_requested = False
        self._branches: dict[str, StopRequest] = {}

    def branch(self, target: str) -> "StopRequest":
        """Return the requests for one target of many; all of them stop together."""
        branch = StopRequest()
        branch.stop_requested = self.stop_requested
        self._branches[target] = branch
        self.in_progress = lambda: (
            f"{name}: {key}" for name, one in self._branches.items() for key in one.in_progress()
        )
        return branch

    def request_reload(self) -> None:
        """Request that a daemon reloads its configuration; a signal handler may call it."""
        self._is_reload_requested = True
        for branch in self._branches.values():
            branch.request_reload()

    def take_reload(self) -> bool:
        """Return whether a reload was requested since the last call."""
        if not self._is_reload_requested:
            return False
        # A request from now on may be for a configuration that is not read by this reload.
        self._is_reload_requested = False
        return True


class _StopHandler:
    """Handles the signals that stop a run.

    Args:
        stop: Set by the first signal. A later one ends the process.
        message: Text for stderr after the first signal.
        clock: Returns the time in seconds.
        is_daemon: Whether the process ends 8 seconds after the first signal.
    """

    def __init__(
        self, stop: StopRequest, message: str, clock: Callable[[], float], *, is_daemon: bool
    ) -> None:
        self._stop = stop
        self._message = message
        self._clock = clock
        self._is_daemon = is_daemon
        self._requested_at = 0.0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Handle the signal ``number``."""
        if self._stop.stop_requested.is_set():
            self._end_process(number)
            return
        self._requested_at = self._clock()
        received = signal.Signals(number)
        self._stop.code, self._stop.signal_name = CODES[received], received.name
        self._stop.stop_requested.set()
        if self._is_daemon:
            # The alarm stays set after the block: at exit, the interpreter waits for threads.
            signal.signal(signal.SIGALRM, self._abandon)
            signal.setitimer(signal.ITIMER_REAL, limits.ABANDON_TIMEOUT_SECONDS)
        _print(self._message)

    def _end_process(self, number: int) -> None:
        """End the process, unless the signal is the same request as the first one."""
        is_repeated = self._clock() - self._requested_at < limits.SAME_SIGNAL_SECONDS
        # Closing the terminal after Ctrl-C is not a second request.
        if number != signal.SIGHUP and not is_repeated:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _abandon(self, _number: int, _frame: FrameType | None) -> None:
        # An error in logging must not keep the process from ending.
        with suppress(Exception):
            for key in self._stop.in_progress():
                logger.error("%s: still in progress at exit; the next cycle reads the result", key)
            logger.info("stopped by %s", self._stop.signal_name)
        os._exit(ExitCode.OK)


@contextmanager
def stop_on_signals(
    *, daemon: bool = False, message: str = "", clock: Callable[[], float] = time.monotonic
) -> Iterator[StopRequest]:
    """Yield a request to stop, which the first signal sets; a later signal ends the process.

    ``timeout`` signals the process and then its process group, which the process is in too: signals
    within a second of the first one are the same request.

    Args:
        daemon: Whether the process ends 8 seconds after the first signal, even with calls in
            progress, and whether SIGHUP reloads the configuration.
        message: Text for stderr after the first signal.
        clock: Returns the time in seconds.
    """
    stop = StopRequest()
    handlers = dict.fromkeys(CODES, _StopHandler(stop, message, clock, is_daemon=daemon).handle)
    if daemon:
        handlers[signal.SIGHUP] = lambda *_: stop.request_reload()
    elif signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # nohup ignores SIGHUP.
        del handlers[signal.SIGHUP]
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def wakeup_on_signals() -> Iterator[int]:
    """Yield a descriptor that becomes readable when a signal arrives.

    Pass it to select before a read that may block. Python runs a signal handler only between two
    instructions, so a signal that arrives just before the read would wait for its end.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    previous = signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(previous)
        os.close(reading)
        os.close(writing)


def _print(message: str) -> None:
    if not message:
        return
    # os.write, because the signal may interrupt a write to the stream. The terminal may be closed.
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"reconciler: {message}\n".encode())
