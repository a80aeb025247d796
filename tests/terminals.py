"""Commands whose output is a terminal."""

import os
import pty
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import forks

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Shown:
    """The end of a command, with everything that its terminal and its pipe received."""

    code: int
    parts: tuple[tuple[float, bytes], ...]
    """What the terminal received, with the monotonic time of each part."""
    piped: bytes

    @property
    def terminal(self) -> bytes:
        return b"".join(part for _, part in self.parts)


def run_on_terminal(
    arguments: Sequence[str],
    here: Path,
    *,
    columns: int = 120,
    stdout: int | None = None,
    stderr: int | None = None,
) -> Shown:
    """Run ``reconciler`` in ``here``; a stream that is None is the terminal.

    What comes through a pipe is read at the end, so it must fit into one.
    """
    terminal, inner = pty.openpty()
    with forks.start(
        *arguments,
        cwd=here,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns)},
        stdout=inner if stdout is None else stdout,
        stderr=inner if stderr is None else stderr,
    ) as process:
        os.close(inner)
        parts = []
        # Reading fails when the process has closed its terminal.
        with suppress(OSError):
            while shown := os.read(terminal, 1 << 16):
                parts.append((time.monotonic(), shown))
        os.close(terminal)
        piped = process.stdout.read().encode() if process.stdout else b""
    return Shown(process.returncode, tuple(parts), piped)


@contextmanager
def at_terminal(
    here: Path, *arguments: str, program: Path | None = None
) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Run ``reconciler`` in ``here``, and yield its process and the terminal of its streams.

    It is killed if it still runs at the end.
    """
    terminal, inner = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    streams = {"stdin": inner, "stdout": inner, "stderr": inner}
    with forks.start(*arguments, program=program, cwd=here, env=environment, **streams) as process:
        os.close(inner)
        try:
            yield process, terminal
            process.wait(TIMEOUT_SECONDS)
        finally:
            os.close(terminal)
            process.kill()


def read_until(terminal: int, text: bytes) -> bytes:
    """Return the output of the terminal, up to ``text`` or to the end of the process."""
    seen = b""
    while text not in seen:
        try:
            seen += os.read(terminal, 4096)
        except OSError:
            break
    return seen
