"""What a person sees while something takes its time; nothing where nobody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.core.escaping import escaped
from reconciler.core.report import Failed, Outcome


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """Show on a terminal's stderr that ``what`` is going on, until the block ends."""
    if not sys.stderr.isatty():
        yield
        return
    # Importing it takes as long as a small plan, and a pipe never needs it.
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status(what):
        yield


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[Outcome], None]]:
    """Yield what wants to hear each of ``total`` outcomes; a terminal's stderr shows the counts."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415  # as above
    from rich.progress import (  # noqa: PLC0415
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
        bar.update(task, advance=1, told=f"{failed} failed  {escaped(str(outcome.change.key))}")

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[told]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        # Results that go to a file must not be drawn into the bar's terminal.
        redirect_stdout=sys.stdout.isatty(),
    )
    task = bar.add_task(what, total=total, told="")
    with bar:
        yield on_outcome
