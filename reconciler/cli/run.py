"""The verb that keeps it so: the daemon."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler import engine
from reconciler.cli.cycles import CycleRunner
from reconciler.cli.options import Invocation, configure_logging
from reconciler.cli.signals import FINISHING_MESSAGE, StopRequest, stop_on_signals
from reconciler.cli.work import (
    RunContext,
    hold_lock,
    make_elector,
    open_run,
    reload_run,
    require_valid,
)
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report
from reconciler.core.resources import Desired, Key
from reconciler.core.status import DaemonStatus, LeaseStatus
from reconciler.daemon import supervisor
from reconciler.daemon.loop import Daemon, LoopInputs
from reconciler.daemon.watching import watch
from reconciler.locks.lease import keep_renewed
from reconciler.manifest.loading import LoadResult
from reconciler.render import json, text
from reconciler.source.snapshot import fingerprint
from reconciler.targets.memory import ReadCache
from reconciler.web.metrics import Metrics
from reconciler.web.server import serve
from reconciler.wiring.locks import steady_seconds
from reconciler.wiring.targets import DAEMON_UPDATES

logger = logging.getLogger("reconciler.run")


def run(invocation: Invocation) -> int:
    """Reconcile on change and on an interval, until SIGTERM or SIGINT.

    PATH is a file or a directory.
    """
    if "-" in invocation.paths:
        raise UsageError("run watches files and directories; standard input is read once: apply -")
    once = invocation["once"]
    with (
        stop_on_signals(daemon=not once, told=FINISHING_MESSAGE if once else "") as stop,
        open_run(invocation, max_updates=DAEMON_UPDATES, memory=(memory := ReadCache())) as work,
    ):
        place = text.target_line(work.target.id)
        logger.info("%s, owner %s, policy %s", place, work.config.owner, work.config.policy)
        return (_run_once if once else _run_forever)(DaemonRun(work, memory, stop))


@dataclass
class DaemonRun:
    """The manifests and the target as they are, and what a cycle on them has to heed."""

    context: RunContext
    cache: ReadCache
    stop: StopRequest
    metrics: Metrics = field(default_factory=Metrics)
    may_write: Callable[[], bool] = lambda: True
    lease: Callable[[], LeaseStatus | None] = lambda: None
    on_heartbeat: Callable[[], None] = lambda: None
    _unfinished: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let whoever stops us know what is under way."""
        self.stop.in_progress = lambda: tuple(self._unfinished)

    def read(self) -> LoadResult:
        """Return what the manifests say now."""
        return self.context.read(self.on_heartbeat)

    def propose(self, desired: Sequence[Desired], *, partial: str | None) -> Plan:
        """Return the plan for ``desired``."""
        self.on_heartbeat()
        return self.context.propose(desired, partial=partial)

    def apply(self, plan: Plan, waiting: Mapping[Key, Failed]) -> Report:
        """Return what became of every change of ``plan``; what is ``waiting`` is not tried."""
        trying = [change for change in plan.changes if change.key not in waiting]
        for change in trying:
            logger.info("%s", text.render_intent(change), extra={"key": str(change.key)})
        self._unfinished = {str(change.key): None for change in trying}
        conduct = engine.ApplyOptions(
            workers=self.context.invocation["parallelism"],
            should_stop=self._should_stop,
            sleep=self.stop.stop_requested.wait,
            on_outcome=self._on_outcome,
        )
        return engine.apply(plan, self.context.target, conduct, waiting)

    def standby_reason(self) -> str | None:
        """Say who else writes; None where we do."""
        if self.may_write():
            return None
        lease = self.lease()
        return f"this replica stands by: {(lease and lease.holder) or 'nobody'} holds the lock"

    def drop_cache(self) -> None:
        """Take nothing of the last look for granted in the next one."""
        self.cache.clear()

    def with_call_counts(self, status: DaemonStatus) -> DaemonStatus:
        """Count the cycle, and return its ``status`` with what the calls so far came to."""
        self.metrics.count_cycle(status)
        target, cycles = self.context.target, self.cache.cycles_per_full_recheck
        return replace(
            status,
            calls=dict(target.calls),
            answers=dict(target.responses),
            recheck_seconds=cycles * status.interval_seconds,
        )

    def _should_stop(self) -> bool:
        self.on_heartbeat()
        return self.stop.stop_requested.is_set() or not self.may_write()

    def _on_outcome(self, outcome: Outcome) -> None:
        self.on_heartbeat()
        key = str(outcome.change.key)
        if key not in self._unfinished:
            # It waits, and was told of when it failed.
            return
        self.metrics.count_outcome(outcome)
        del self._unfinished[key]
        level = logging.INFO if isinstance(outcome, Applied) else logging.ERROR
        logger.log(level, text.render_outcome(outcome, color=False), extra={"key": key})


