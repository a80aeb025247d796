"""The options of an apply, and its state while it runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from reconciler import limits
from reconciler.core.changes import Change
from reconciler.core.errors import RejectedError, ThrottledError
from reconciler.core.report import Failed, Outcome
from reconciler.engine.target import Target


def _ignore(_: object) -> None:
    """Ignore an outcome or a change; the report has it."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """The options of an apply.

    Attributes:
        workers: Maximum number of parallel calls.
        should_stop: If it returns True, no further change is started.
        on_begin: Called before the first change is made, once nothing else can end the run.
        on_written: Receives each change as soon as its calls have ended, from several threads.
        on_outcome: Receives each outcome as soon as it is known, after the wave was written.
        sleep: Waits for a number of seconds.
        verify_timeout_seconds: Maximum time to wait until reads show a write.
        fail_fast: Start no further change after the first failure.
    """

    workers: int = 10
    should_stop: Callable[[], bool] = lambda: False
    on_begin: Callable[[], None] = lambda: None
    on_written: Callable[[Change], None] = _ignore
    on_outcome: Callable[[Outcome], None] = _ignore
    sleep: Callable[[float], object] = time.sleep
    verify_timeout_seconds: float = limits.VERIFY_TIMEOUT_SECONDS
    fail_fast: bool = False


@dataclass(frozen=True, slots=True)
class Execution:
    """An apply in progress: its target, its options, and whether a change has failed."""

    target: Target
    options: ApplyOptions
    failed: Event = field(default_factory=Event)

    def stop_reason(self) -> str | None:
        """Return why no further change may be started, or None if it may."""
        if self.options.should_stop():
            return "the run was interrupted before this change"
        if self.options.fail_fast and self.failed.is_set():
            return "another change failed before this one, and --fail-fast is set"
        return None

    def record(self, result: object) -> None:
        """Record a failure. An error is no failure yet if the change may have been made."""
        if isinstance(result, Failed | RejectedError | ThrottledError):
            self.failed.set()
