"""Clocks that tests move."""

from itertools import count


class Clock:
    """A clock that stands still until a test sets it; ``now`` are its seconds."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class SteppingClock:
    """A clock that moves by ``step`` seconds each time that it is read, from 0 on."""

    def __init__(self, step: float) -> None:
        self._times = count(0.0, step)

    def __call__(self) -> float:
        return next(self._times)
