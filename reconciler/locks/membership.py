"""Members of a fleet: each daemon keeps a heartbeat in a record that all of them share.

The record shows which daemons are alive, so that all assign the targets alike. It only saves
time: the lease of each target decides which process may write.
"""

from collections.abc import Callable
from dataclasses import replace

from reconciler import limits
from reconciler.core.errors import LockError
from reconciler.core.fleet.fleet_record import FleetRecord, Member
from reconciler.locks.lease import NEVER, LeaseStore

RecordChange = Callable[[FleetRecord, float], FleetRecord]
_UNKNOWN = Member()


class Membership:
    """One member of a fleet.

    Attributes:
        name: Name of this process; no other process may have it.
        term_seconds: Time after which a member without a heartbeat is dead for the others.
        member: The entry of this member in the next heartbeat.
        record: The record as of the last heartbeat.
        alive: The members that were alive then, with this one.
    """

    def __init__(
        self,
        store: LeaseStore,
        name: str,
        term_seconds: float,
        monotonic: Callable[[], float],
        member: Member = _UNKNOWN,
    ) -> None:
        """Start alone; the store is not contacted yet."""
        self.name = name
        self.term_seconds = term_seconds
        self.member = member
        self.record = FleetRecord()
        self.alive: frozenset[str] = frozenset({name})
        self._store = store
        self._monotonic = monotonic
        self._observed: dict[str, tuple[int, float]] = {}
        self._now = NEVER
        self._kept_time_at = NEVER

    def beat(self, change: RecordChange) -> None:
        """Write a heartbeat together with a change of the record.

        Args:
            change: Returns the new record, from the current one and the seconds of soak that this
                member measured since its last heartbeat; 0 if another member measures.

        Raises:
            LockError: The store cannot be used, or its record changed under each attempt.
        """
        self._swap(lambda before: self._with_beat(before, change))

    def leave(self) -> None:
        """Remove this member, so that others take its targets at once.

        Raises:
            LockError: As for `beat`.
        """
        self._swap(self._without_member)

    def _swap(self, change: Callable[[FleetRecord], FleetRecord]) -> None:
        for _ in range(limits.MEMBERSHIP_ATTEMPTS):
            text = self._store.read()
            after = change(self._parse(text))
            if self._store.compare_and_swap(text, str(after)):
                self.record = after
                self.alive = frozenset({*after.members, self.name})
                self._kept_time_at = self._now if after.timekeeper == self.name else NEVER
                return
        raise LockError(f"{self._store.name} is written by too many processes at once")

    def _without_member(self, before: FleetRecord) -> FleetRecord:
        others = {name: member for name, member in before.members.items() if name != self.name}
        return replace(before, members=others)

    def _with_beat(self, before: FleetRecord, change: RecordChange) -> FleetRecord:
        self._now = now = self._monotonic()
        alive = self._observe(before, now)
        # Counted here: a member that was taken for dead never repeats a number.
        self.member = replace(self.member, beats=self.member.beats + 1)
        members = {name: member for name, member in before.members.items() if name in alive}
        members[self.name] = self.member
        keeps_time = before.timekeeper == self.name or before.timekeeper not in alive
        # A process that was suspended did not watch the targets at that time.
        elapsed = min(now - self._kept_time_at, self.term_seconds) if keeps_time else 0.0
        measured = elapsed if self._kept_time_at != NEVER else 0.0
        timekeeper = self.name if keeps_time else before.timekeeper
        beats = before.beats + 1
        record = replace(before, members=members, timekeeper=timekeeper, beats=beats)
        return change(record, measured)

    def _observe(self, record: FleetRecord, now: float) -> frozenset[str]:
        """Return the members that are alive, this one among them."""
        before = self._observed
        self._observed = {
            name: before[name]
            if before.get(name, (None,))[0] == member.beats
            else (member.beats, now)
            for name, member in record.members.items()
        }
        seen_since = now - self.term_seconds
        alive = (name for name, (_, since) in self._observed.items() if since > seen_since)
        return frozenset({*alive, self.name})

    def _parse(self, text: str | None) -> FleetRecord:
        try:
            return FleetRecord.parse(text)
        except ValueError:
            raise LockError(
                f"{self._store.name} does not contain the members of a fleet: use another store"
            ) from None
