"""File events for several loops: one watch for all that read the same paths.

A watch takes a thread and one of the 128 inotify instances that Linux allows each user.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Event, Lock

from reconciler import limits
from reconciler.daemon.watch import watch


class SharedWatch:
    """The watches of one process."""

    def __init__(self, stop: Event, start: Callable[[str, Callable[[], None]], None]) -> None:
        """Create it without a watch.

        Args:
            stop: Ends all watches and wake-ups.
            start: Starts a thread, by its name and its work.
        """
        self._stop = stop
        self._start = start
        self._loops: dict[tuple[str, ...], set[Event]] = {}
        self._lock = Lock()

    def wakes(self, paths: Sequence[str]) -> Iterator[bool]:
        """Yield True if files in `paths` may have changed, else False every half second."""
        key = tuple(paths)
        changed = self._join(key)
        try:
            while not self._stop.is_set():
                is_changed = changed.wait(limits.TICK_SECONDS)
                if is_changed:
                    changed.clear()
                if not self._stop.is_set():
                    yield is_changed
        finally:
            with self._lock:
                self._loops[key].remove(changed)

    def _join(self, paths: tuple[str, ...]) -> Event:
        changed = Event()
        with self._lock:
            is_first = paths not in self._loops
            self._loops.setdefault(paths, set()).add(changed)
        if is_first:
            self._start(f"watch {paths[0]}", lambda: self._watch(paths))
        else:
            # Changes before now woke only the other loops.
            changed.set()
        return changed

    def _watch(self, paths: tuple[str, ...]) -> None:
        for may_have_changed in watch(paths, self._stop):
            if may_have_changed:
                with self._lock:
                    loops = tuple(self._loops[paths])
                for changed in loops:
                    changed.set()
