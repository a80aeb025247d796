"""``python -m tests``: the tests in parallel, then what they covered: branches and every except."""

import ast
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from coverage import Coverage

# Where a wrong decision deletes a mesh, every branch has been taken; elsewhere nearly all.
_SERVER = ",".join(
    f"reconciler/envoy/{name}.py"
    for name in ("ads_server", "follower", "serve", "server_tls", "cloud_map", "counters")
)
# More failures than this are not those of unstable tests.
MOST_UNSTABLE = 3
BOUNDS = (
    (100, "reconciler/core/*,reconciler/manifest/*,reconciler/envoy/*", _SERVER),
    (95, "reconciler/*", ""),
)


def run(*arguments: str) -> int:
    """Run a module of this environment and return its exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], check=False).returncode


def timed(name: str, *arguments: str) -> int:
    """Run a module as `run` does, and print how long it took and its CPU time."""
    started, used = time.monotonic(), _cpu_seconds()
    code = run(*arguments)
    took, used = time.monotonic() - started, _cpu_seconds() - used
    # On a machine with other work, only the CPU time can be compared.
    print(f"{name}: {took:.0f} s, {used:.0f} s of CPU", flush=True)  # noqa: T201  # for a person
    return code


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def failed_tests() -> list[str]:
    """Return the names of the tests that failed in the last run."""
    recorded = Path(".pytest_cache/v/cache/lastfailed")
    return sorted(json.loads(recorded.read_text("utf-8"))) if recorded.exists() else []


def unstable(tests: Sequence[str]) -> bool:
    """Run the tests that failed once more, alone, and return whether all of them pass.

    A worker that crashed fails the test that it ran, whatever the reason. All are named, so that
    an unstable test is seen and fixed.
    """
    failed = failed_tests()
    if not 0 < len(failed) <= MOST_UNSTABLE:
        return False
    code = timed("tests that failed, again", *tests, "--last-failed", "-n", "1")
    if code == 0:
        for name in failed:
            print(f"UNSTABLE: {name} failed once and passed alone")  # noqa: T201  # for a person
    return code == 0


def unentered() -> Iterator[str]:
    """Yield each ``except`` of the package that no test has entered."""
    measured = Coverage()
    measured.load()
    for file in sorted(Path("reconciler").rglob("*.py")):
        lines = set(measured.get_data().lines(str(file.resolve())) or ())
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler) and node.body[0].lineno not in lines:
                yield f"{file}:{node.lineno}: no test enters this except"


def main() -> int:
    """Return the first exit code that is not 0."""
    for leftover in Path().glob(".coverage*"):
        leftover.unlink()
    selected = sys.argv[1:]
    tests = ("pytest", "-n", os.environ.get("WORKERS", "4"), "--dist", "worksteal", "-q")
    code = timed("tests", *tests, "--cov", "--cov-report=", *selected)
    if code == 1 and unstable((*tests, "--cov", "--cov-append", "--cov-report=", *selected)):
        code = 0
    for bound, files, omitted in BOUNDS:
        options = (f"--include={files}", f"--omit={omitted}", f"--fail-under={bound}")
        code = code or run("coverage", "report", *options)
    if not code and not selected:
        missed = list(unentered())
        print(*missed, sep="\n", end="\n" * bool(missed))  # noqa: T201  # for a person
        code = bool(missed)
    return code


if __name__ == "__main__":
    sys.exit(main())
