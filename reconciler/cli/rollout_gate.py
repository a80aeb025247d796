"""Chooses the revision of the manifests for one target: a new one when its wave has begun."""

import logging
from collections.abc import Callable
from dataclasses import replace

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


class RolloutGate:
    """Chooses the revision that one target has: the newest one, or the one before it.

    Attributes:
        openings: Number of times that `has_opened` was True.
    """

    def __init__(self, rollout: FleetRollout, target: str) -> None:
        """Create the gate of ``target``; no revision is chosen yet."""
        self.openings = 0
        self._rollout = rollout
        self._target = target
        self._newest: str | None = None
        self._taken: str | None = None
        self._opened_for: str | None = None
        self._logged = ""
        # The source and the manifests of the revision that is kept, to plan with them.
        self._kept: tuple[Source, LoadResult] | None = None

    def has_opened(self) -> bool:
        """Return True once when the target may take the newest revision, and has not."""
        newest = self._newest
        if newest is None or newest in (self._taken, self._opened_for):
            return False
        if not self._rollout.may_take(self._target, newest):
            return False
        self._opened_for = newest
        self.openings += 1
        return True

    def waits_for(self) -> str | None:
        """Return why the target does not have the newest revision; None if it has."""
        if self._newest is None or self._newest == self._taken:
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
        loaded = context.read(on_heartbeat)
        if not loaded.valid:
            return context, loaded
        if context.source.is_held:
            self._newest = self._taken = loaded.content_id
            return context, loaded
        self._newest = newest = loaded.content_id
        self._rollout.record_newest(self._target, newest, context.source.age_seconds)
        if self._rollout.may_take(self._target, newest):
            self._take(newest, context.source, loaded)
            return context, loaded
        try:
            return self._keep(context, on_heartbeat)
        except RolloutWaitError as error:
            self._log(str(error))
            raise

    def report(self, status: DaemonStatus, report: Report | None) -> None:
        """Report how a cycle with the revision that the target has ended."""
        if self._taken is not None:
            progress = progress_of(status, report)
            self._rollout.report(self._target, TargetReport(self._taken, progress))

    def _take(self, revision: str, source: Source, loaded: LoadResult) -> None:
        if self._taken != revision and self._rollout.taken_by(self._target) != revision:
            # Before the first write: after a crash, the target goes on with this revision.
            self._rollout.report(self._target, TargetReport(revision, Progress.CHANGING))
            self._log(f"the target takes {revision[:SHORT_COMMIT_CHARACTERS]}")
        self._taken, self._kept = revision, (source, loaded)

    def _keep(
        self, context: RunContext, on_heartbeat: Callable[[], None]
    ) -> tuple[RunContext, LoadResult]:
        """Return the manifests of the revision that the target has."""
        self._opened_for = None
        # Another process may have had the target, and given it a later revision, in between.
        revision = self._rollout.taken_by(self._target) or self._taken
        reason = "the wave of the target has not begun, and nothing is written until then"
        if revision is None:
            raise RolloutWaitError(f"{reason}, because it has no earlier revision")
        source, loaded = self._earlier(context, revision, on_heartbeat, reason)
        self._taken, self._kept = revision, (source, loaded)
        self._log(
            f"the target keeps {revision[:SHORT_COMMIT_CHARACTERS]}: its wave of the"
            " rollout has not begun"
        )
        return replace(context, source=source), loaded

    def _log(self, message: str) -> None:
        """Log each message once, until another one comes."""
        if message != self._logged:
            logger.info("%s", message)
        self._logged = message

    def _earlier(
        self,
        context: RunContext,
        revision: str,
        on_heartbeat: Callable[[], None],
        reason: str,
    ) -> tuple[Source, LoadResult]:
        """Return the source and the manifests of a revision that the target had before.

        Raises:
            RolloutWaitError: It cannot be read.
        """
        kept = self._kept if self._taken == revision else None
        # The source that follows its branch has read a later commit since.
        if kept is not None and kept[0] is not context.source:
            return kept
        source = context.source.at(revision)
        if source is None:
            if kept is None:
                raise RolloutWaitError(f"{reason}, because its earlier files are not available")
            return kept
        try:
            loaded = replace(context, source=source).read(on_heartbeat)
        except (RepositoryError, UsageError) as error:
            raise RolloutWaitError(
                f"{reason}, because {revision} cannot be read: {error}"
            ) from error
        if not loaded.valid:
            raise RolloutWaitError(f"{reason}, because {revision} is not valid any more")
        return source, loaded
