"""What wakes the loop: file events where there are any, and a tick of the clock in any case.

An event is a hint and never more; what moved is for a fingerprint to say.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

from reconciler import limits

logger = logging.getLogger(__name__)


def watch(paths: Sequence[str], stop: Event) -> Iterator[bool]:
    """Yield True when files in ``paths`` may have moved, False each half second; end on ``stop``.

    Where files cannot be watched it says so once, takes every other second for an event, and
    tries again.
    """
    # Importing it takes longer than many a verb runs, and only the daemon needs it.
    from watchfiles import watch as events  # noqa: PLC0415

    watch_failed = False
    while not stop.is_set():
        roots, opened = _identities(paths), True
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
                # A watch stays with a directory that was moved away or unmounted.
                replaced = _identities(paths) != roots
                # What moved before the watch began left no event.
                yield bool(changes) or replaced or opened
                watch_failed = opened = False
                if replaced:
                    break
        except (OSError, RuntimeError) as error:
            if not watch_failed:
                logger.warning("files cannot be watched, so they are looked at: %s", error)
            watch_failed = True
            for tick in range(limits.WATCH_RETRY_TICKS):
                if stop.wait(limits.TICK_SECONDS):
                    return
                replaced = _identities(paths) != roots
                yield replaced or tick % limits.POLL_TICKS_WITHOUT_EVENTS == 0
                if replaced:
                    break


def _require_thread() -> None:
    """Raise RuntimeError if no thread can be started; watchfiles 1.3 would abort the process."""
    thread = Thread(target=int)
    thread.start()
    thread.join()


class PollSchedule:
    """When to look at the source: at each event, and now and then in case there are none."""

    def __init__(self) -> None:
        self._tick = 0
        self._interval = limits.POLL_TICKS
        self._missed_at: int | None = None

    def is_due(self, files_changed: bool) -> bool:  # noqa: FBT001  # it is what a wake is
        """Whether to look at this wake, which came with an event or without."""
        self._tick += 1
        if files_changed:
            self._missed_at = None
        elif (
            self._missed_at is not None and self._tick - self._missed_at >= limits.EVENT_GRACE_TICKS
        ):
            logger.warning("files change without an event here, so they are looked at more often")
            self._interval, self._missed_at = limits.POLL_TICKS_WITHOUT_EVENTS, None
        return files_changed or self._tick % self._interval == 0

    def missed_event(self) -> None:
        """Hear that something has moved of which this wake's events said nothing."""
        if self._interval == limits.POLL_TICKS:
            self._missed_at = self._tick


def _identities(paths: Sequence[str]) -> list[tuple[int, int] | None]:
    """Return which directory or file each path leads to, None where to nothing."""
    return [_identity(path) for path in paths]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
