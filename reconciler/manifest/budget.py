"""Time limit for reading a source, checked between files, documents and resources.

Each of these has its own size limits, so the time between two checks is short.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler import limits


class TooSlowError(Exception):
    """Reading the source takes longer than the limit."""

    hint = "pass a smaller directory, or give the process more CPU"

    def __init__(self) -> None:
        super().__init__(f"reading the source takes longer than {limits.READING_TIMEOUT_SECONDS} s")


@dataclass(slots=True)
class Budget:
    """Time limit for one reading of a source, which starts when the budget is created.

    Attributes:
        clock: Returns a monotonic time in seconds.
        on_heartbeat: Is called by ``check`` about once a second until the limit is reached.
    """

    clock: Callable[[], float]
    on_heartbeat: Callable[[], None]
    _ends_at: float = field(init=False)
    _next_heartbeat: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the time limit."""
        self._next_heartbeat = self.clock()
        self._ends_at = self._next_heartbeat + limits.READING_TIMEOUT_SECONDS

    def check(self) -> None:
        """Raise TooSlowError if the limit is exceeded."""
        now = self.clock()
        if now > self._ends_at:
            raise TooSlowError
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + limits.READING_HEARTBEAT_SECONDS
            self.on_heartbeat()


def unlimited() -> None:
    """Do nothing, so that reading may take any time."""
