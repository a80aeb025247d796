"""``make bench``: figures of whole processes, with the machine named, and nothing asserted."""

import compileall
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from statistics import median

import reconciler
from bench import daemon, endpoint, graphs, manifests, plans
from bench.costs import measure

RUNS = 5


def figure(name: str, goal: str, arguments: Sequence[str], where: str) -> str:
    """Return a line with the medians of some runs of the command line."""
    command = [sys.executable, "-m", "reconciler", *arguments]
    measure(command, where)
    costs = [measure(command, where) for _ in range(RUNS)]
    cpu, wall, cache = (
        median(getattr(cost, name) for cost in costs) for name in ("cpu", "wall", "memory")
    )
    return f"{name:<32} {cpu:7.3f} s CPU  {wall:7.3f} s wall  {cache:6.0f} MB   goal {goal}"


def command_line() -> Iterator[str]:
    """Yield the figure of the help."""
    with tempfile.TemporaryDirectory() as where:
        yield figure("--help", "0.1 s CPU", ["--help"], where)


SECTIONS = {
    "help": command_line,
    "manifests": manifests.figures,
    "plans": plans.figures,
    "graphs": graphs.figures,
    "daemon": daemon.figures,
    "endpoint": endpoint.figures,
}


def main() -> None:
    """Print every figure, or those of the sections named."""
    # As pip leaves an installed package, whatever PYTHONDONTWRITEBYTECODE says here.
    for package in reconciler.__path__:
        compileall.compile_dir(package, quiet=1)
    say = sys.stdout.write
    say(f"{platform.python_implementation()} {platform.python_version()}, ")
    say(f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}; ")
    say(f"medians of {RUNS} runs after one warm-up, of 3 for what takes longer\n")
    for name in sys.argv[1:] or SECTIONS:
        for line in SECTIONS[name]():
            say(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
