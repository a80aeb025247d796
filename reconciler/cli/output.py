"""What is printed, and where: results on stdout, talk on stderr."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click

from reconciler.core.errors import ReconcilerError
from reconciler.core.escaping import escaped
from reconciler.render.terminal import Layout


def print_result(text: str) -> None:
    """Print a result while that can be done: no closed pipe and no full disk stops an apply."""
    if reason := _print_failure(text):
        print_error(f"writing results: {reason}; further output is not printed")


def print_complete_result(text: str) -> None:
    """Print a result that is all there is to a run.

    ReconcilerError where it cannot be written: a part must not pass for the whole.
    """
    if reason := _print_failure(text):
        raise ReconcilerError(f"writing results: {reason}; the output is incomplete")


def _print_failure(text: str) -> str | None:
    """Print ``text``, and say why it was not; a reader who has gone is nobody's fault."""
    try:
        # Named, since a progress bar on the terminal puts itself in the place of sys.stdout.
        click.echo(text, nl=False, file=sys.stdout)
    except BrokenPipeError:
        stop_printing()
    except OSError as error:
        stop_printing()
        return error.strerror or str(error)
    return None


def stop_printing(stream: TextIO | None = None) -> None:
    """Send all further output of ``stream``, stdout if none, nowhere: its reader has gone."""
    # Every later line, and the flush at exit, would fail the same way.
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), (stream or sys.stdout).fileno())


def print_error(message: str, *choices: str) -> None:
    """Print one line of talk for a person, and a line for each choice that is left."""
    lines = [
        f"reconciler: {escaped(' '.join(message.split()))}",
        *(f"  {item}" for item in choices),
    ]
    print_message("".join(f"{line}\n" for line in lines))


def print_message(text: str) -> None:
    """Print ``text`` on stderr if that can be done; if not, the exit code still tells."""
    try:
        click.echo(text, nl=False, err=True)
    except OSError:
        stop_printing(sys.stderr)


def wants_color(config: str, stream: TextIO | None = None) -> bool:
    """Whether ``stream``, stdout if none, is colored: as said, else on a willing terminal."""
    if config == "auto":
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return (stream or sys.stdout).isatty() and not plain
    return config == "always"


def terminal_width() -> int | None:
    """Return the width of the terminal that results go to, COLUMNS first; None where none is."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def layout(color: str) -> Layout:
    """Return the page that results go to, as wide as its terminal."""
    return Layout(wants_color(color), terminal_width())
