"""What a person sees while something takes its time; nothing where nobody looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal's stderr that ``what`` is going on, until the block ends."""
    if not sys.stderr.isatty():
        yield
        return
    # Importing it takes as long as a small plan, and a pipe never needs it.
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status(what):
        yield
