"""What a process costs, as the operating system counts it."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: CPU and wall seconds, and its peak of memory in MB.

    With other processes that it starts, CPU is that of all, memory that of the largest.
    """

    cpu: float
    wall: float
    memory: float


def measure(
    command: Sequence[str], where: str, environment: Mapping[str, str] | None = None
) -> Cost:
    """Return the cost of one run of ``command``, which must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=where, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)
