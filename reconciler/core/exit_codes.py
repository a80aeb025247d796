"""The exit codes, which are the same for every command.

::

    code  name         meaning
    0     ok           nothing to do, or everything was done
    1     error        a read failed, or changes failed and nothing was changed
    2     pending      changes are pending, and --detailed-exitcode is set
    4     partial      at least one change failed, and something was changed
    5     withheld     a change was withheld: guard, protection, unknown field or other owner
    6     stale        the live state changed after the plan was made
    7     locked       another run holds the lock
    64    usage        invalid option, argument or setting
    65    manifests    invalid manifests
    130   interrupted  stopped by Ctrl-C
    143   terminated   stopped by SIGTERM or SIGHUP

If several apply, the first of 65, 1, 4, 6, 5, 2 is used.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes; the docstring of this module explains them."""

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
        """The name as users see it."""
        return self.name.lower()
