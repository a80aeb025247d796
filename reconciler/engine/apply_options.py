"""How a plan is carried out: how many calls at a time, when to stop, who hears of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from reconciler import limits
from reconciler.core.errors import RejectedError, ThrottledError
from reconciler.core.report import Failed, Outcome
from reconciler.engine.target import Target


def _ignore(_: Outcome) -> None:
    """Let an outcome pass; the report has it."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How a plan is carried out.

    At most ``workers`` calls run at a time. Once ``should_stop`` says so, nothing new is begun; with
    ``fail_fast`` nor is anything after the first failure. ``on_outcome`` hears each outcome when it
    is settled. ``sleep`` waits for so many seconds.
    """

    workers: int = 10
    should_stop: Callable[[], bool] = lambda: False
    on_outcome: Callable[[Outcome], None] = _ignore
    sleep: Callable[[float], object] = time.sleep
    verify_timeout_seconds: float = limits.VERIFY_TIMEOUT_SECONDS
    fail_fast: bool = False


@dataclass(frozen=True, slots=True)
class Execution:
    """One plan under way: on what target, how, and whether anything failed so far."""

    target: Target
    options: ApplyOptions
    failed: Event = field(default_factory=Event)

    def stop_reason(self) -> str | None:
        """Say why nothing new is to be begun; None where it is."""
        if self.options.should_stop():
            return "the run was interrupted before its turn"
        if self.options.fail_fast and self.failed.is_set():
            return "another change failed before its turn, and --fail-fast was given"
        return None

    def record(self, found: object) -> None:
        """Record a failure. An error is not one yet if the change may have been made."""
        if isinstance(found, Failed | RejectedError | ThrottledError):
            self.failed.set()
