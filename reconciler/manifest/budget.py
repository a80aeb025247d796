"""The time that reading a source may take, checked between files, documents and resources.

Each of these has limits of its own, so the time between two checks is short.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler import limits


class TooSlowError(Exception):
    """Reading takes longer than it may, so the source is refused."""

    hint = "name a smaller directory, or give the process more CPU"

    def __init__(self) -> None:
        super().__init__(f"reading the source takes longer than {limits.READING_TIMEOUT_SECONDS} s")


@dataclass(slots=True)
class Budget:
    """The time for reading a source once, from now on by ``clock``, in seconds.

    ``check`` calls ``beat`` about once a second while there is time left.
    """

    clock: Callable[[], float]
    beat: Callable[[], None]
    _ends_at: float = field(init=False)
    _beats_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin."""
        self._beats_at = self.clock()
        self._ends_at = self._beats_at + limits.READING_TIMEOUT_SECONDS

    def check(self) -> None:
        """Raise TooSlowError if the time is over."""
        now = self.clock()
        if now > self._ends_at:
            raise TooSlowError
        if now >= self._beats_at:
            self._beats_at = now + limits.READING_HEARTBEAT_SECONDS
            self.beat()


def unlimited() -> None:
    """Check nothing: reading may take any time."""
