"""How every resource stands after a cycle, told from its report and from how it stood before."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.core.changes import (
    DRIFT,
    Change,
    Create,
    Delete,
    ReasonCode,
    Withheld,
    detached_routes,
    operation_name,
)
from reconciler.core.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, outcome_name
from reconciler.core.resources import Key, Origin
from reconciler.core.status import ResourceStatus, State

STATES = {
    ReasonCode.SUSPENDED: State.SUSPENDED,
    ReasonCode.UNREADABLE: State.UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """How often in a row something failed, and when it is tried again."""

    attempts: int
    at: float


def resource_statuses(
    report: Report,
    before: Mapping[Key, ResourceStatus],
    origins: Mapping[Key, Origin],
    retries: Mapping[Key, NextAttempt],
    now: float,
) -> tuple[ResourceStatus, ...]:
    """Return the standing of every key that has a verdict, ordered by key.

    What was deleted is not among them. Times, ``now`` too, are those of the clock on the wall.
    """
    plan = report.plan
    # What makes way for a change stands as that change does.
    withheld = [
        *plan.withheld,
        *(
            replace(held, key=way.attach.key, origin=way.attach.origin, change=way.attach)
            for held in plan.withheld
            if held.change
            for way in detached_routes(held.change)
        ),
    ]
    outcomes = [
        *report.outcomes,
        *(
            replace(outcome, change=way.attach)
            for outcome in report.outcomes
            for way in detached_routes(outcome.change)
        ),
    ]
    fresh = [_unchanged(plan, key, before.get(key), origins, now) for key in plan.unchanged]
    fresh += [_withheld(plan, held, now) for held in withheld]
    fresh += [
        _changed(plan, outcome, now)
        for outcome in outcomes
        if not (isinstance(outcome.change, Delete) and isinstance(outcome, Applied))
    ]
    aged = (
        _carry_over(standing, before.get(standing.key), retries.get(standing.key))
        for standing in fresh
    )
    return tuple(sorted(aged, key=lambda standing: standing.key))


def _unchanged(
    plan: Plan, key: Key, before: ResourceStatus | None, origins: Mapping[Key, Origin], now: float
) -> ResourceStatus:
    origin = origins.get(key)
    if before is not None and before.state is State.IN_SYNC and before.origin == origin:
        # Most are, in most cycles: a thousand equal values are not made anew each minute.
        return before
    return ResourceStatus(key, State.IN_SYNC, now, origin, plan.owner)


def _withheld(plan: Plan, held: Withheld, now: float) -> ResourceStatus:
    state = STATES.get(held.reason_code, State.WITHHELD)
    if held.change is None:
        return ResourceStatus(held.key, state, now, held.origin, held.owner, reason=held.reason)
    if held.reason_code is ReasonCode.POLICY:
        state = _untouched(held.change)
    return replace(_from_change(plan, held.change, state, now), why=held.reason)


def _changed(plan: Plan, outcome: Outcome, now: float) -> ResourceStatus:
    change = outcome.change
    told = f"{operation_name(change)} {outcome_name(outcome)}"
    if isinstance(outcome, Applied):
        standing = ResourceStatus(change.key, State.IN_SYNC, now, change.origin, plan.owner)
        return replace(standing, outcome=told, outcome_at=now)
    if isinstance(outcome, Skipped):
        # Nothing became of it, so there is no outcome to show.
        return replace(_from_change(plan, change, _untouched(change), now), why=outcome.reason)
    state = State.FAILED if isinstance(outcome, Failed) else State.STALE
    standing = _from_change(plan, change, state, now)
    return replace(standing, why=outcome.reason, outcome=told, outcome_at=now)


def _from_change(plan: Plan, change: Change, state: State, now: float) -> ResourceStatus:
    return ResourceStatus(
        change.key,
        state,
        now,
        change.origin,
        owner=plan.owner if isinstance(change, Create) else change.before.owner,
        cause=change.cause,
        fields=change.difference.fields,
        traffic=change.traffic,
        last_seen_at=change.last_seen_at if isinstance(change, Create) else None,
    )


def _untouched(change: Change) -> State:
    return State.DRIFTED if change.cause in DRIFT else State.PENDING


def _carry_over(
    standing: ResourceStatus, before: ResourceStatus | None, retry: NextAttempt | None
) -> ResourceStatus:
    """Carry over since when it is so, and the last outcome where there is no newer one."""
    if standing is before:
        return standing
    if retry is not None:
        standing = replace(standing, attempts=retry.attempts, next_attempt_at=retry.at)
    if before is None:
        return standing
    just_applied = standing.state is State.IN_SYNC and standing.outcome is not None
    if standing.state is before.state and not just_applied:
        standing = replace(standing, since=before.since)
    if standing.outcome is None or 0 < standing.attempts == before.attempts:
        standing = replace(standing, outcome=before.outcome, outcome_at=before.outcome_at)
    return standing
