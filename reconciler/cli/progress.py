"""Progress on stderr, only if it is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.output import wants_color
from reconciler.core.escaping import escaped
from reconciler.core.report import Failed, Outcome

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def spinner(activity: str, *, color: str) -> Iterator[None]:
    """Show ``activity`` on stderr until the block ends, if it is a terminal.

    Args:
        activity: The text to show.
        color: The value of --color.
    """
    if not sys.stderr.isatty():
        yield
        return
    with _console(color).status(activity):
        yield


@contextmanager
def progress_bar(activity: str, total: int, *, color: str) -> Iterator[Callable[[Outcome], None]]:
    """Yield a function that must be called with each of ``total`` outcomes.

    Args:
        activity: The text to show.
        total: The number of outcomes.
        color: The value of --color.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import (  # noqa: PLC0415  # as in _console
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    failed = 0

    def on_outcome(outcome: Outcome) -> None:
        nonlocal failed
        failed += isinstance(outcome, Failed)
        bar.update(task, advance=1, message=f"{failed} failed  {escaped(str(outcome.change.key))}")

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}", markup=False),
        console=_console(color),
        transient=True,
        # Results in a file must not be redirected to the terminal of the bar.
        redirect_stdout=sys.stdout.isatty(),
    )
    task = bar.add_task(activity, total=total, message="")
    with bar:
        yield on_outcome


def _console(color: str) -> "Console":
    # The import takes as long as a small plan, and a pipe does not need it.
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, color_system="auto" if wants_color(color, sys.stderr) else None)
