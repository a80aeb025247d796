"""The daemon of one target of many, which opens its target in its own thread."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from threading import Lock

from reconciler import limits
from reconciler.cli.command import Invocation
from reconciler.cli.daemon_loop import (
    initial_status,
    log_target,
    make_cache,
    open_loop,
    reload_loop,
)
from reconciler.cli.daemon_run import DaemonRun
from reconciler.cli.error_codes import code_of
from reconciler.cli.fleet_parts import FleetParts
from reconciler.cli.fleet_plan import place_of
from reconciler.cli.logs import RecentRecords, logging_target
from reconciler.cli.recording import open_recorder
from reconciler.cli.rollout_gate import RolloutGate
from reconciler.cli.run_context import read_run_settings
from reconciler.cli.signals import StopRequest
from reconciler.core.errors import LockHeldError, ReconcilerError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import TargetId
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.schedule import Schedule
from reconciler.daemon.loop import Cycle, CycleRequest, Daemon
from reconciler.daemon.watch import ticks
from reconciler.render import json_output
from reconciler.settings.target_config import SourceConfig, TargetConfig
from reconciler.web.application import Access
from reconciler.web.metrics import Metrics
from reconciler.web.status_app import StatusApp
from reconciler.wiring.daemon_page import daemon_documents
from reconciler.wiring.locks import steady_seconds
from reconciler.wiring.notify import open_notifier
from reconciler.wiring.targets import DAEMON_UPDATES

logger = logging.getLogger("reconciler.run")


class TargetDaemon:
    """The daemon of one target. Until the target is open, the status says why it is not.

    Other threads may use all methods except ``run``.

    Attributes:
        name: The name of the target.
    """

    def __init__(self, invocation: Invocation, stop: StopRequest, parts: FleetParts) -> None:
        """Read the settings; the target is not opened yet.

        Raises:
            UsageError: If a setting is invalid.
        """
        self._settings = read_run_settings(invocation, DAEMON_UPDATES)
        self._parts = parts
        config = self._settings.config
        self.name = config.name
        self.metrics = Metrics()
        self.notifier = open_notifier(
            invocation.file.notify, config.name, self.metrics.count_notification
        )
        self._stop = stop.branch(config.name)
        self._recorder = open_recorder(invocation, config.name, config.owner)
        target = TargetId(config.name, config.url or "", config.account, config.region or "")
        self._status = initial_status(invocation, config, target)
        self._heartbeat_at = steady_seconds()
        self._attempts = 0
        self._was_opened = False
        self._daemon: Daemon | None = None
        self._gate: RolloutGate | None = None
        self._request: CycleRequest | None = None
        self._requested = 0
        self._opening = Lock()
        self._sources: Sequence[str] = invocation.paths or (config.source.source or "",)

    @property
    def config(self) -> TargetConfig:
        """The settings of the target."""
        return self._settings.config

    @property
    def source(self) -> tuple[Sequence[str], SourceConfig]:
        """The paths of the manifests, and the settings of the source."""
        return self._sources, self.config.source

    @property
    def holds_lease(self) -> bool:
        """Whether this process holds the lease of the target."""
        daemon = self._daemon
        return daemon is not None and daemon.status().is_leader

    def application(self, access: Access, records: RecentRecords) -> StatusApp:
        """Return the application that shows this target."""
        return StatusApp(
            self,
            document=json_output.render_status,
            documents=daemon_documents(
                self._recorder.files,
                partial(records.documents, self.name),
                lambda: self._sources,
                target=self.name,
            ),
            metrics=self.metrics,
            access=access,
        )

    def status(self) -> DaemonStatus:
        """Return the current status without waiting for a cycle."""
        daemon, gate = self._daemon, self._gate
        if daemon is None or gate is None:
            return self._status if daemon is None else daemon.status()
        return replace(daemon.status(), waits_for=gate.waits_for())

    def heartbeat(self) -> float:
        """Return the seconds since the last heartbeat."""
        daemon = self._daemon
        return steady_seconds() - self._heartbeat_at if daemon is None else daemon.heartbeat()

    def look_now(self) -> None:
        """Let the loop look for new manifests, and run a cycle only if there are some."""
        daemon = self._daemon
        # A target that is not open yet reads its manifests when it is.
        if daemon is not None:
            daemon.look_now()

    def request_cycle(self, *, releases_pin: bool = False, allow_rewind: bool = False) -> int:
        """Request a cycle that starts after this call, and return its number.

        Raises:
            LockHeldError: Another member of the fleet reconciles the target.
        """
        with self._opening:
            if self._status.held_by is not None:
                raise LockHeldError(
                    f"{self._status.held_by} reconciles {self.name}: pass the --url of that daemon"
                )
            if self._daemon is not None:
                return self._daemon.request_cycle(
                    releases_pin=releases_pin, allow_rewind=allow_rewind
                )
            request = CycleRequest(releases_pin, allow_rewind)
            self._request = (self._request or CycleRequest()) | request
            self._requested += 1
            # The next attempt to open the target decides.
            self._status = replace(self._status, exit_code=None)
            return 1

    def wait_for(self, cycle: int, timeout_seconds: float) -> ExitCode | None:
        """Return the exit code of that cycle, or None if it has not ended before the timeout."""
        daemon = self._daemon
        if daemon is None:
            return self._status.exit_code
        return daemon.wait_for(cycle, timeout_seconds)

    def run(self) -> None:
        """Run cycles until a signal stops the daemon; open the target again if that fails."""
        with logging_target(self.name):
            while self._wait_until_ours():
                requested = self._requested
                try:
                    self._run_cycles()
                except ReconcilerError as error:
                    self._fail(error, requested)
                    self._pause(Schedule(self._status.interval_seconds).retry_delay(self._attempts))

    def _run_cycles(self) -> None:
        with ExitStack() as opened:
            cache = make_cache(self._settings.invocation)
            with self._parts.turns.take(place_of(self.config), self._goes_on) as is_taken:
                if not is_taken or not self._parts.has(self.name):
                    return
                context = opened.enter_context(self._settings.open(cache, self._parts.shared))
            run = DaemonRun(
                context,
                cache,
                self._stop,
                self._recorder,
                metrics=self.metrics,
                notifier=self.notifier,
                deletes=self._parts.deletes,
                gate=self._open_gate(),
            )
            self._sources, sessions = context.source.names, self._parts.shared.sessions
            daemon = open_loop(
                run, opened, bound=self._bound, sessions=sessions, holder=self._parts.holder
            )
            log_target(context)
            opened.callback(self._close)
            self._show(daemon)
            daemon.run(self._wakes(run, daemon))

    def _open_gate(self) -> RolloutGate | None:
        rollout = self._parts.rollout
        self._gate = RolloutGate(rollout, self.name) if rollout else None
        return self._gate

    def _wait_until_ours(self) -> bool:
        """Wait while another member has this target; return False at the end of the process."""
        member = self._parts.member
        if member is None or member.is_ours(self.name):
            return self._goes_on()
        if self._was_opened:
            logger.info("another daemon has taken this target: %s", member.holder_of(self.name))
        with self._opening:
            self._was_opened, self._attempts, self._request = False, 0, None
        elsewhere = replace(self._status, error=None, exit_code=ExitCode.LOCKED, is_leader=False)
        while self._goes_on() and not member.is_ours(self.name):
            self._status = replace(elsewhere, held_by=member.holder_of(self.name))
            if self._stop.take_reload():
                self._reload()
            self._stop.stop_requested.wait(limits.TICK_SECONDS)
        self._status = replace(elsewhere, exit_code=None)
        return not self._stop.stop_requested.is_set()

    def _show(self, daemon: Daemon) -> None:
        """Let ``daemon`` take the requests from now on, and those that wait for it."""
        self._attempts = 0
        self._was_opened = True
        self._status = replace(self._status, error=None, exit_code=None)
        with self._opening:
            self._daemon = daemon
            request, self._request = self._request, None
        if request is not None:
            daemon.request_cycle(
                releases_pin=request.releases_pin, allow_rewind=request.allow_rewind
            )

    def _close(self) -> None:
        with self._opening:
            self._daemon = None

    def _bound(self, cycle: Cycle) -> Cycle:
        """Return a cycle that waits for its turn; at the end of the process it does nothing."""

        def run(status: DaemonStatus, *, fresh: bool, forced: bool) -> DaemonStatus:
            with self._parts.turns.take(place_of(self.config), self._goes_on) as is_taken:
                if not is_taken:
                    return replace(status, exit_code=None)
                return cycle(status, fresh=fresh, forced=forced)

        return run

    def _goes_on(self) -> bool:
        """Record a heartbeat, and return whether the process goes on."""
        self._heartbeat_at = steady_seconds()
        if self._daemon is not None:
            self._daemon.record_heartbeat()
        return not self._stop.stop_requested.is_set()

    def _wakes(self, run: DaemonRun, daemon: Daemon) -> Iterator[bool]:
        paths, stop = run.context.source.watched_paths, self._stop
        wakes = (
            self._parts.files.wakes(paths)
            if paths
            else ticks(stop.stop_requested, daemon.wait_for_request)
        )
        for files_changed in wakes:
            if not self._parts.has(self.name):
                # Between two cycles, so that no call is cut off.
                return
            if stop.take_reload():
                before = run.context
                reload_loop(run, daemon)
                if run.context is not before:
                    self._parts.reloads.check(run.context.invocation.file.rollout)
                    # If the target has to be opened again, with these settings.
                    self._settings = read_run_settings(run.context.invocation, DAEMON_UPDATES)
            # Requested at each wake-up, also if files have changed.
            has_taken = run.gate is not None and run.gate.request_newest()
            yield files_changed or has_taken

    def _fail(self, error: ReconcilerError, requested: int) -> None:
        """Log, record and show why the target cannot be opened.

        Args:
            error: The reason.
            requested: Number of requests at the start of the attempt; later ones wait for the next.
        """
        self._attempts += 1
        if self._status.error != str(error):
            logger.error("the target cannot be opened, nothing was changed: %s", error)
        self._recorder.start(time.time()).record_failure(str(error), code_of(error))
        with self._opening:
            is_answered = requested == self._requested
            if is_answered:
                self._request = None
            code = ExitCode.ERROR if is_answered else None
            self._status = replace(self._status, error=str(error), exit_code=code)
        self.notifier.notify(self._status, None, time.time())

    def _pause(self, seconds: float) -> None:
        """Wait for the next attempt; a request or a reload ends the wait."""
        until = steady_seconds() + seconds
        while (
            self._goes_on()
            and self._parts.has(self.name)
            and self._request is None
            and steady_seconds() < until
        ):
            if self._stop.take_reload():
                self._reload()
                return
            self._stop.stop_requested.wait(limits.TICK_SECONDS)

    def _reload(self) -> None:
        try:
            invocation = self._settings.invocation.reparse()
            self._settings = read_run_settings(invocation, DAEMON_UPDATES)
        except UsageError as error:
            logger.error("the configuration was not reloaded: %s", error)  # noqa: TRY400
        else:
            logger.info("the configuration was reloaded; policy %s", self._settings.config.policy)
            self._parts.reloads.check(invocation.file.rollout)
