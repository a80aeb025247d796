"""Runs the command line on a machine with another clock: ``python shifted_clock.py ARGUMENT…``.

The clock that counts since the start of the machine is hours ahead, as on a machine that runs
longer. SIGUSR1 sets the time of day two hours forward, and the next one back.
"""

import os
import signal
import sys
import time

from reconciler.__main__ import main

_set_by = [0.0]


def shift_clocks() -> None:
    """Let this process see another time from now on."""
    ahead = float(os.getpid() * 60)
    time_of_day, clock_gettime = time.time, time.clock_gettime
    time.time = lambda: time_of_day() + _set_by[0]
    time.clock_gettime = lambda clock: clock_gettime(clock) + ahead
    signal.signal(signal.SIGUSR1, _set_clock)


def _set_clock(_number: int, _frame: object) -> None:
    _set_by[0] = 0.0 if _set_by[0] else 7200.0


if __name__ == "__main__":
    shift_clocks()
    sys.argv[0] = "reconciler"
    main()
