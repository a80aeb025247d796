"""The rollout that this daemon shares with others: which target may take which revision."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from threading import Condition

from reconciler.core.changes import DRIFT
from reconciler.core.exit_codes import ExitCode
from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.member_rules import rules_difference
from reconciler.core.fleet.rollout import Progress, Rollout, RolloutRules, TargetReport
from reconciler.core.fleet.rollout_news import (
    RolloutCommand,
    RolloutNews,
    apply_news,
    restore,
)
from reconciler.core.fleet.rollout_status import RolloutStatus, rollout_status
from reconciler.core.report import Report
from reconciler.core.source_revision import SHORT_COMMIT_CHARACTERS
from reconciler.core.state.daemon_status import DaemonStatus, State
from reconciler.daemon.newest_revision import NewestRevision
from reconciler.daemon.removed_targets import RemovedTargets
from reconciler.locks.lease import NEVER

logger = logging.getLogger("reconciler.run")

_SETTLED = frozenset({State.IN_SYNC, State.SUSPENDED})


class FleetRollout:
    """The rollout as of the last heartbeat, and the news for the next one.

    One thread sends heartbeats: `change` and then `observe`. All threads may call all methods.
    """

    def __init__(
        self,
        rules: RolloutRules,
        name: str,
        monotonic: Callable[[], float],
        term_seconds: float = math.inf,
    ) -> None:
        """Start without a known rollout, so that no target may take anything.

        Args:
            rules: The table ``[rollout]``.
            name: The name of this process in the record.
            monotonic: Returns seconds of a clock that is never set.
            term_seconds: Time after a heartbeat in which a target may take a new revision.
        """
        self.rules = rules
        self._name = name
        self._monotonic = monotonic
        self._term_seconds = term_seconds
        self._changed = Condition()
        self._record = FleetRecord()
        self._observed_at = NEVER
        self._sent_at = self._read_at = NEVER
        self._newest = NewestRevision(name, monotonic)
        self._sent_newest: str | None = None
        self._removed = RemovedTargets(rules, monotonic)
        self._reports: list[tuple[str, TargetReport]] = []
        self._held: frozenset[str] = frozenset()
        self._takes: dict[str, str] = {}
        self._commands: list[RolloutCommand] = []
        self._requested = 0
        self._sent = RolloutNews()
        self._has_restored = False

    def change(self, record: FleetRecord, elapsed_seconds: float) -> FleetRecord:
        """Return ``record`` with the news of this daemon."""
        self._sent_at = self._monotonic()
        with self._changed:
            stored, record = record, restore(record, self._record)
            self._has_restored = record is not stored
            record = self._removed.prune(record)
            self._newest.observe(record.rollout)
            newest, before = self._newest.with_predecessor(record, self._sent_newest)
            is_known = newest is not None or record.rollout is not None
            # Without a rollout there is nothing to hold yet.
            commands = tuple(self._commands) if is_known else ()
            self._sent = news = RolloutNews(
                newest=newest,
                before=before,
                reports=tuple(self._reports),
                held=self._held,
                takes=tuple(self._takes.items()),
                commands=commands,
            )
            restores = self._has_restored
        return apply_news(record, self.rules, news, 0.0 if restores else elapsed_seconds)

    def observe(self, record: FleetRecord) -> None:
        """Use ``record``, which was stored with the result of the last `change`."""
        self._log_step(record.rollout)
        with self._changed:
            self._record, self._sent_newest = record, self._sent.newest or self._sent_newest
            self._observed_at, self._read_at = self._monotonic(), self._sent_at
            del self._reports[: len(self._sent.reports)]
            # A target that was not allowed to take its revision requests it again.
            self._takes = dict(self._takes.items() - self._sent.takes)
            del self._commands[: len(self._sent.commands)]
            self._sent = RolloutNews()
            self._changed.notify_all()
        if self._has_restored:
            logger.warning(
                "the store had lost the state of the rollout; this daemon has written back the one"
                " that it knew, and the soak begins again"
            )

    def _log_step(self, rollout: Rollout | None) -> None:
        """Log that the rollout began, went on to a wave, was held, stopped or resumed."""
        before = self._record.rollout
        if rollout is None or (before is not None and _step(before) == _step(rollout)):
            return
        revision = rollout.revision[:SHORT_COMMIT_CHARACTERS]
        if rollout.is_held:
            logger.info("the rollout of %s is held", revision)
        elif rollout.stopped_by:
            logger.warning("the rollout of %s is stopped by %s", revision, rollout.stopped_by)
        elif rollout.wave < len(self.rules.waves):
            wave, waves = rollout.wave + 1, len(self.rules.waves)
            logger.info("wave %d of %d takes revision %s", wave, waves, revision)
        else:
            logger.info("all waves have revision %s", revision)

    def record_newest(self, target: str, revision: str, age_seconds: float = 0.0) -> None:
        """Record that ``revision`` is the newest one of the source, as the target sees it.

        ``age_seconds`` is the time since the last fetch that succeeded.
        """
        with self._changed:
            self._newest.record(target, revision, age_seconds)

    def is_read_since(self, time: float) -> bool:
        """Return whether the record is as of a heartbeat that began after ``time``."""
        return self._read_at > time

    def may_take(self, target: str, revision: str) -> bool:
        """Return whether the target may take ``revision``, or keep it if it has it."""
        record = self._record
        rollout = record.rollout
        if rollout is None or rollout.revision != revision:
            return False
        if self._is_late or self._rules_difference:
            # Since then, the rollout may have been stopped.
            return self.taken_by(target) == revision
        return rollout.may_take(self.rules, record.reports, target)

    def take(self, target: str, revision: str) -> None:
        """Request ``revision`` with the next heartbeat, if the target may take it.

        The target has it when the heartbeat is stored, before any of its changes are written: after
        a crash, each daemon knows that the target may have a part of them.
        """
        if self.may_take(target, revision):
            with self._changed:
                self._takes[target] = revision

    def taken_by(self, target: str) -> str | None:
        """Return the revision that the target has, or None if it is not known."""
        report = self._record.reports.get(target)
        return None if report is None else report.revision

    def report(self, target: str, report: TargetReport, *, is_held: bool = False) -> None:
        """Send the end of a cycle with the next heartbeat, if it differs from the last one.

        It counts if the target still has this revision then, or a person holds it there.
        """
        with self._changed:
            self._held = self._held | {target} if is_held else self._held - {target}
            if report != {**self._record.reports, **dict(self._reports)}.get(target):
                self._reports.append((target, report))

    def request(self, command: RolloutCommand, timeout_seconds: float) -> bool:
        """Hold or resume the rollout, and return whether it was stored before the timeout."""
        with self._changed:
            self._commands.append(command)
            self._requested += 1
            number = self._requested
            return self._changed.wait_for(
                lambda: self._requested - len(self._commands) >= number, timeout_seconds
            )

    def waits_for(self, target: str) -> str:
        """Return why the wave of the target waits."""
        record = self._record
        if record.rollout is None:
            return "the state of the rollout is not known yet"
        if self._is_late:
            return "the state of the rollout cannot be read"
        reason = self.status().waits_for
        number = self.rules.wave_of(target) + 1
        return f"wave {number} {reason or 'waits for the rollout of the new revision to begin'}"

    @property
    def _is_late(self) -> bool:
        return self._monotonic() - self._observed_at > self._term_seconds

    @property
    def _rules_difference(self) -> str:
        return rules_difference(self._record.members, self._name)

    def status(self) -> RolloutStatus:
        """Return the state of the rollout as of the last heartbeat."""
        status, difference = rollout_status(self._record, self.rules), self._rules_difference
        if not difference or not status.waits_for or status.is_held or status.stopped_by:
            return status
        reason = f"waits until all daemons have the same [rollout]: {difference}"
        return replace(status, waits_for=reason)


def progress_of(status: DaemonStatus, report: Report | None) -> Progress:
    """Return how a cycle ended; ``report`` is None if it applied nothing."""
    states = {resource.state for resource in status.resources}
    if State.FAILED in states:
        return Progress.FAILED
    changes = [outcome.change for outcome in report.outcomes] if report else []
    # A drift that was repaired in this cycle counts too.
    if State.DRIFTED in states or any(change.cause in DRIFT for change in changes):
        return Progress.DRIFT
    if status.exit_code is ExitCode.WITHHELD:
        return Progress.WITHHELD
    is_in_sync = status.exit_code is ExitCode.OK and status.error is None and states <= _SETTLED
    return Progress.IN_SYNC if is_in_sync else Progress.CHANGING


def _step(rollout: Rollout) -> tuple[str, int, bool, str]:
    return rollout.revision, rollout.wave, rollout.is_held, rollout.stopped_by
