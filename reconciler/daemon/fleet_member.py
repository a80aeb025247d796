"""This daemon as a member of a fleet: its heartbeats, and its share of the targets."""

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Event

from reconciler import limits
from reconciler.core.errors import LockError
from reconciler.core.fleet.assignment import assign
from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.member_rules import rules_difference
from reconciler.core.state.fleet_status import MemberSummary
from reconciler.locks.membership import Membership, RecordChange
from reconciler.render.terminal import plural

logger = logging.getLogger("reconciler.run")


def keep_record(record: FleetRecord, _elapsed_seconds: float) -> FleetRecord:
    """Return ``record``, for a heartbeat that changes nothing else."""
    return record


class FleetMember:
    """Divides the targets among the daemons that are alive.

    Until the members are known, and while they cannot be read, nothing moves: the leases of the
    targets decide. One thread calls `beat` and `run`; all threads may call the other methods.
    """

    def __init__(
        self,
        membership: Membership,
        targets: Collection[str],
        change: RecordChange = keep_record,
        observe: Callable[[FleetRecord], None] = lambda _: None,
    ) -> None:
        """Create the member; the store is not contacted yet.

        Args:
            membership: The heartbeats.
            targets: All targets that the members divide; none if this daemon has all.
            change: Changes the other parts of the record with each heartbeat.
            observe: Called with the record after each heartbeat.
        """
        self._membership = membership
        self._targets = targets
        self._change = change
        self._observe = observe
        self._peers: frozenset[str] = frozenset()
        self._assigned: Mapping[str, str] = {}
        self._holders: Mapping[str, str] = {}
        self._is_failing = False
        self._rules_difference = ""

    @property
    def name(self) -> str:
        """The name of this process."""
        return self._membership.name

    def run(self, stop: Event, held: Callable[[], Collection[str]]) -> None:
        """Send heartbeats until ``stop`` is set; then leave, so that others take the targets.

        ``held`` returns the targets whose lease this daemon holds.
        """
        while not stop.wait(self._membership.term_seconds / limits.RENEWALS_PER_TERM):
            self.beat(held())
        # Others notice the missing heartbeats later.
        with suppress(LockError):
            self._membership.leave()

    def beat(self, held: Collection[str] = ()) -> None:
        """Send a heartbeat, and divide the targets among the members that are alive."""
        membership = self._membership
        membership.member = replace(membership.member, targets=tuple(sorted(held)))
        try:
            membership.beat(self._change)
        except LockError as error:
            if not self._is_failing:
                logger.warning("%s; until then this daemon keeps its targets", error)
            self._is_failing = True
            return
        if self._is_failing:
            logger.info("the members of the fleet can be read again")
        self._is_failing = False
        self._observe(membership.record)
        if self._targets:
            self._warn_of_other_rollouts()
            self._divide()

    def is_ours(self, target: str) -> bool:
        """Return whether this daemon is to reconcile ``target``."""
        return self._assigned.get(target, self._membership.name) == self._membership.name

    def holder_of(self, target: str) -> str:
        """Return the other member that holds the lease of ``target``, or is to take it."""
        holder = self._holders.get(target, "")
        return holder or self._assigned.get(target, "")

    def summaries(self) -> tuple[MemberSummary, ...]:
        """Return the members as of the last heartbeat; none if this daemon has all targets."""
        if not self._targets:
            return ()
        name = self._membership.name
        return tuple(
            MemberSummary(other, member.since, len(member.targets), is_self=other == name)
            for other, member in sorted(self._membership.record.members.items())
        )

    def _warn_of_other_rollouts(self) -> None:
        """Log each difference between the tables [rollout] of the members once."""
        difference = rules_difference(self._membership.record.members, self._membership.name)
        if difference and difference != self._rules_difference:
            logger.warning(
                "%s: until all daemons have the same table, no target takes a new revision; restart"
                " each daemon whose file has changed since it started",
                difference,
            )
        self._rules_difference = difference

    def _divide(self) -> None:
        members, name = self._membership.record.members, self._membership.name
        self._holders = {
            target: other
            for other, member in members.items()
            for target in member.targets
            if other != name
        }
        fleet = self._membership.member.fleet
        same = {other: member for other, member in members.items() if member.fleet == fleet}
        # A daemon without [rollout] gives a target each revision at once, so others take it.
        in_waves = frozenset(other for other, member in same.items() if member.rollout)
        peers = in_waves or frozenset(same)
        if peers != self._peers:
            self._peers, self._assigned = peers, assign(self._targets, peers)
            own = sum(other == name for other in self._assigned.values())
            count = plural(len(self._targets), "target")
            logger.info("%s: this daemon takes %d of %s", plural(len(peers), "member"), own, count)
