"""The resource usage of a process, as the operating system counts it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FIGURES = ("cpu", "wall", "memory")


@dataclass(frozen=True, slots=True)
class Cost:
    """The CPU and wall seconds of a process, and its peak of memory in MB.

    Child processes are included: their CPU time is added, and so is the memory of those that run at
    the same time, sampled.
    """

    cpu: float
    wall: float
    memory: float
    printed: str = ""


_LAUNCHER = str(Path(__file__).with_name("launcher.py"))


def measure(
    command: Sequence[str], directory: str, environment: Mapping[str, str] | None = None
) -> Cost:
    """Return the cost of one run of ``command``, which must succeed."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as figures:
        result = subprocess.run(
            [sys.executable, "-I", "-S", _LAUNCHER, str(writer), *command],
            cwd=directory,
            env=environment,
            stdout=subprocess.PIPE,
            pass_fds=[writer],
            text=True,
            check=False,
        )
        os.close(writer)
        if result.returncode:
            raise SystemExit(f"{' '.join(command)} failed")
        cpu, wall, memory = json.load(figures)
        return Cost(cpu, wall, memory, result.stdout)


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
