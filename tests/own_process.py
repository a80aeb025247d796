"""Runs a module of the tests in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

_TESTS = Path(__file__).parent


def run_module(module: str) -> str:
    """Run a module of the tests, which has to succeed, and return the last line that it prints.

    Its branches are not measured: with that it would take five times as long.
    """
    outside = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-m", module],
        env={**outside, "PYTHONPATH": str(_TESTS)},
        cwd=_TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]
