"""The run command: the daemon."""

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from reconciler.cli.command import Invocation
from reconciler.cli.daemon_loop import (
    initial_status,
    log_target,
    make_cache,
    open_loop,
    reload_loop,
)
from reconciler.cli.daemon_run import DaemonRun
from reconciler.cli.fleet import members_of
from reconciler.cli.fleet_daemon import run_fleet
from reconciler.cli.logs import RecentRecords, recent_records
from reconciler.cli.recording import open_recorder
from reconciler.cli.run_context import open_run, require_valid
from reconciler.cli.run_lock import hold_lock
from reconciler.cli.signals import FINISHING_MESSAGE, stop_on_signals
from reconciler.core.errors import RepositoryError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.daemon import systemd
from reconciler.daemon.cycle import CycleRunner
from reconciler.daemon.loop import Daemon
from reconciler.daemon.watch import ticks, watch
from reconciler.render import json_output
from reconciler.web.status_server import serve
from reconciler.wiring.daemon_page import daemon_documents
from reconciler.wiring.locks import steady_seconds
from reconciler.wiring.notify import open_notifier
from reconciler.wiring.targets import DAEMON_UPDATES

logger = logging.getLogger("reconciler.run")


def run(invocation: Invocation) -> int:
    """Reconcile on every change and on an interval, until SIGTERM or SIGINT."""
    if "-" in invocation.paths:
        raise UsageError(
            "run cannot watch standard input: pass a file or a directory, or run apply -"
        )
    if invocation.options.is_explicit("members"):
        raise UsageError("--members is for several targets: pass --all-targets or a glob")
    once, address = invocation["once"], invocation.listen
    with (
        stop_on_signals(daemon=not once, message=FINISHING_MESSAGE if once else "") as stop,
        open_run(
            invocation, max_updates=DAEMON_UPDATES, cache=(cache := make_cache(invocation))
        ) as context,
    ):
        recorder = open_recorder(invocation, context.config.name, context.config.owner)
        daemon_run = DaemonRun(context, cache, stop, recorder)
        return _run_once(daemon_run) if once else _run_forever(daemon_run, address)


def run_many(invocation: Invocation) -> int:
    """Reconcile many targets, each in a loop of its own, until SIGTERM or SIGINT."""
    if invocation["once"]:
        raise UsageError("--once is for one target: pass --target NAME, or use apply")
    return run_fleet(invocation, members_of(invocation))


def _run_once(run: DaemonRun) -> ExitCode:
    """Run one cycle and return its exit code."""
    context = run.context
    log_target(context)
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
        status = initial_status(context.invocation, context.config, context.target.id)
        before = replace(status, revision=loaded.revision)
        status = runner.reconcile(before, desired, forced=True)
        code = run.stop.code or status.exit_code or ExitCode.OK
        # Before the lock is released, which may fail.
        run.end(replace(status, exit_code=code))
    keys = (resource_status.key for resource_status in status.resources)
    context.require_patterns_to_match(keys, desired.values(), status.unlisted)
    return code


def _run_forever(run: DaemonRun, address: tuple[str, int]) -> ExitCode:
    """Run cycles until a signal stops the daemon."""
    context = run.context
    with ExitStack() as opened:
        run.notifier = open_notifier(
            context.invocation.file.notify, context.config.name, run.metrics.count_notification
        )
        opened.callback(run.notifier.stop)
        daemon = open_loop(run, opened, on_heartbeat=lambda: systemd.notify(systemd.ALIVE))
        records = opened.enter_context(recent_records())
        url = opened.enter_context(_serve_status(run, daemon, address, records))
        # Logged last, so that an invalid --listen is the only line.
        log_target(context)
        logger.info("status at %s", url)
        systemd.notify(systemd.READY)
        daemon.run(_wakes(run, daemon))
        systemd.notify(systemd.STOPPING)
    logger.info("stopped by %s", run.stop.signal_name)
    return ExitCode.OK


def _serve_status(
    run: DaemonRun, daemon: Daemon, address: tuple[str, int], records: RecentRecords
) -> AbstractContextManager[str]:
    """Return the server of the status; entering it yields its URL."""
    invocation = run.context.invocation
    secret_file = invocation["webhook_secret_file"]
    return serve(
        daemon,
        *address,
        document=json_output.render_status,
        documents=daemon_documents(
            run.recorder.files, records.documents, lambda: run.context.source.names
        ),
        metrics=run.metrics,
        token_file=Path(invocation["token_file"]),
        webhook_secret_file=Path(secret_file) if secret_file else None,
        hosts=invocation["allow_host"],
        insecure=invocation["insecure"],
    )


def _wakes(run: DaemonRun, daemon: Daemon) -> Iterator[bool]:
    paths = run.context.source.watched_paths
    stop = run.stop.stop_requested
    wakes = watch(paths, stop) if paths else ticks(stop, daemon.wait_for_request)
    for files_changed in wakes:
        if run.stop.take_reload():
            reload_loop(run, daemon)
        yield files_changed
