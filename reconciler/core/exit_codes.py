"""The exit codes, the same in every verb.

::

    code  name         holds when
    0     ok           nothing to do, or all of it done
    1     error        something could not be read, or changes failed and nothing was changed
    2     pending      changes are pending, and --detailed-exitcode asks for a code
    4     partial      at least one change failed, and something was changed all the same
    5     withheld     a guard, protection, an unknown field or another owner held something back
    6     stale        the live side moved since the plan was made
    7     locked       another run holds the lock
    64    usage        wrong usage
    65    manifests    invalid manifests
    130   interrupted  stopped by Ctrl-C
    143   terminated   stopped by SIGTERM or SIGHUP

Where several hold, the first of 65, 1, 4, 6, 5, 2 counts.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes, the same in every verb; the table stands in this module's docstring."""

    OK = 0
    ERROR = 1
    PENDING = 2
    PARTIAL = 4
    WITHHELD = 5
    STALE = 6
    LOCKED = 7
    USAGE = 64
    MANIFESTS = 65
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def word(self) -> str:
        """Its name, as users see it."""
        return self.name.lower()
