"""Wake-ups of the loop: file events and a regular tick.

File events only trigger a check. The fingerprint decides whether anything changed.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

from reconciler import limits

logger = logging.getLogger(__name__)


def watch(paths: Sequence[str], stop: Event) -> Iterator[bool]:
    """Yield True if files in `paths` may have changed, else False every half second.

    If existing files cannot be watched, log a warning once, yield True every two seconds, and try
    to watch again later. The iterator ends when `stop` is set.
    """
    # Only the daemon needs this module, and its import is slow.
    from watchfiles import watch as events  # noqa: PLC0415

    watch_failed = False
    while not stop.is_set():
        identities, is_first = _identities(paths), True
        try:
            _require_thread()
            for changes in events(
                *paths,
                stop_event=stop,
                watch_filter=None,
                debounce=int(limits.BURST_SECONDS * 1000),
                rust_timeout=int(limits.TICK_SECONDS * 1000),
                yield_on_timeout=True,
                raise_interrupt=False,
            ):
                # A watch follows a directory that was moved or unmounted, so check the path.
                replaced = _identities(paths) != identities
                # Changes before the start of the watch left no event.
                yield bool(changes) or replaced or is_first
                watch_failed = is_first = False
                if replaced:
                    break
        except (OSError, RuntimeError) as error:
            # The cycle reports a path that does not exist.
            if not (watch_failed or None in identities):
                logger.warning("cannot watch files, so they are checked every 2 seconds: %s", error)
                watch_failed = True
            for tick in range(limits.WATCH_RETRY_TICKS):
                if stop.wait(limits.TICK_SECONDS):
                    return
                replaced = _identities(paths) != identities
                yield replaced or tick % limits.POLL_TICKS_WITHOUT_EVENTS == 0
                if replaced:
                    break


def ticks(stop: Event, wait: Callable[[float], object]) -> Iterator[bool]:
    """Yield True every half second until `stop` is set: the source decides when to look.

    `wait` waits for so many seconds, or less if a cycle is requested.
    """
    while not stop.is_set():
        wait(limits.TICK_SECONDS)
        if not stop.is_set():
            yield True


def _require_thread() -> None:
    """Raise RuntimeError if no thread can start, because watchfiles 1.3 would abort the process."""
    thread = Thread(target=int)
    thread.start()
    thread.join()


class PollSchedule:
    """Decides when to check the source: at each file event, and regularly without one."""

    def __init__(self) -> None:
        self._tick = 0
        self._interval = limits.POLL_TICKS
        self._missed_at: int | None = None

    def is_due(self, files_changed: bool) -> bool:  # noqa: FBT001  # the value of a wake-up
        """Return whether to check the source at this wake-up."""
        self._tick += 1
        if files_changed:
            self._missed_at = None
        elif (
            self._missed_at is not None and self._tick - self._missed_at >= limits.EVENT_GRACE_TICKS
        ):
            logger.warning("files changed without a file event, so they are checked more often")
            self._interval, self._missed_at = limits.POLL_TICKS_WITHOUT_EVENTS, None
        return files_changed or self._tick % self._interval == 0

    def missed_event(self) -> None:
        """Record a change at this wake-up for which no file event came."""
        if self._interval == limits.POLL_TICKS:
            self._missed_at = self._tick


def _identities(paths: Sequence[str]) -> list[tuple[int, int] | None]:
    """Return device and inode of each path, or None if it does not exist."""
    return [_identity(path) for path in paths]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
