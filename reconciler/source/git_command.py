"""Runs git without running code of the repository, and with limits on time and output.

Hooks, filters, monitors and fetches that the repository configures do not run. git gets only the
variables PATH and HOME of our environment, because the others may contain credentials.
"""

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reconciler import limits
from reconciler.core.errors import HistoryError

_GIT = (
    *("git", "--no-pager", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null"),
    *("-c", "safe.bareRepository=explicit"),
)
# In a partial clone git would fetch missing objects with a command that the repository configures.
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}
_PASSED_VARIABLES = ("PATH", "HOME")
_PART_BYTES = 1 << 16


def run_git(
    *arguments: str,
    stdin: bytes = b"",
    directory: str = ".",
    timeout_seconds: float | None = None,
) -> bytes:
    """Return the output of git with `arguments` in `directory`.

    Raises:
        HistoryError: git is not installed, fails, takes too long, or prints too much.
    """
    seconds = limits.GIT_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
    try:
        with _started(arguments, stdin, directory) as process:
            deadline = time.monotonic() + seconds
            output = _read(process.stdout, deadline)
            message = _read(process.stderr, deadline)
            code = process.wait(max(0.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise HistoryError(f"git {arguments[0]}: timed out after {seconds:g} seconds") from error
    except OSError as error:
        raise HistoryError(f"git {arguments[0]}: {error}") from error
    if code:
        reason = " ".join(message.decode(errors="replace").split())
        reason = reason[: limits.MAX_GIT_ERROR_CHARACTERS]
        raise HistoryError(
            f"git {arguments[0]}: {reason or 'the clone does not contain enough history'}"
        )
    return output


@contextmanager
def _started(
    arguments: tuple[str, ...], stdin: bytes, directory: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start git and yield the process; it is killed if the block ends first."""
    environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    # Not a pipe: git may print so much before it reads on that both would wait.
    with tempfile.TemporaryFile() if stdin else Path(os.devnull).open("rb") as source:
        if stdin:
            source.write(stdin)
            source.seek(0)
        with subprocess.Popen(  # noqa: S603  # arguments are validated commits and the user's paths
            [*_GIT, *arguments],
            cwd=directory,
            env=environment | _ENVIRONMENT,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def _read(stream: IO[bytes] | None, deadline: float) -> bytes:
    """Return everything until the end of `stream`.

    Raises:
        TimeoutError: the deadline has passed.
        OSError: there is more than the limit.
    """
    if stream is None:
        return b""
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    output = bytearray()
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1_000):
        part = os.read(stream.fileno(), _PART_BYTES)
        if not part:
            return bytes(output)
        output += part
        if len(output) > limits.MAX_GIT_OUTPUT_BYTES:
            raise OSError(f"printed more than {limits.MAX_GIT_OUTPUT_BYTES >> 20} MiB")
    raise TimeoutError
