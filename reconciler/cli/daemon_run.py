"""Access of the cycles of a daemon to its manifests, its target and its reports."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from reconciler import engine
from reconciler.cli.rollout_gate import RolloutGate
from reconciler.cli.run_context import RunContext, record_applied
from reconciler.cli.signals import StopRequest
from reconciler.core.changes import Delete
from reconciler.core.errors import RepositoryError
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report
from reconciler.core.resources import Desired, Key
from reconciler.core.state.daemon_status import DaemonStatus, LeaseStatus
from reconciler.daemon.cycle import commit_facts
from reconciler.daemon.delete_budget import DeleteBudget, count_deletes
from reconciler.daemon.loop import CycleRequest
from reconciler.history.recorder import RecordedRun, Recorder
from reconciler.manifest.loading import LoadResult
from reconciler.notify.notifier import Notifier
from reconciler.render import text
from reconciler.source.git_command import GitError
from reconciler.source.source import Source
from reconciler.targets.cache import ReadCache
from reconciler.web.metrics import Metrics

logger = logging.getLogger("reconciler.run")


@dataclass
class DaemonRun:
    """Manifests, target, lock, cache, history and receivers of a daemon, for its cycles.

    Attributes:
        may_write: Whether this process holds the lock.
        lease: Returns the state of the lock; None without one.
        request: The request that the cycle fulfills; without fields set if there is none.
        recorded: The record of the cycle.
        deletes: Counts the deletes on all targets of this process; None without a limit.
        gate: Chooses the revision of the manifests; None without a rollout.
    """

    context: RunContext
    cache: ReadCache
    stop: StopRequest
    recorder: Recorder
    metrics: Metrics = field(default_factory=Metrics)
    may_write: Callable[[], bool] = lambda: True
    lease: Callable[[], LeaseStatus | None] = lambda: None
    on_heartbeat: Callable[[], None] = lambda: None
    request: CycleRequest = field(default_factory=CycleRequest)
    recorded: RecordedRun = field(init=False)
    notifier: Notifier = field(default_factory=Notifier)
    deletes: DeleteBudget | None = None
    gate: RolloutGate | None = None
    _source: Source = field(init=False)
    _reserved_deletes: int = 0
    _report: Report | None = None
    _calls_before: Mapping[str, int] = field(default_factory=dict)
    _is_whole: bool = False
    _unfinished: dict[str, None] = field(default_factory=dict)
    _commit: dict[str, str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let the signal handler list the changes in progress."""
        self.stop.in_progress = lambda: tuple(self._unfinished)
        self.recorded = self.recorder.start(time.time())
        self._source = self.context.source

    def read(self) -> LoadResult:
        """Load the manifests that the target may have, with their diagnostics."""
        if self.gate is None:
            self._source = self.context.source
            return self.context.read(self.on_heartbeat)
        context, loaded = self.gate.read(self.context, self.on_heartbeat)
        self._source = context.source
        return loaded

    def fingerprint(self) -> str:
        """Return the fingerprint of the source; this may fetch."""
        self.context.source.refresh(self.on_wait)
        fingerprint = self.context.source.fingerprint()
        # When the target takes another revision, the manifests are read again.
        return fingerprint if self.gate is None else f"{fingerprint} {self.gate.taken}"

    def on_wait(self) -> None:
        """Record a heartbeat while git runs, and end it if the daemon has to stop."""
        self.on_heartbeat()
        if self.stop.stop_requested.is_set():
            raise GitError("the daemon is stopping")

    def begin(self, request: CycleRequest | None) -> None:
        """Begin a cycle. If it was requested, it looks for new commits and may release a pin."""
        self.request = request or CycleRequest()
        self.recorded = self.recorder.start(time.time())
        self._calls_before = dict(self.context.target.calls)
        self._report = None
        if self.request.releases_pin:
            try:
                self.context.source.release()
            except RepositoryError as error:
                logger.error("%s", error)  # noqa: TRY400  # the message is for users
        if request is not None:
            self.look_now()

    def look_now(self) -> None:
        """Let the next look at the source fetch."""
        self.context.source.look_now()

    def propose(
        self,
        desired: Sequence[Desired],
        *,
        incomplete_reason: str | None,
        settled: frozenset[Key],
    ) -> Plan:
        """Return the plan for ``desired``.

        Raises:
            TargetError: The target could not be read, or other targets took its deletes.
        """
        self.on_heartbeat()
        self._is_whole = incomplete_reason is None
        # The plan is of the revision that was read last, and not of a newer one.
        propose = partial(
            replace(self.context, source=self._source).propose,
            desired,
            incomplete_reason=incomplete_reason,
            settled=settled,
            allow_rewind=self.request.allow_rewind,
        )
        # A replica that does not write takes nothing from the budget of the other targets.
        if self.deletes is None or not self.may_write():
            return propose()
        plan = self.deletes.plan(
            lambda deletes: propose(hourly_deletes=deletes),
            self.context.invocation["max_deletes_per_hour"],
        )
        self._reserved_deletes = count_deletes(plan)
        return plan

    def apply(self, plan: Plan, waiting: Mapping[Key, Failed]) -> Report:
        """Apply ``plan``, except the changes in ``waiting``, and return the report."""
        changes = [change for change in plan.changes if change.key not in waiting]
        self._commit = commit_facts(plan.revision)
        for change in changes:
            facts = {"key": str(change.key), **self._commit}
            logger.info("%s", text.render_intent(change), extra=facts)
        self._unfinished = {str(change.key): None for change in changes}
        options = engine.ApplyOptions(
            workers=self.context.invocation["parallelism"],
            should_stop=self._should_stop,
            sleep=self.stop.stop_requested.wait,
            on_outcome=self._on_outcome,
        )
        # Changes that wait for a retry were recorded when they failed.
        tried = replace(plan, changes=tuple(changes))
        self.recorded.record_start(tried)
        report = engine.apply(plan, self.context.target, options, waiting)
        if self._is_whole:
            record_applied(self._source, plan)
        outcomes = tuple(
            outcome for outcome in report.outcomes if outcome.change.key not in waiting
        )
        self._report = replace(report, plan=tried, outcomes=outcomes)
        return report

    def standby_reason(self) -> str | None:
        """Return which process holds the lock, or None if it is this one."""
        if self.may_write():
            return None
        lease = self.lease()
        return f"standby: lock held by {(lease and lease.holder) or 'no process'}"

    def drop_cache(self) -> None:
        """Drop all cached reads, so that the next cycle reads everything."""
        self.cache.clear()

    def end(self, status: DaemonStatus) -> DaemonStatus:
        """End a cycle: count it, record its end or failure, and notify the receivers.

        Returns:
            ``status`` with the number of API calls and responses.
        """
        self.metrics.count_cycle(status)
        self._settle_deletes()
        if status.exit_code is not None:
            if self._report is not None:
                self.recorded.record_end(self._report, status.exit_code, self._calls())
            self.recorded.record_failure(_problem(status), status.exit_code, self._calls())
        if self.may_write():
            if self.gate is not None:
                self.gate.report(status, self._report)
            self.notifier.notify(status, self._report, time.time())
        target, cycles = self.context.target, self.cache.cycles_per_full_recheck
        return replace(
            status,
            calls=dict(target.calls),
            responses=dict(target.responses),
            recheck_seconds=cycles * status.interval_seconds,
            description_seconds=self.cache.description_cycles * status.interval_seconds,
        )

    def _settle_deletes(self) -> None:
        outcomes = self._report.outcomes if self._report else ()
        made = sum(
            isinstance(outcome, Applied | Failed) and isinstance(outcome.change, Delete)
            for outcome in outcomes
        )
        if self.deletes is not None:
            self.deletes.settle(self._reserved_deletes, made)
        self._reserved_deletes = 0

    def _calls(self) -> dict[str, int]:
        """Return the number of API calls of this cycle, by operation."""
        return dict(Counter(self.context.target.calls) - Counter(self._calls_before))

    def _should_stop(self) -> bool:
        self.on_heartbeat()
        return self.stop.stop_requested.is_set() or not self.may_write()

    def _on_outcome(self, outcome: Outcome) -> None:
        self.on_heartbeat()
        key = str(outcome.change.key)
        if key not in self._unfinished:
            # It waits for a retry; its failure is already logged.
            return
        self.metrics.count_outcome(outcome)
        del self._unfinished[key]
        level = logging.INFO if isinstance(outcome, Applied) else logging.ERROR
        facts = {"key": key, **self._commit}
        logger.log(level, text.render_outcome(outcome, color=False), extra=facts)


def _problem(status: DaemonStatus) -> str | None:
    """Return the reason why a cycle could not use the target or the manifests, or None."""
    return status.error if status.source_valid else next(iter(status.diagnostics), status.error)
