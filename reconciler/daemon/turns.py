"""Bounds the work of several loops: waiting threads are served in their order."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Event, Lock

from reconciler import limits


class Turns:
    """Lets at most `count` threads work at a time, and at one place never two of them."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._busy: set[Hashable] = set()
        self._waiting: list[tuple[Hashable, Event]] = []
        self._lock = Lock()

    @property
    def waiting(self) -> int:
        """The number of threads that wait."""
        return len(self._waiting)

    @contextmanager
    def take(self, place: Hashable, goes_on: Callable[[], bool]) -> Iterator[bool]:
        """Wait for a turn, which ends with the block; yield False if the wait was given up.

        Args:
            place: The place of the work.
            goes_on: Called twice a second during the wait; returns whether to wait on.
        """
        entry = (place, granted := Event())
        with self._lock:
            self._waiting.append(entry)
            self._grant()
        try:
            while not granted.wait(limits.TICK_SECONDS) and goes_on():
                pass
            yield granted.is_set()
        finally:
            with self._lock:
                if granted.is_set():
                    self._free += 1
                    self._busy.discard(place)
                else:
                    self._waiting.remove(entry)
                self._grant()

    def _grant(self) -> None:
        for entry in tuple(self._waiting):
            place, granted = entry
            if self._free and place not in self._busy:
                self._waiting.remove(entry)
                self._busy.add(place)
                self._free -= 1
                granted.set()