def _run_once(means: DaemonRun) -> ExitCode:
    """Run one cycle and return its exit code; errors go on as they are."""
    work = means.context
    with hold_lock(work.invocation, work.target.id, work.config.owner) as means.may_write:
        desired = {
            want.key: want for want in require_valid(work.read(), color=work.invocation["color"])
        }
        cycles = CycleRunner(means, steady_seconds, time.time)
        status = cycles.reconcile(_initial_status(work), desired, forced=True)
    keys = (standing.key for standing in status.resources)
    work.require_patterns_to_match(keys, desired.values(), status.unlisted)
    return means.stop.code or status.exit_code or ExitCode.OK


def _run_forever(means: DaemonRun) -> ExitCode:
    work = means.context
    candidate = make_elector(work.invocation, work.target.id, work.config.owner)
    with ExitStack() as opened:
        if candidate is not None:
            means.may_write = opened.enter_context(keep_renewed(candidate))
            means.lease = candidate.lease
        senses = LoopInputs(
            fingerprint=lambda: fingerprint(work.paths),
            monotonic=steady_seconds,
            now=time.time,
            jitter=random.random,
            on_heartbeat=lambda: supervisor.notify(supervisor.ALIVE),
            is_leader=means.may_write,
            lease=means.lease,
        )
        daemon = Daemon(
            CycleRunner(means, steady_seconds, time.time), senses, _initial_status(work)
        )
        means.on_heartbeat = daemon.record_heartbeat
        work.target.on_response(daemon.record_heartbeat)
        serving = serve(
            daemon,
            *work.invocation.listen,
            document=json.render_status,
            metrics=means.metrics,
            token_file=Path(work.invocation["token_file"]),
            hosts=work.invocation["allow_host"],
            insecure=work.invocation["insecure"],
        )
        url = opened.enter_context(serving)
        logger.info("status at %s", url)
        supervisor.notify(supervisor.READY)
        daemon.run(_wakes(means, daemon))
        supervisor.notify(supervisor.STOPPING)
    return ExitCode.OK


def _wakes(means: DaemonRun, daemon: Daemon) -> Iterator[bool]:
    for hint in watch(means.context.paths, means.stop.stop_requested):
        if means.stop.reload_requested.is_set():
            means.stop.reload_requested.clear()
            _reload(means, daemon)
        yield hint


def _reload(means: DaemonRun, daemon: Daemon) -> None:
    try:
        work = reload_run(means.context, max_updates=DAEMON_UPDATES)
    except UsageError as error:
        told = " ".join((str(error), *error.choices))
        logger.error("the configuration stays as it was: %s", told)  # noqa: TRY400
        return
    configure_logging(work.invocation)
    logger.info("the configuration was read again; policy %s", work.config.policy)
    means.context = work
    daemon.reconfigure(work.invocation["interval"], work.config.policy)


def _initial_status(work: RunContext) -> DaemonStatus:
    return DaemonStatus(
        target=work.target.id,
        owner=work.config.owner,
        policy=work.config.policy,
        started_at=time.time(),
        interval_seconds=work.invocation["interval"],
    )
