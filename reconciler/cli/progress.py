"""Progress on stderr, only if it is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.core.escaping import escaped
from reconciler.core.report import Failed, Outcome


@contextmanager
def spinner(activity: str) -> Iterator[None]:
    """Show ``activity`` on stderr until the block ends, if it is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    # The import takes as long as a small plan, and a pipe does not need it.
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status(activity):
        yield


@contextmanager
def progress_bar(activity: str, total: int) -> Iterator[Callable[[Outcome], None]]:
    """Yield a function that must be called with each of ``total`` outcomes."""
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
        bar.update(task, advance=1, message=f"{failed} failed  {escaped(str(outcome.change.key))}")

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        # Results in a file must not be redirected to the terminal of the bar.
        redirect_stdout=sys.stdout.isatty(),
    )
    task = bar.add_task(activity, total=total, message="")
    with bar:
        yield on_outcome
