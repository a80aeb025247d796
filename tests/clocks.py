"""Clocks that tests move."""

from itertools import count


class SteppingClock:
    """A clock that moves by ``step`` seconds each time that it is read, from 0 on."""

    def __init__(self, step: float) -> None:
        self._times = count(0.0, step)

    def __call__(self) -> float:
        return next(self._times)
