"""Runs a command again and again at a terminal of its own: ``python asking.py N ARGUMENT…``."""

import fcntl
import os
import signal
import sys
import termios
from pathlib import Path

from reconciler.cli.main import main

ASKING = Path(__file__)

if __name__ == "__main__":
    os.setsid()
    # A key of the terminal sends a signal to its processes.
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Ignored if the tests run in the background of a shell.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for _ in range(int(sys.argv[1])):
        print("exit code", main(sys.argv[2:]), flush=True)  # noqa: T201  # for the test
