"""Progress on stderr, only if it is a terminal."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

from reconciler import engine
from reconciler.cli.output import wants_color
from reconciler.core.changes import Change
from reconciler.core.escaping import escaped
from reconciler.core.report import Failed, Outcome
from reconciler.core.resources import Key
from reconciler.render.terminal import plural

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as RichProgress


@contextmanager
def spinner(activity: str, *, color: str) -> Iterator[None]:
    """Show ``activity`` on stderr until the block ends, if it is a terminal.

    Args:
        activity: The text to show.
        color: The value of --color.
    """
    if not _shows_progress():
        yield
        return
    with _console(color).status(activity):
        yield


@contextmanager
def counter(activity: str, total: int, *, color: str) -> Iterator[Callable[[], None]]:
    """Show how many of ``total`` targets have ended, if stderr is a terminal.

    Yields a function to call after each target; any thread may.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    done = count(1)
    with _console(color).status(f"{activity}: {total} targets") as status:
        yield lambda: status.update(f"{activity}: {next(done)} of {total} targets")


@contextmanager
def read_progress(target: engine.CommandTarget, *, color: str) -> Iterator[None]:
    """Show the progress of reads of ``target`` until the block ends, if stderr is a terminal.

    The display counts calls until the lists were read, and then resources.

    Args:
        target: The target that is read.
        color: The value of --color.
    """
    if not _shows_progress():
        yield
        return
    display = _read_display(target, color)
    display.add_task(f"reading {target.id.url}", total=None, count="", rate="")
    with display:
        yield


def _read_display(target: engine.CommandTarget, color: str) -> "RichProgress":
    from rich import progress  # noqa: PLC0415  # as in _console

    calls_before, started = sum(target.calls.values()), time.monotonic()

    class Display(progress.Progress):
        def get_renderables(self) -> "Iterable[RenderableType]":
            done, total = target.reads
            # Threads that read add operations to the counts.
            calls = sum(dict(target.calls).values()) - calls_before
            seconds = max(time.monotonic() - started, 1e-3)
            count = plural(calls, "call") if total is None else f"{done}/{total}"
            rate = f"{calls / seconds:.0f} calls/s"
            # The constructor already asks, when there is no task yet.
            for task in self.task_ids:
                self.update(task, completed=done, total=total, count=count, rate=rate)
            return super().get_renderables()

    return Display(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[count]}"),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
        console=_console(color),
        transient=True,
        # As in progress_bar.
        redirect_stdout=sys.stdout.isatty(),
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """Functions to call while changes are applied."""

    on_written: Callable[[Change], None] = lambda _: None
    """Call it when the calls of a change have ended; any thread may."""
    on_outcome: Callable[[Outcome], None] = lambda _: None
    """Call it when the outcome of a change is known."""


@contextmanager
def progress_bar(activity: str, total: int, *, color: str) -> Iterator[Progress]:
    """Show a bar on stderr until the block ends, if it is a terminal.

    The bar counts changes whose calls have ended. The outcomes of a wave come later, together.

    Args:
        activity: The text to show.
        total: The number of changes.
        color: The value of --color.
    """
    if not _shows_progress():
        yield Progress()
        return
    from rich import progress  # noqa: PLC0415  # as in _console

    failed, counted, started = 0, set[Key](), time.monotonic()

    def on_written(change: Change) -> None:
        # A change that is not tried has only an outcome.
        advance = int(change.key not in counted)
        counted.add(change.key)
        rate = f"{len(counted) / max(time.monotonic() - started, 1e-3):.0f}/s"
        message = f"{failed} failed  {escaped(str(change.key))}"
        bar.update(task, advance=advance, rate=rate, message=message)

    def on_outcome(outcome: Outcome) -> None:
        nonlocal failed
        failed += isinstance(outcome, Failed)
        on_written(outcome.change)

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(elapsed_when_finished=True),
        progress.TextColumn("{task.fields[message]}", markup=False),
        console=_console(color),
        transient=True,
        # Results in a file must not be redirected to the terminal of the bar.
        redirect_stdout=sys.stdout.isatty(),
    )
    task = bar.add_task(activity, total=total, rate="", message="")
    with bar:
        yield Progress(on_written, on_outcome)


def _shows_progress() -> bool:
    # In a run over many targets, each has a thread, and only the whole run shows its progress.
    return sys.stderr.isatty() and current_thread() is main_thread()


def _console(color: str) -> "Console":
    # The import takes as long as a small plan, and a pipe does not need it.
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, color_system="auto" if wants_color(color, sys.stderr) else None)
