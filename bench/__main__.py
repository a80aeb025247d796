"""The benchmarks of ``make bench``: measures whole processes and prints the machine."""

import compileall
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from statistics import median

import reconciler
from bench import (
    daemon,
    endpoint,
    envoys,
    fleet,
    graphs,
    history,
    manifests,
    plans,
    proxies,
    repository,
    stores,
)
from bench.costs import measure

RUNS = 5


def figure(name: str, goal: str, arguments: Sequence[str], directory: str) -> str:
    """Return a line with the medians of several runs of the command line."""
    command = [sys.executable, "-m", "reconciler", *arguments]
    measure(command, directory)
    costs = [measure(command, directory) for _ in range(RUNS)]
    cpu, wall, memory = (
        median(getattr(cost, name) for cost in costs) for name in ("cpu", "wall", "memory")
    )
    return f"{name:<32} {cpu:7.3f} s CPU  {wall:7.3f} s wall  {memory:6.0f} MB   goal {goal}"


def envoy_figures() -> Iterator[str]:
    """Yield the figures of the translation for Envoys and of their server."""
    yield from proxies.figures()
    yield from envoys.figures()


def command_line() -> Iterator[str]:
    """Yield the figure of ``--help``."""
    with tempfile.TemporaryDirectory() as directory:
        yield figure("--help", "0.1 s CPU", ["--help"], directory)


SECTIONS = {
    "help": command_line,
    "manifests": manifests.figures,
    "plans": plans.figures,
    "graphs": graphs.figures,
    "daemon": daemon.figures,
    "fleet": fleet.figures,
    "repository": repository.figures,
    "history": history.figures,
    "endpoint": endpoint.figures,
    "stores": stores.figures,
    "envoys": envoy_figures,
}


def main() -> None:
    """Print all figures, or those of the sections in the arguments."""
    # pip compiles installed packages, so compile ours even if PYTHONDONTWRITEBYTECODE is set.
    for package in reconciler.__path__:
        compileall.compile_dir(package, quiet=1)
    write = sys.stdout.write
    write(f"{platform.python_implementation()} {platform.python_version()}, ")
    write(f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}; ")
    write(f"medians of {RUNS} runs after one warm-up, or of 3 runs for long commands\n")
    for name in sys.argv[1:] or SECTIONS:
        for line in SECTIONS[name]():
            write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
