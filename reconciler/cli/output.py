"""What is printed, and where: results on stdout, talk on stderr."""

import os
import shutil
import sys
from typing import TextIO

import click

from reconciler.core.errors import ReconcilerError
from reconciler.core.escaping import escaped
from reconciler.render.style import Page


def show(text: str) -> None:
    """Print a result while that can be done: no closed pipe and no full disk stops an apply."""
    if why := _unprinted(text):
        complain(f"writing results: {why}; what follows is not printed")


def show_whole(text: str) -> None:
    """Print a result that is all there is to a run.

    ReconcilerError where it cannot be written: a part must not pass for the whole.
    """
    if why := _unprinted(text):
        raise ReconcilerError(f"writing results: {why}; what was printed is not all of it")


def _unprinted(text: str) -> str | None:
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


def stop_printing() -> None:
    """Send all further results nowhere: whoever read them has gone."""
    # Every later line, and the flush at exit, would fail the same way.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def complain(message: str, *choices: str) -> None:
    """Print one line of talk for a person, and a line for each choice that is left."""
    click.echo(f"reconciler: {escaped(' '.join(message.split()))}", err=True)
    for choice in choices:
        click.echo(f"  {choice}", err=True)


def wants_color(choice: str, stream: TextIO | None = None) -> bool:
    """Whether ``stream``, stdout if none, is coloured: as said, else on a willing terminal."""
    if choice == "auto":
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return (stream or sys.stdout).isatty() and not plain
    return choice == "always"


def terminal_width() -> int | None:
    """Return the width of the terminal that results go to, COLUMNS first; None where none is."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def page(color: str) -> Page:
    """Return the page that results go to, as wide as its terminal."""
    return Page(wants_color(color), terminal_width())
