"""The processes of the demo: their ports, start, health and end."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from demo.stopping import Stopping

END_SECONDS = 5.0
# Settings and credentials of the user have no effect on the demo.
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": os.environ.get("HOME", "/"),
    "AWS_ACCESS_KEY_ID": "demo",
    "AWS_SECRET_ACCESS_KEY": "demo",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": "us-east-1",
}


class DemoError(Exception):
    """The demo cannot go on; the text is for the user."""


def free_ports(number: int) -> list[int]:
    """Return ports that are free on this machine."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            # Envoy listens on all addresses, the services on two of them.
            one.bind(("", 0))
        return [one.getsockname()[1] for one in sockets]


def require_free(port: int) -> None:
    """Raise DemoError if a server cannot listen on this port."""
    with socket.socket() as probe:
        # As Envoy: connections that a past run has closed do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a port"
            raise DemoError(
                f"listening on port {port}: {reason}: pass another PORT, or none for a free one"
            ) from error


class Processes:
    """Processes that write their output to a file each, in one directory."""

    def __init__(self, directory: Path, stopping: Stopping) -> None:
        self.directory = directory
        self._stopping = stopping
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str | Path) -> None:
        """Start a process. Ctrl-C does not reach it: `end` ends it in order."""
        with self._stopping.held(), self._log(name).open("wb") as log:
            try:
                self._running[name] = subprocess.Popen(
                    command,
                    cwd=self.directory,
                    env=_ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise DemoError(f"starting {name}: {command[0]}: {error.strerror}") from error

    def reconciler(self, name: str, *arguments: str | Path) -> None:
        """Start a command of mesh-reconciler."""
        self.start(name, sys.executable, "-m", "reconciler", *arguments)

    def process_id(self, name: str) -> int:
        """Return the id of a process that was started."""
        return self._running[name].pid

    def check(self) -> None:
        """Raise DemoError if a process has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise DemoError(f"{name} ended with code {process.returncode}: {self.last(name)}")

    def wait_until(self, holds: Callable[[], bool], name: str, seconds: float) -> None:
        """Wait until something that the process `name` does is true."""
        deadline = time.monotonic() + seconds
        while not holds():
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(f"{name} is not ready after {seconds:.0f} s: {self.last(name)}")
            time.sleep(0.02)

    def last(self, name: str) -> str:
        """Return the last line that a process wrote."""
        lines = self._log(name).read_text("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it wrote nothing")

    def end(self) -> None:
        """End all processes, those that started last first."""
        for process in reversed(self._running.values()):
            process.terminate()
        deadline = time.monotonic() + END_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _log(self, name: str) -> Path:
        return self.directory / f"{name.replace(' ', '-')}.log"
