"""The run command: the daemon."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler import engine, limits
from reconciler.cli.command import Invocation, configure_logging
from reconciler.cli.recording import open_recorder
from reconciler.cli.run_context import (
    RunContext,
    hold_lock,
    make_elector,
    open_run,
    record_applied,
    reload_run,
    require_valid,
)
from reconciler.cli.signals import FINISHING_MESSAGE, StopRequest, stop_on_signals
from reconciler.core.errors import RepositoryError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, exit_code
from reconciler.core.resources import Desired, Key
from reconciler.core.state.daemon_status import DaemonStatus, LeaseStatus
from reconciler.daemon import systemd
from reconciler.daemon.cycle import CycleRunner, commit_facts
from reconciler.daemon.loop import CycleRequest, Daemon, LoopInputs
from reconciler.daemon.watch import ticks, watch
from reconciler.history.recorder import RecordedRun, Recorder
from reconciler.locks.lease import keep_renewed
from reconciler.manifest.loading import LoadResult
from reconciler.render import json_output, text
from reconciler.source.git_command import GitError
from reconciler.targets.cache import ReadCache
from reconciler.web.metrics import Metrics
from reconciler.web.status_server import serve
from reconciler.wiring.locks import steady_seconds
from reconciler.wiring.notify import Notifier, open_notifier
from reconciler.wiring.targets import DAEMON_UPDATES

logger = logging.getLogger("reconciler.run")


def run(invocation: Invocation) -> int:
    """Reconcile on every change and on an interval, until SIGTERM or SIGINT."""
    if "-" in invocation.paths:
        raise UsageError(
            "run cannot watch standard input: pass a file or a directory, or run apply -"
        )
    once, address = invocation["once"], invocation.listen
    with (
        stop_on_signals(daemon=not once, message=FINISHING_MESSAGE if once else "") as stop,
        open_run(
            invocation, max_updates=DAEMON_UPDATES, cache=(cache := _cache(invocation))
        ) as context,
    ):
        recorder = open_recorder(invocation, context.config.name, context.config.owner)
        daemon_run = DaemonRun(context, cache, stop, recorder)
        return _run_once(daemon_run) if once else _run_forever(daemon_run, address)


@dataclass
class DaemonRun:
    """Manifests, target, lock and cache of a daemon, for its cycles."""

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
    _report: Report | None = None
    _calls_before: Mapping[str, int] = field(default_factory=dict)
    _is_whole: bool = False
    _unfinished: dict[str, None] = field(default_factory=dict)
    _commit: dict[str, str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let the signal handler list the changes in progress."""
        self.stop.in_progress = lambda: tuple(self._unfinished)
        self.recorded = self.recorder.start(time.time())

    def read(self) -> LoadResult:
        """Load the manifests, with their diagnostics."""
        return self.context.read(self.on_heartbeat)

    def fingerprint(self) -> str:
        """Return the fingerprint of the source; this may fetch."""
        self.context.source.refresh(self.on_wait)
        return self.context.source.fingerprint()

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
        """Return the plan for ``desired``."""
        self.on_heartbeat()
        self._is_whole = incomplete_reason is None
        return self.context.propose(
            desired,
            incomplete_reason=incomplete_reason,
            settled=settled,
            allow_rewind=self.request.allow_rewind,
        )

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
        self.recorded.begins_to_write(tried)
        report = engine.apply(plan, self.context.target, options, waiting)
        if self._is_whole:
            record_applied(self.context.source, plan)
        outcomes = tuple(it for it in report.outcomes if it.change.key not in waiting)
        result = replace(report, plan=tried, outcomes=outcomes)
        self.recorded.ended(result, exit_code(result), self._calls())
        self._report = result
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

    def with_call_counts(self, status: DaemonStatus) -> DaemonStatus:
        """Count the cycle, and return ``status`` with the number of API calls and responses."""
        self.metrics.count_cycle(status)
        if status.exit_code is not None:
            self.recorded.failed(_problem(status), status.exit_code, self._calls())
        if self.may_write():
            self.notifier.tell(status, self._report, time.time())
        target, cycles = self.context.target, self.cache.cycles_per_full_recheck
        return replace(
            status,
            calls=dict(target.calls),
            responses=dict(target.responses),
            recheck_seconds=cycles * status.interval_seconds,
            description_seconds=self.cache.description_cycles * status.interval_seconds,
        )

    def _calls(self) -> dict[str, int]:
        """Return the number of API calls of this cycle, by operation."""
        return dict(Counter(self.context.target.calls) - Counter(self._calls_before))

    def on_wait(self) -> None:
        """Record a heartbeat while git runs, and end it if the daemon has to stop."""
        self.on_heartbeat()
        if self.stop.stop_requested.is_set():
            raise GitError("the daemon is stopping")

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
    """Return why a cycle could not use the target or the manifests, or None."""
    return status.error if status.source_valid else next(iter(status.diagnostics), status.error)


