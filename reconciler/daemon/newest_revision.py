"""The newest revision of the source, as this process sees it between its fetches."""

from collections.abc import Callable

from reconciler import limits
from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.rollout import Rollout, start
from reconciler.locks.lease import NEVER


class NewestRevision:
    """Orders the revisions that the targets of this process see, each at its own time.

    A process may fetch late, or not at all, so it brings no earlier revision back unless it is sure
    that the source was set back.
    """

    def __init__(self, name: str, monotonic: Callable[[], float]) -> None:
        """Start without a revision; ``name`` is that of this process."""
        self._name = name
        self._monotonic = monotonic
        self._by_target: dict[str, str] = {}
        self._seen: Rollout | None = None
        self._seen_at = 0.0
        # When the source was last fetched, and had the revision that was seen then.
        self._confirmed_at = NEVER
        # When another process began a rollout; a process that has not fetched since is late.
        self._begun: str | None = None
        self._begun_at = NEVER

    def record(self, target: str, revision: str, age_seconds: float) -> None:
        """Record the newest revision of the source as ``target`` sees it.

        ``age_seconds`` is the time since the last fetch that succeeded.
        """
        now = self._monotonic()
        before, self._by_target[target] = self._by_target.get(target), revision
        seen = self._seen.follow(before, revision) if self._seen else start(revision)
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        if seen.revision == revision:
            self._confirmed_at = max(self._confirmed_at, now - age_seconds)

    def observe(self, rollout: Rollout | None) -> None:
        """Record when the rollout of the record was first of another revision."""
        revision = rollout.revision if rollout else None
        if self._begun is not None and revision != self._begun:
            self._begun_at = self._monotonic()
        self._begun = revision

    def with_predecessor(
        self, record: FleetRecord, sent: str | None
    ) -> tuple[str | None, str | None]:
        """Return the newest revision, and the one that it follows; None for one that is not known.

        One that was sent before, or that no fetch has confirmed, ends no rollout: the record may
        have forgotten that it is an earlier one.

        Args:
            record: The record as of now.
            sent: The newest revision that this process has sent.
        """
        if self._seen is None:
            return None, None
        newest, rollout = self._seen.revision, record.rollout
        if rollout is None:
            return newest, sent
        if self._is_sure(record):
            return newest, rollout.revision
        is_news = newest != sent and self._confirmed_at != NEVER
        return (newest, sent) if is_news else (None, None)

    def _is_sure(self, record: FleetRecord) -> bool:
        """Return whether the source has this revision, and not the one of the record.

        It has if this process has been alone since its start, or if it is the timekeeper and has
        fetched the same revision for a while after the record had another one.
        """
        if self._confirmed_at == NEVER:
            return False
        if record.members.keys() <= {self._name} and self._begun_at == NEVER:
            return True
        since = max(self._seen_at, self._begun_at)
        is_settled = self._confirmed_at - since >= limits.LATE_FETCH_SECONDS
        return is_settled and record.timekeeper == self._name
