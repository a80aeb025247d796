"""The history of the runs of one process, from its command line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.command import Invocation
from reconciler.cli.error_codes import code_of
from reconciler.core.errors import LockHeldError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.history.recorder import Recorder


def open_recorder(invocation: Invocation, target: str, owner: str) -> "Recorder":
    """Return the recorder for --history, for runs of one target and owner."""
    # Not needed by commands that only read.
    from reconciler.history.recorder import Author, Recorder  # noqa: PLC0415
    from reconciler.wiring.history import find_actor, open_history  # noqa: PLC0415

    author = Author(invocation.command, find_actor(os.environ), target, owner)
    return Recorder(open_history(invocation["history"]), author)


@contextmanager
def recorded_failure(invocation: Invocation, target: str, owner: str) -> Iterator[None]:
    """Record an error that ends the run, if the command may write.

    Wrong usage and a lock that another run holds are not failures of a run.
    """
    try:
        yield
    except (UsageError, LockHeldError):
        raise
    except ReconcilerError as error:
        if "history" in invocation.options.values:
            recorder = open_recorder(invocation, target, owner)
            recorder.start(invocation.started_at).record_failure(str(error), code_of(error))
        raise
