"""``python -m tests``: the tests in parallel, then what they covered: branches and every except."""

import ast
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from coverage import Coverage

# Where a wrong decision deletes a mesh, every branch has been taken; elsewhere nearly all.
BOUNDS = (
    (100, "reconciler/core/*,reconciler/manifest/*"),
    (95, "reconciler/*"),
)


# The exit code of pytest if no test is selected.
NO_TESTS = 5


def run(*arguments: str) -> int:
    """Run a module of this environment and return its exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], check=False).returncode


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
    workers = os.environ.get("WORKERS", "4")
    started = time.monotonic()
    tests = ("pytest", "-n", workers, "-q", *sys.argv[1:])
    # Slow tests would take even longer measured, and they enter no branch that the others leave.
    passes = (("--cov", "--cov-report=", "-m", "not slow"), ("-m", "slow"))
    codes = [run(*tests, *options) for options in passes]
    # A selection of tests may have none for one of the two passes.
    code = next((code for code in codes if code not in (0, NO_TESTS)), min(codes))
    print(f"tests took {time.monotonic() - started:.0f} s", flush=True)  # noqa: T201  # for a person
    for bound, files in BOUNDS:
        code = code or run("coverage", "report", f"--include={files}", f"--fail-under={bound}")
    if not code and not sys.argv[1:]:
        missed = list(unentered())
        print(*missed, sep="\n", end="\n" * bool(missed))  # noqa: T201  # for a person
        code = bool(missed)
    return code


if __name__ == "__main__":
    sys.exit(main())
