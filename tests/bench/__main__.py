"""``make bench``: figures of whole processes, with the machine named, and nothing asserted."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench import endpoint, manifests

RUNS = 5


@dataclass(frozen=True)
class Cost:
    """What a process took: CPU and wall seconds, and its peak of memory in MB."""

    cpu: float
    wall: float
    memory: float


def measure(command: Sequence[str], where: str) -> Cost:
    """Return the cost of one run of ``command``, which must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=where, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def figure(name: str, goal: str, arguments: Sequence[str], where: str) -> str:
    """Return a line with the medians of some runs of the command line."""
    command = [sys.executable, "-m", "reconciler", *arguments]
    measure(command, where)
    costs = [measure(command, where) for _ in range(RUNS)]
    cpu, wall, memory = (
        median(getattr(cost, name) for cost in costs) for name in ("cpu", "wall", "memory")
    )
    return f"{name:<32} {cpu:7.3f} s CPU  {wall:7.3f} s wall  {memory:6.0f} MB   goal {goal}"


def main() -> None:
    """Print every figure."""
    say = sys.stdout.write
    say(f"{platform.python_implementation()} {platform.python_version()}, ")
    say(f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}; ")
    say(f"medians of {RUNS} runs after one warm-up\n")
    with tempfile.TemporaryDirectory() as where:
        say(figure("--help", "0.1 s CPU", ["--help"], where) + "\n")
    for line in (*manifests.figures(), *endpoint.figures()):
        say(line + "\n")


if __name__ == "__main__":
    main()
