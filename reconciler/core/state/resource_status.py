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
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, outcome_name
from reconciler.core.resources import Key, Origin
from reconciler.core.state.daemon_status import ResourceStatus, State

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
            replace(item, key=way.attach.key, origin=way.attach.origin, change=way.attach)
            for item in plan.withheld
            if item.change
            for way in detached_routes(item.change)
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
    fresh += [_withheld(plan, item, now) for item in withheld]
    fresh += [
        _changed(plan, outcome, now)
        for outcome in outcomes
        if not (isinstance(outcome.change, Delete) and isinstance(outcome, Applied))
    ]
    aged = (
        _carry_over(status, before.get(status.key), retries.get(status.key)) for status in fresh
    )
    return tuple(sorted(aged, key=lambda status: status.key))


def _unchanged(
    plan: Plan, key: Key, before: ResourceStatus | None, origins: Mapping[Key, Origin], now: float
) -> ResourceStatus:
    origin = origins.get(key)
    if before is not None and before.state is State.IN_SYNC and before.origin == origin:
        # Most are, in most cycles: a thousand equal values are not made anew each minute.
        return before
    return ResourceStatus(key, State.IN_SYNC, now, origin, plan.owner)


def _withheld(plan: Plan, withheld: Withheld, now: float) -> ResourceStatus:
    state = STATES.get(withheld.reason_code, State.WITHHELD)
    if withheld.change is None:
        return ResourceStatus(
            withheld.key, state, now, withheld.origin, withheld.owner, reason=withheld.reason
        )
    if withheld.reason_code is ReasonCode.POLICY:
        state = _untouched(withheld.change)
    return replace(_from_change(plan, withheld.change, state, now), reason=withheld.reason)


def _changed(plan: Plan, outcome: Outcome, now: float) -> ResourceStatus:
    change = outcome.change
    text = f"{operation_name(change)} {outcome_name(outcome)}"
    if isinstance(outcome, Applied):
        status = ResourceStatus(change.key, State.IN_SYNC, now, change.origin, plan.owner)
        return replace(status, outcome=text, outcome_at=now)
    if isinstance(outcome, Skipped):
        # Nothing became of it, so there is no outcome to show.
        return replace(_from_change(plan, change, _untouched(change), now), reason=outcome.reason)
    state = State.FAILED if isinstance(outcome, Failed) else State.STALE
    status = _from_change(plan, change, state, now)
    return replace(status, reason=outcome.reason, outcome=text, outcome_at=now)


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
    status: ResourceStatus, before: ResourceStatus | None, retry: NextAttempt | None
) -> ResourceStatus:
    """Carry over since when it is so, and the last outcome where there is no newer one."""
    if status is before:
        return status
    if retry is not None:
        status = replace(status, attempts=retry.attempts, next_attempt_at=retry.at)
    if before is None:
        return status
    just_applied = status.state is State.IN_SYNC and status.outcome is not None
    if status.state is before.state and not just_applied:
        status = replace(status, since=before.since)
    if status.outcome is None or 0 < status.attempts == before.attempts:
        status = replace(status, outcome=before.outcome, outcome_at=before.outcome_at)
    return status