def _cache(invocation: Invocation) -> ReadCache:
    return ReadCache(_description_cycles(invocation))


def _description_cycles(invocation: Invocation) -> float:
    return float(max(1.0, limits.DESCRIPTION_SECONDS / invocation["interval"]))


def _run_once(run: DaemonRun) -> ExitCode:
    """Run one cycle and return its exit code."""
    _log_target(context := run.context)
    with hold_lock(context.invocation, context.target.id, context.config.owner) as run.may_write:
        try:
            loaded = context.read(run.on_wait)
        except RepositoryError:
            if run.stop.code:
                return run.stop.code
            raise
        desired = {
            resource.key: resource
            for resource in require_valid(loaded, color=context.invocation["color"])
        }
        runner = CycleRunner(run, steady_seconds, time.time)
        before = replace(_initial_status(context), revision=loaded.revision)
        status = runner.reconcile(before, desired, forced=True)
    keys = (resource_status.key for resource_status in status.resources)
    context.require_patterns_to_match(keys, desired.values(), status.unlisted)
    return run.stop.code or status.exit_code or ExitCode.OK


def _log_target(context: RunContext) -> None:
    target_line = text.target_line(context.target.id)
    logger.info("%s, owner %s, policy %s", target_line, context.config.owner, context.config.policy)


def _run_forever(run: DaemonRun, address: tuple[str, int]) -> ExitCode:
    context = run.context
    elector = make_elector(context.invocation, context.target.id, context.config.owner)
    with ExitStack() as opened:
        run.notifier = open_notifier(
            context.invocation.file.notify, context.config.name, run.metrics.count_notification
        )
        opened.callback(run.notifier.stop)
        if elector is not None:
            run.may_write = opened.enter_context(keep_renewed(elector))
            run.lease = elector.lease
        inputs = LoopInputs(
            fingerprint=run.fingerprint,
            begin=run.begin,
            look_now=run.look_now,
            monotonic=steady_seconds,
            now=time.time,
            jitter=random.random,
            on_heartbeat=lambda: systemd.notify(systemd.ALIVE),
            is_leader=run.may_write,
            lease=run.lease,
        )
        daemon = Daemon(
            CycleRunner(run, steady_seconds, time.time), inputs, _initial_status(context)
        )
        run.on_heartbeat = daemon.record_heartbeat
        context.target.on_response(daemon.record_heartbeat)
        secret_file = context.invocation["webhook_secret_file"]
        server = serve(
            daemon,
            *address,
            document=json_output.render_status,
            metrics=run.metrics,
            token_file=Path(context.invocation["token_file"]),
            webhook_secret_file=Path(secret_file) if secret_file else None,
            hosts=context.invocation["allow_host"],
            insecure=context.invocation["insecure"],
        )
        url = opened.enter_context(server)
        # Logged last, so that an invalid --listen is the only line.
        _log_target(context)
        logger.info("status at %s", url)
        systemd.notify(systemd.READY)
        daemon.run(_wakes(run, daemon))
        systemd.notify(systemd.STOPPING)
    logger.info("stopped by %s", run.stop.signal_name)
    return ExitCode.OK


def _wakes(run: DaemonRun, daemon: Daemon) -> Iterator[bool]:
    paths = run.context.source.watched_paths
    stop = run.stop.stop_requested
    wakes = watch(paths, stop) if paths else ticks(stop, daemon.wait_for_request)
    for files_changed in wakes:
        if run.stop.reload_requested.is_set():
            run.stop.reload_requested.clear()
            _reload(run, daemon)
        yield files_changed


def _reload(run: DaemonRun, daemon: Daemon) -> None:
    try:
        context = reload_run(run.context, max_updates=DAEMON_UPDATES)
    except UsageError as error:
        logger.error("the configuration was not reloaded: %s", error)  # noqa: TRY400
        return
    configure_logging(context.invocation)
    logger.info("the configuration was reloaded; policy %s", context.config.policy)
    run.context = context
    run.cache.description_cycles = _description_cycles(context.invocation)
    daemon.reconfigure(context.invocation["interval"], context.config.policy)


def _initial_status(context: RunContext) -> DaemonStatus:
    return DaemonStatus(
        target=context.target.id,
        owner=context.config.owner,
        policy=context.config.policy,
        started_at=time.time(),
        interval_seconds=context.invocation["interval"],
    )
