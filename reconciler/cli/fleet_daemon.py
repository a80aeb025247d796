"""Runs the daemons of many targets in one process, with one server."""

import logging
import resource
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

from reconciler import limits
from reconciler.cli.command import Invocation
from reconciler.cli.daemon_rollout import require_one_source
from reconciler.cli.error_codes import describe_error
from reconciler.cli.fleet_parts import FleetParts, open_parts
from reconciler.cli.logs import recent_records
from reconciler.cli.signals import StopRequest, stop_on_signals
from reconciler.cli.target_daemon import TargetDaemon
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.daemon import systemd
from reconciler.daemon.fleet_member import FleetMember
from reconciler.daemon.shared_watch import SharedWatch
from reconciler.notify.notifier import stop_all
from reconciler.render import fleet_status
from reconciler.render.rollout import as_json as render_rollout
from reconciler.render.terminal import plural
from reconciler.settings.target_config import TargetConfig
from reconciler.web.fleet_app import FleetApp
from reconciler.web.rollout_routes import RolloutRoutes
from reconciler.web.status_server import read_access, serve_application

# Files of a target besides the connections of its calls: its lock, its records, its repository.
_FILES_PER_TARGET = 8
_FILES = 256

logger = logging.getLogger("reconciler.run")


class Threads:
    """The threads of the daemons. If one ends by a bug, all end."""

    def __init__(self, stop: StopRequest) -> None:
        self.failure: Exception | None = None
        self._stop = stop
        self._threads: list[Thread] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start a thread that does ``work``."""

        def run() -> None:
            try:
                work()
            except Exception as error:  # the main thread ends the process with it
                logger.error("%s: %s", name, describe_error(error))  # noqa: TRY400
                logger.debug("%s has failed", name, exc_info=error)
                self.failure = self.failure or error
                self._stop.stop_requested.set()

        # A call may hang: the interpreter does not wait for it.
        thread = Thread(target=run, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        """Wait until all threads have ended, or for the time that a stop may take."""
        until = time.monotonic() + limits.ABANDON_TIMEOUT_SECONDS
        for thread in tuple(self._threads):
            thread.join(max(0.0, until - time.monotonic()))


def run_fleet(invocation: Invocation, members: Sequence[Invocation]) -> ExitCode:
    """Run the daemons of all members until a signal stops them.

    Raises:
        UsageError: If a setting is invalid; then nothing runs.
        Exception: A bug has ended a thread, and so all of them.
    """
    address = invocation.listen
    with stop_on_signals(daemon=True) as stop:
        threads = Threads(stop)
        parts = open_parts(
            invocation,
            [member["target"] for member in members],
            SharedWatch(stop.stop_requested, threads.start),
        )
        daemons = [TargetDaemon(member, stop, parts) for member in members]
        _require_different_owners(daemons)
        if parts.rollout is not None:
            require_one_source({daemon.name: daemon.source for daemon in daemons})
        _raise_file_limit(len(members), invocation["parallelism"])
        with ExitStack() as opened:
            opened.callback(stop_all, [daemon.notifier for daemon in daemons])
            url = opened.enter_context(_serve(invocation, daemons, address, parts))
            count, at_once = plural(len(daemons), "target"), invocation["targets_at_once"]
            logger.info("%s, at most %d cycles at a time", count, at_once)
            logger.info("status at %s", url)
            try:
                if (member := parts.member) is not None:
                    # Before a target is opened that another member has.
                    member.beat()
                    threads.start("members", partial(_keep_member, member, stop, daemons))
                for daemon in daemons:
                    threads.start(f"target {daemon.name}", daemon.run)
                systemd.notify(systemd.READY)
                _wait(stop, daemons)
            finally:
                stop.stop_requested.set()
                threads.join()
            systemd.notify(systemd.STOPPING)
        if threads.failure is not None:
            raise threads.failure
    logger.info("stopped by %s", stop.signal_name)
    return ExitCode.OK


def _keep_member(member: FleetMember, stop: StopRequest, daemons: Sequence[TargetDaemon]) -> None:
    member.run(
        stop.stop_requested, lambda: [daemon.name for daemon in daemons if daemon.holds_lease]
    )


def _require_different_owners(daemons: Sequence[TargetDaemon]) -> None:
    """Reject two targets that own the same resources: each would undo the writes of the other."""
    first_by_ownership: dict[Hashable, TargetDaemon] = {}
    for daemon in daemons:
        first = first_by_ownership.setdefault(_ownership(daemon.config), daemon)
        if first is not daemon:
            raise UsageError(
                f"{first.name} and {daemon.name} have the same account, region and owner, so each"
                " would delete the resources of the other: give each of them its own owner"
            )


def _ownership(config: TargetConfig) -> Hashable:
    """Return the account, region and owner, as far as settings tell them."""
    # Without an account in the settings, the credentials decide.
    credentials = (config.profile, config.role_arn) if config.account is None else ()
    return config.url, config.account, config.region, config.owner, *credentials


@contextmanager
def _serve(
    invocation: Invocation,
    daemons: Sequence[TargetDaemon],
    address: tuple[str, int],
    parts: FleetParts,
) -> Iterator[str]:
    """Serve the status of all daemons, and yield the URL."""
    secret_file = invocation["webhook_secret_file"]
    with recent_records() as records:

        def make() -> FleetApp:
            access = read_access(
                Path(invocation["token_file"]),
                Path(secret_file) if secret_file else None,
                invocation["allow_host"],
            )
            return FleetApp(
                {daemon.name: daemon.application(access, records) for daemon in daemons},
                document=fleet_status.as_json,
                access=access,
                members=parts.member.summaries if parts.member else tuple,
                rollout=RolloutRoutes(parts.rollout, render_rollout) if parts.rollout else None,
            )

        with serve_application(make, *address, insecure=invocation["insecure"]) as url:
            yield url


def _wait(stop: StopRequest, daemons: Sequence[TargetDaemon]) -> None:
    """Wait for the end, and tell systemd that the loops of all targets respond while they do."""
    while not stop.stop_requested.wait(limits.TICK_SECONDS):
        if all(daemon.heartbeat() < limits.HEARTBEAT_TIMEOUT_SECONDS for daemon in daemons):
            systemd.notify(systemd.ALIVE)


def _raise_file_limit(targets: int, parallelism: int) -> None:
    """Allow this process the files of all targets, as far as the hard limit does."""
    needed = _FILES + targets * (parallelism + _FILES_PER_TARGET)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        logger.warning(
            "%d targets may open %d files, and the limit is %d: raise it (ulimit -n)",
            targets,
            needed,
            allowed,
        )
