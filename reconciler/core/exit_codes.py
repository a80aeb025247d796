"""Exit codes, the same for all commands."""

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """Exit code of a run, with its meaning.

    If several apply, the first of 65, 1, 4, 6, 5 and 2 is returned.
    """

    meaning: str

    OK = 0, "nothing to do, or everything was done"
    ERROR = 1, "something could not be read, or changes failed and nothing was changed"
    PENDING = 2, "changes are pending"
    PARTIAL = 4, "at least one change failed, and something was changed"
    WITHHELD = (
        5,
        (
            "a change was withheld by a guard or another owner, not by the policy; the plan gives "
            "the reason"
        ),
    )
    STALE = 6, "the live state changed after the plan was made"
    LOCKED = 7, "another run holds the lock"
    USAGE = 64, "invalid usage or settings"
    MANIFESTS = 65, "invalid manifests"
    INTERRUPTED = 130, "stopped by Ctrl-C"
    TERMINATED = 143, "stopped by SIGTERM or SIGHUP"

    def __new__(cls, value: int, meaning: str = "") -> Self:
        """Return the member for ``value``."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    @property
    def word(self) -> str:
        """The name as users see it."""
        return self.name.lower()
