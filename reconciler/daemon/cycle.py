"""One cycle of the daemon: reads manifests, plans, applies, logs and returns the status.

Between cycles it keeps the last valid manifests, recent repairs and failures, and the time when
each resource was last seen.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from reconciler.core.errors import RepositoryError, RolloutWaitError, TargetError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Failed, Report, Skipped, exit_code
from reconciler.core.resources import Desired, Key
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.backoff import Backoff
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.last_seen import LastSeen
from reconciler.core.state.repair_loops import RepairLoops
from reconciler.core.state.resource_status import NextAttempt, resource_statuses
from reconciler.core.state.schedule import Schedule, urgent_first
from reconciler.daemon.cycle_logs import log_missing, log_withheld
from reconciler.manifest.loading import LoadResult
from reconciler.manifest.parsing.diagnostics import Diagnostic
from reconciler.render import diagnostic_reports
from reconciler.render.phrases import commit_line
from reconciler.render.terminal import plural

logger = logging.getLogger("reconciler.run")


class CycleTarget(Protocol):
    """Access of a cycle to the manifests and the target."""

    def read(self) -> LoadResult:
        """Read the manifests.

        Raises:
            UsageError: They cannot be found.
            RepositoryError: It is not known which commit to use.
            RolloutWaitError: The wave of the target has not begun.
        """

    def propose(
        self,
        desired: Sequence[Desired],
        *,
        incomplete_reason: str | None,
        settled: frozenset[Key],
    ) -> Plan:
        """Return the plan for `desired`.

        `incomplete_reason` says why `desired` is not the whole source; None if it is. `settled` are
        keys whose last write by this process is complete.
        """

    def apply(self, plan: Plan, waiting: Mapping[Key, Failed]) -> Report:
        """Apply `plan` and return the outcomes. Changes of the keys in `waiting` are not tried."""

    def standby_reason(self) -> str | None:
        """Return why this daemon must not write now, or None if it may."""

    def drop_cache(self) -> None:
        """Drop the read cache, so that the next cycle reads everything again."""

    def end(self, status: DaemonStatus) -> DaemonStatus:
        """End the cycle, and return `status` with the numbers of API calls and responses."""


class CycleRunner:
    """Runs cycles for one target, and keeps the state between them."""

    def __init__(
        self, target: CycleTarget, monotonic: Callable[[], float], now: Callable[[], float]
    ) -> None:
        """Create a runner. `monotonic` is a clock that is never set; `now` is the wall clock."""
        self._target = target
        self._monotonic = monotonic
        self._now = now
        self._last_valid: Mapping[Key, Desired] | None = None
        self._revision: SourceRevision | None = None
        self._incomplete: str | None = None
        self._diagnostics: tuple[str, ...] = ()
        self._notices: tuple[str, ...] = ()
        self._changed_keys: frozenset[Key] = frozenset()
        self._repair_loops = RepairLoops()
        self._backoff = Backoff()
        self._last_seen = LastSeen()
        self._standby_reason: str | None = None
        self._waits = False

    def __call__(self, status: DaemonStatus, *, fresh: bool, forced: bool) -> DaemonStatus:
        """Run one cycle. Errors are logged and shown in the status; the next cycle tries again."""
        is_known = self._read() if fresh or self._waits or self._incomplete is not None else True
        status = replace(
            status,
            source_valid=self._incomplete is None,
            diagnostics=(*self._diagnostics, *self._notices),
            revision=self._revision,
        )
        if not is_known:
            code = ExitCode.PENDING if self._waits else ExitCode.ERROR
            ended = replace(status, exit_code=code)
        elif self._last_valid is None:
            ended = replace(status, exit_code=ExitCode.MANIFESTS)
        else:
            ended = self._reconcile_or_report(status, self._last_valid, forced=forced)
        return self._target.end(replace(ended, cycle_finished_at=self._now()))

    def _reconcile_or_report(
        self, status: DaemonStatus, desired: Mapping[Key, Desired], *, forced: bool
    ) -> DaemonStatus:
        try:
            return self.reconcile(status, desired, forced=forced)
        except TargetError as error:
            if status.error is None:
                logger.error("cycle failed, nothing was changed: %s", error)  # noqa: TRY400
            return replace(status, error=str(error), exit_code=ExitCode.ERROR)

    def reconcile(
        self, status: DaemonStatus, desired: Mapping[Key, Desired], *, forced: bool
    ) -> DaemonStatus:
        """Plan and apply `desired`, and return the new status.

        Raises:
            TargetError: The target could not be read; nothing was changed.
        """
        if forced:
            self._target.drop_cache()
        read_at = self._now()
        plan = self._target.propose(
            tuple(desired.values()),
            incomplete_reason=self._incomplete,
            settled=self._last_seen.settled,
        )
        plan = replace(plan, revision=status.revision)
        if status.error is not None:
            logger.info("the target can be read again")
        previous = {item.key: item for item in status.resources}
        plan = self._repair_loops.withhold(self._last_seen.explain(plan))
        plan = urgent_first(plan, self._changed_keys)
        log_missing(plan, previous)
        log_withheld(plan, previous)
        for unlisted in plan.unlisted:
            if unlisted not in status.unlisted:
                logger.error("%s: %s", unlisted, unlisted.message)
        schedule = Schedule(status.interval_seconds)
        report = self._apply(plan, schedule, forced=forced)
        self._changed_keys = frozenset()
        self._last_seen = self._last_seen.after(report, read_at, self._now())
        if self._standby_reason is not None:
            # The replica that writes may end between a spec and its record.
            self._last_seen = replace(self._last_seen, settled=frozenset())
        origins = {key: resource.origin for key, resource in desired.items()}
        resources = resource_statuses(report, previous, origins, self._next_attempts(), self._now())
        code, changes = self._exit_code(report), len(report.outcomes)
        facts = {"cycle": status.cycle, "changes": changes, "exit_code": int(code)}
        commit = commit_facts(status.revision)
        message = "cycle done: %s, exit code %d"
        logger.info(
            message, plural(changes, "change"), code, extra={"event": "cycle", **facts, **commit}
        )
        status = replace(status, error=None, unlisted=plan.unlisted, plan=plan, desired=desired)
        return replace(status, resources=resources, exit_code=code)

    def _apply(self, plan: Plan, schedule: Schedule, *, forced: bool) -> Report:
        standby_reason = self._target.standby_reason()
        if standby_reason != self._standby_reason:
            logger.info("%s", standby_reason or "this replica is the leader and writes from now on")
            self._standby_reason = standby_reason
        if standby_reason is not None:
            # The replica that writes now may succeed with changes that failed here.
            self._backoff = Backoff()
            return Report(plan, tuple(Skipped(change, standby_reason) for change in plan.changes))
        waiting = {} if forced else self._backoff.waiting(plan, self._monotonic())
        report = self._target.apply(plan, waiting)
        self._repair_loops = self._repair_loops.record(report)
        self._backoff = self._backoff.record(report, waiting, self._monotonic(), schedule)
        for key, failure in self._backoff.failures.items():
            if key not in waiting:
                logger.error(
                    "%s: failed %s in a row, next attempt in %.0f s",
                    key,
                    plural(failure.attempts, "time"),
                    failure.next_at - self._monotonic(),
                    extra={"event": "failure", "key": str(key), "attempts": failure.attempts},
                )
        return report

    def _next_attempts(self) -> dict[Key, NextAttempt]:
        """Return the number of attempts and the wall-clock time of the next one, by key."""
        clock_offset = self._now() - self._monotonic()
        return {
            key: NextAttempt(failure.attempts, clock_offset + failure.next_at)
            for key, failure in self._backoff.failures.items()
        }

    def _exit_code(self, report: Report) -> ExitCode:
        if self._incomplete is not None:
            return ExitCode.MANIFESTS
        if self._target.standby_reason() is not None:
            return ExitCode.LOCKED
        # Changes are also skipped after a failure, but then the code is not OK.
        skipped = any(isinstance(outcome, Skipped) for outcome in report.outcomes)
        code = exit_code(report)
        return ExitCode.LOCKED if skipped and code is ExitCode.OK else code

    def _read(self) -> bool:
        """Read the manifests; if they are not valid, keep the last valid ones and the reason.

        Returns:
            Whether it is known which commit to use. Else the target may be held at another one, so
            the manifests that were valid before must not be applied.
        """
        self._waits = False
        try:
            loaded = self._target.read()
        except RolloutWaitError as error:
            self._waits, self._incomplete, self._diagnostics = True, None, (str(error),)
            return False
        except UsageError as error:
            # At the start too, because a volume may be mounted later.
            waiting = "" if self._last_valid is not None else "waiting for the manifests: "
            self._report("the manifests cannot be read", (f"{waiting}{error}",))
            return True
        except RepositoryError as error:
            self._report("the repository cannot be read", (str(error),))
            return False
        self._log_notices(loaded.notices)
        if not loaded.valid:
            diagnostics = tuple(map(_diagnostic_text, loaded.diagnostics))
            is_new = diagnostics != self._diagnostics
            self._report("the manifests are not valid", diagnostics)
            if is_new and self._last_valid is None:
                logger.error("no cycle runs: the manifests have not been valid since the start")
            return True
        if self._incomplete is not None:
            logger.info("the manifests are valid again")
        self._log_commit(loaded.revision)
        desired = {resource.key: resource for resource in loaded.desired}
        known = self._last_valid or {}
        self._changed_keys |= {
            key for key, resource in desired.items() if known.get(key) != resource
        }
        self._last_valid, self._incomplete, self._diagnostics = desired, None, ()
        return True

    def _log_notices(self, notices: tuple[str, ...]) -> None:
        """Log each sentence about the commit once, and when all of them are over."""
        for notice in notices:
            if notice not in self._notices:
                logger.warning("%s", notice)
        if self._notices and not notices:
            logger.info("the newest commit of the source is in effect again")
        self._notices = notices

    def _log_commit(self, revision: SourceRevision | None) -> None:
        if revision is not None and revision != self._revision:
            facts = {"event": "source", **commit_facts(revision)}
            logger.info("the manifests are of %s", commit_line(revision), extra=facts)
        self._revision = revision

    def _report(self, incomplete_reason: str, diagnostics: tuple[str, ...]) -> None:
        if diagnostics != self._diagnostics:
            for diagnostic in diagnostics:
                logger.error("%s", diagnostic)
        self._incomplete, self._diagnostics = incomplete_reason, diagnostics


def commit_facts(revision: SourceRevision | None) -> dict[str, str | bool]:
    """Return the fields of a log record with the commit of the manifests."""
    return {} if revision is None else {"commit": revision.commit, "dirty": revision.dirty}


def _diagnostic_text(diagnostic: Diagnostic) -> str:
    severity, code = diagnostic.severity, diagnostic.code.number
    return f"{diagnostic.origin}: {severity}[{code}] {diagnostic_reports.sentence(diagnostic)}"
