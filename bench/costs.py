"""The resource usage of a process, as the operating system counts it."""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FIGURES = ("cpu", "wall", "memory")


@dataclass(frozen=True, slots=True)
class Cost:
    """The CPU and wall seconds of a process, and its peak of memory in MB.

    Child processes are included: their CPU time is added, and memory is that of the largest.
    """

    cpu: float
    wall: float
    memory: float
    printed: str = ""


def measure(
    command: Sequence[str], directory: str, environment: Mapping[str, str] | None = None
) -> Cost:
    """Return the cost of one run of ``command``, which must succeed."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, printed)


def median_of(command: Sequence[str], directory: Path, accounts: Iterable[int]) -> Cost:
    """Return the medians of one run of ``command`` for each of ``accounts``, without warm-up."""
    costs = [
        measure(
            command,
            str(directory),
            {
                **os.environ,
                "AWS_ACCESS_KEY_ID": f"1{account:011}",
                "AWS_SECRET_ACCESS_KEY": "any",
                "AWS_REGION": "eu-west-1",
            },
        )
        for account in accounts
    ]
    return median_cost(costs)


def median_cost(costs: Iterable[Cost]) -> Cost:
    """Return the median of each figure."""
    measured = list(costs)
    return Cost(*(median(getattr(cost, name) for cost in measured) for name in FIGURES))


def line(name: str, cost: Cost, goal: str = "") -> str:
    """Return the line for a cost."""
    result = f"{name:<36} {cost.cpu:7.2f} s CPU  {cost.wall:7.2f} s wall  {cost.memory:6.0f} MB"
    return f"{result}   goal {goal}" if goal else result
