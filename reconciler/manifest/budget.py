"""How long reading may take; asked between files, documents and resources.

Each of these is bounded by itself, so that none of them takes long between two questions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

# 64 MiB of manifests, the most that a source holds, take about 100 s of one core.
MOST_SECONDS = 300
_SECONDS_BETWEEN_BEATS = 1


class TooSlowError(Exception):
    """Reading takes longer than it may, so the source is refused."""

    hint = "name a smaller directory, or give the process more CPU"

    def __init__(self) -> None:
        super().__init__(f"reading the source takes longer than {MOST_SECONDS} s")


@dataclass(slots=True)
class Budget:
    """The time for one reading of the source, which begins now by ``clock``, in seconds.

    ``beat`` is called about once a second for as long as there is time left.
    """

    clock: Callable[[], float]
    beat: Callable[[], None]
    _ends_at: float = field(init=False)
    _beats_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin."""
        self._beats_at = self.clock()
        self._ends_at = self._beats_at + MOST_SECONDS

    def check(self) -> None:
        """Go on; TooSlowError if the time is over."""
        now = self.clock()
        if now > self._ends_at:
            raise TooSlowError
        if now >= self._beats_at:
            self._beats_at = now + _SECONDS_BETWEEN_BEATS
            self.beat()


def unlimited() -> None:
    """Go on, however long it has taken."""
