"""The loop of a daemon on one target, with its lock, its receivers and its reload."""

import logging
import random
import time
from collections.abc import Callable
from contextlib import ExitStack

from reconciler import limits
from reconciler.cli.command import Invocation, configure_logging
from reconciler.cli.daemon_run import DaemonRun
from reconciler.cli.rollout_gate import RolloutGate
from reconciler.cli.run_context import RunContext, reload_run
from reconciler.cli.run_lock import make_elector
from reconciler.core.errors import UsageError
from reconciler.core.resources import TargetId
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.daemon.cycle import CycleRunner
from reconciler.daemon.loop import Cycle, Daemon, LoopInputs
from reconciler.locks.lease import Elector, keep_renewed
from reconciler.render import text
from reconciler.settings.target_config import TargetConfig
from reconciler.targets.cache import ReadCache
from reconciler.targets.session import Sessions
from reconciler.wiring.locks import steady_seconds
from reconciler.wiring.targets import DAEMON_UPDATES

logger = logging.getLogger("reconciler.run")


def open_loop(
    run: DaemonRun,
    opened: ExitStack,
    *,
    on_heartbeat: Callable[[], None] = lambda: None,
    bound: Callable[[Cycle], Cycle] = lambda cycle: cycle,
    sessions: Sessions | None = None,
    holder: str | None = None,
) -> Daemon:
    """Return the loop of ``run``, which competes for the lock until ``opened`` is closed.

    Args:
        run: The target, its manifests and its reports.
        opened: Releases the lock.
        on_heartbeat: Called at each heartbeat.
        bound: Returns a cycle that waits for its turn.
        sessions: Sessions of the SDK that are shared with other targets.
        holder: The name of this process, if it has several targets.
    """
    context = run.context
    target, owner = context.target.id, context.config.owner
    elector = make_elector(context.invocation, target, owner, sessions, holder)
    if elector is not None:
        is_leader = opened.enter_context(keep_renewed(elector))
        run.may_write = _with_record(run.gate, elector, is_leader) if run.gate else is_leader
        run.lease = elector.lease
    inputs = LoopInputs(
        fingerprint=run.fingerprint,
        begin=run.begin,
        look_now=run.look_now,
        monotonic=steady_seconds,
        now=time.time,
        jitter=random.random,
        on_heartbeat=on_heartbeat,
        is_leader=run.may_write,
        lease=run.lease,
    )
    runner = CycleRunner(run, steady_seconds, time.time)
    status = initial_status(context.invocation, context.config, context.target.id)
    daemon = Daemon(bound(runner), inputs, status)
    run.on_heartbeat = daemon.record_heartbeat
    context.target.on_response(daemon.record_heartbeat)
    return daemon


def _with_record(
    gate: RolloutGate, elector: Elector, is_leader: Callable[[], bool]
) -> Callable[[], bool]:
    """Return a function that returns whether this process leads and knows the revision.

    Another process may have given the target a later one while it had the lease.
    """
    return lambda: is_leader() and gate.is_known_since(elector.acquired_at)


def make_cache(invocation: Invocation) -> ReadCache:
    """Return an empty cache, from which each resource is described at times."""
    return ReadCache(_description_cycles(invocation))


def reload_loop(run: DaemonRun, daemon: Daemon) -> None:
    """Read the configuration again, and keep the one before if that is not possible."""
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


def initial_status(invocation: Invocation, config: TargetConfig, target: TargetId) -> DaemonStatus:
    """Return the status before the first cycle."""
    return DaemonStatus(
        target=target,
        owner=config.owner,
        policy=config.policy,
        started_at=time.time(),
        interval_seconds=invocation["interval"],
    )


def log_target(context: RunContext) -> None:
    """Log the target and the settings of its runs."""
    target_line = text.target_line(context.target.id)
    logger.info("%s, owner %s, policy %s", target_line, context.config.owner, context.config.policy)


def _description_cycles(invocation: Invocation) -> float:
    return float(max(1.0, limits.DESCRIPTION_SECONDS / invocation["interval"]))
