"""``python -m tests``: the tests in parallel, then the branches they covered against the bounds."""

import os
import subprocess
import sys
import time
from pathlib import Path

# Where a wrong decision deletes a mesh, every branch has been taken; elsewhere nearly all.
BOUNDS = (
    (100, "reconciler/core/*,reconciler/manifest/*"),
    (95, "reconciler/*"),
)


def run(*arguments: str) -> int:
    """Run a module of this environment and return its exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], check=False).returncode


def main() -> int:
    """Return the first exit code that is not 0."""
    for leftover in Path().glob(".coverage*"):
        leftover.unlink()
    workers = os.environ.get("WORKERS", "2")
    started = time.monotonic()
    code = run("pytest", "-n", workers, "--cov", "--cov-report=", "-q", *sys.argv[1:])
    print(f"tests took {time.monotonic() - started:.0f} s", flush=True)  # noqa: T201  # for a person
    for bound, files in BOUNDS:
        code = code or run("coverage", "report", f"--include={files}", f"--fail-under={bound}")
    return code


if __name__ == "__main__":
    sys.exit(main())
