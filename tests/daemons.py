"""Daemons as processes of their own: waiting for what they say and do, and ending them."""

import subprocess
import time
from collections.abc import Callable

TIMEOUT_SECONDS = 120.0


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        # To look takes CPU time, of which the process that is waited for needs some.
        time.sleep(0.05)


def told_of(process: subprocess.Popen[str], words: str) -> str:
    """Return the first line of the log that has ``words``, as soon as it comes."""
    assert process.stderr is not None
    while words not in (line := process.stderr.readline()):
        assert process.poll() is None
    return line


def ended(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    process.send_signal(number)
    _, result = process.communicate(timeout=TIMEOUT_SECONDS)
    return process.returncode, result
