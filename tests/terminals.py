"""Commands whose output is a terminal."""

import os
import pty
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


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
    command: Sequence[str],
    here: Path,
    *,
    columns: int = 120,
    stdout: int | None = None,
    stderr: int | None = None,
) -> Shown:
    """Run ``command`` in ``here``; a stream that is None is the terminal.

    What comes through a pipe is read at the end, so it must fit into one.
    """
    terminal, inner = pty.openpty()
    with subprocess.Popen(
        command,
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
        piped = process.stdout.read() if process.stdout else b""
    return Shown(process.returncode, tuple(parts), piped)
