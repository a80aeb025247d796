"""Chooses the revision of the manifests for one target: a new one when its wave has begun."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.cli.run_context import RunContext
from reconciler.core.errors import RepositoryError, RolloutWaitError, UsageError
from reconciler.core.fleet.rollout import Progress, TargetReport
from reconciler.core.report import Report
from reconciler.core.source_revision import SHORT_COMMIT_CHARACTERS
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.daemon.fleet_rollout import FleetRollout, progress_of
from reconciler.manifest.loading import LoadResult
from reconciler.source.source import Source

logger = logging.getLogger("reconciler.run")

_WAITS = "nothing is written until the wave of the target begins"


@dataclass(frozen=True, slots=True)
class _Revision:
    """A revision that this process has read.

    Attributes:
        id: The commit, or the fingerprint of the files.
        source: The source at this revision, to plan with it.
        loaded: Its manifests.
        is_held: Whether a person holds the target at it.
    """

    id: str
    source: Source
    loaded: LoadResult
    is_held: bool = False


class RolloutGate:
    """Chooses the revision that one target has: the one that the record of the rollout names.

    The record names a new one before any of its changes are written. So after a crash, no daemon
    writes the one before it back.
    """

    def __init__(self, rollout: FleetRollout, target: str) -> None:
        """Create the gate of ``target``; no revision is chosen yet."""
        self._rollout = rollout
        self._target = target
        self._newest: _Revision | None = None
        self._current: _Revision | None = None
        self._taken_at_read: str | None = None
        self._is_waiting = False
        self._logged = ""

    @property
    def taken(self) -> str | None:
        """The revision that the target has, as of the last heartbeat; None if it is not known."""
        return self._rollout.taken_by(self._target)

    def is_known_since(self, time: float) -> bool:
        """Return whether a heartbeat after ``time`` has read which revision the target has."""
        return self._rollout.is_read_since(time)

    def request_newest(self) -> bool:
        """Request the newest revision; return whether the record names another one than was read.

        Request it at each wake-up: a request lasts for one heartbeat.
        """
        taken, newest = self.taken, self._newest
        if newest is not None and newest.id != taken and not newest.is_held:
            self._rollout.take(self._target, newest.id)
        return taken != self._taken_at_read

    def waits_for(self) -> str | None:
        """Return why the target does not have the newest revision; None if it has."""
        newest, current = self._newest, self._current
        if newest is None or (current is not None and newest.id == current.id):
            return None
        return self._rollout.waits_for(self._target)

    def read(
        self, context: RunContext, on_heartbeat: Callable[[], None]
    ) -> tuple[RunContext, LoadResult]:
        """Return the manifests that the target may have, and the context to plan them in.

        Raises:
            RolloutWaitError: Its wave has not begun, and the revision before cannot be read.
            UsageError: The manifests cannot be found.
            RepositoryError: It is not known which commit to use.
        """
        taken = self._taken_at_read = self.taken
        self._is_waiting = False
        loaded = context.read(on_heartbeat)
        if not loaded.valid:
            return context, loaded
        source = context.source
        newest = _Revision(loaded.content_id, source, loaded, source.is_held)
        before, self._newest = self._newest, newest
        if not newest.is_held:
            self._rollout.record_newest(self._target, newest.id, source.age_seconds)
            if newest.id != taken:
                return self._keep(context, newest, before, on_heartbeat)
            if self._logged:
                self._log(f"the target takes {_short(newest)}")
        self._current = newest
        return context, loaded

    def report(self, status: DaemonStatus, report: Report | None) -> None:
        """Report how a cycle with the revision that the target has ended."""
        if self._is_waiting:
            if self._taken_at_read is not None:
                waiting = TargetReport(self._taken_at_read, Progress.WAITING)
                self._rollout.report(self._target, waiting)
        elif (current := self._current) is not None:
            ended = TargetReport(current.id, progress_of(status, report))
            self._rollout.report(self._target, ended, is_held=current.is_held)

    def _keep(
        self,
        context: RunContext,
        newest: _Revision,
        before: _Revision | None,
        on_heartbeat: Callable[[], None],
    ) -> tuple[RunContext, LoadResult]:
        """Return the manifests of the revision that the target has, which is not ``newest``.

        ``before`` is the newest one that was read earlier.
        """
        try:
            kept = self._find_kept(context, before, on_heartbeat)
        except RolloutWaitError as error:
            self._is_waiting = True
            self._log(str(error))
            raise
        self._current = kept
        self._log(f"the target keeps {_short(kept)} until the rollout gives it {_short(newest)}")
        return replace(context, source=kept.source), kept.loaded

    def _find_kept(
        self, context: RunContext, before: _Revision | None, on_heartbeat: Callable[[], None]
    ) -> _Revision:
        """Return the revision that the target has.

        Raises:
            RolloutWaitError: It has none, or it cannot be read.
        """
        current = self._current
        # Another process may have had the target, and given it a later revision, in between.
        taken = self._taken_at_read or (current.id if current is not None else None)
        if taken is None:
            raise RolloutWaitError(f"{_WAITS}, because it has no earlier revision")
        read = filter(None, (current, before))
        known = next((revision for revision in read if revision.id == taken), None)
        # A source that follows its branch has a later commit than the one that it read then.
        if known is not None and known.source is not context.source:
            return known
        source = context.source.at(taken)
        if source is not None:
            loaded = _read_earlier(replace(context, source=source), taken, on_heartbeat)
            return _Revision(taken, source, loaded)
        if known is None:
            raise RolloutWaitError(f"{_WAITS}, because its earlier files are not available")
        return known

    def _log(self, message: str) -> None:
        """Log each message once, until another one comes."""
        if message != self._logged:
            logger.info("%s", message)
        self._logged = message


def _read_earlier(
    context: RunContext, revision: str, on_heartbeat: Callable[[], None]
) -> LoadResult:
    """Return the manifests of an earlier commit.

    Raises:
        RolloutWaitError: It cannot be read.
    """
    try:
        loaded = context.read(on_heartbeat)
    except (RepositoryError, UsageError) as error:
        raise RolloutWaitError(f"{_WAITS}, because {revision} cannot be read: {error}") from error
    if not loaded.valid:
        raise RolloutWaitError(f"{_WAITS}, because {revision} is not valid any more")
    return loaded


def _short(revision: _Revision) -> str:
    return revision.id[:SHORT_COMMIT_CHARACTERS]
