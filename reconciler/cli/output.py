"""Output of commands: results on stdout, messages on stderr."""

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import click

from reconciler.core.errors import ReconcilerError
from reconciler.core.escaping import escaped
from reconciler.render.terminal import Layout

ERROR_PREFIX = "reconciler: "


class _Capture(threading.local):
    """The messages of a thread that are not printed yet."""

    messages: list[str] | None = None


_capture = _Capture()


@contextmanager
def captured_messages() -> Iterator[list[str]]:
    """Yield a list to which this thread adds messages during the block, instead of printing."""
    messages: list[str] = []
    _capture.messages = messages
    try:
        yield messages
    finally:
        _capture.messages = None


def print_result(text: str) -> None:
    """Print a part of the result. A closed pipe or a full disk does not stop an apply."""
    if reason := _print_failure(text):
        print_error(f"writing results: {reason}; further output is not printed")


def print_complete_result(text: str) -> None:
    """Print the whole result of a run.

    Raises:
        ReconcilerError: If the output is incomplete, except if the reader closed the pipe.
    """
    if reason := _print_failure(text):
        raise ReconcilerError(f"writing results: {reason}; the output is incomplete")


def _print_failure(text: str) -> str | None:
    """Print ``text`` and return the error, if any. A pipe closed by its reader is no error."""
    try:
        # Passed explicitly, because a progress bar replaces sys.stdout.
        click.echo(text, nl=False, file=sys.stdout)
    except BrokenPipeError:
        stop_printing()
    except OSError as error:
        stop_printing()
        return error.strerror or str(error)
    return None


def stop_printing(stream: TextIO | None = None) -> None:
    """Discard all further output of ``stream`` (default: stdout), because it cannot be written."""
    # All later lines, and the flush at exit, would fail too.
    with suppress(OSError), Path(os.devnull).open("wb") as devnull:
        os.dup2(devnull.fileno(), (stream or sys.stdout).fileno())


def print_error(message: str) -> None:
    """Print one line on stderr."""
    print_message(f"{ERROR_PREFIX}{escaped(' '.join(message.split()))}\n")


def print_message(text: str) -> None:
    """Print ``text`` on stderr, and ignore errors: the exit code still reports the result."""
    if _capture.messages is not None:
        _capture.messages.append(text)
        return
    try:
        click.echo(text, nl=False, err=True)
    except OSError:
        stop_printing(sys.stderr)


def wants_color(config: str, stream: TextIO | None = None) -> bool:
    """Whether output to ``stream`` (default: stdout) is colored; ``config`` is --color."""
    if config == "auto":
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return (stream or sys.stdout).isatty() and not plain
    return config == "always"


def terminal_width() -> int | None:
    """Return the width of the terminal on stdout (COLUMNS overrides it), or None without one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def layout(color: str) -> Layout:
    """Return the layout for results on stdout."""
    return Layout(wants_color(color), terminal_width())
