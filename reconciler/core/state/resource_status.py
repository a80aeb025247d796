"""The status of each resource after a cycle, from its report and the status before."""

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
    """The failed attempts of a change in a row, and the time of the next one."""

    attempts: int
    at: float


def resource_statuses(
    report: Report,
    before: Mapping[Key, ResourceStatus],
    origins: Mapping[Key, Origin],
    retries: Mapping[Key, NextAttempt],
    now: float,
) -> tuple[ResourceStatus, ...]:
    """Return the status of each key of the plan except deleted ones, ordered by key.

    Args:
        report: The result of the cycle.
        before: The statuses before the cycle.
        origins: The positions of the resources in the manifests.
        retries: The next attempts of failed changes.
        now: Wall-clock time of the cycle, in seconds since 1970.
    """
    plan = report.plan
    # A detached route has the status of the change that it is detached for.
    withheld = [
        *plan.withheld,
        *(
            replace(item, key=route.attach.key, origin=route.attach.origin, change=route.attach)
            for item in plan.withheld
            if item.change
            for route in detached_routes(item.change)
        ),
    ]
    outcomes = [
        *report.outcomes,
        *(
            replace(outcome, change=route.attach)
            for outcome in report.outcomes
            for route in detached_routes(outcome.change)
        ),
    ]
    fresh = [_status_in_sync(plan, key, before.get(key), origins, now) for key in plan.unchanged]
    fresh += [_status_of_withheld(plan, item, now) for item in withheld]
    fresh += [
        _status_of_outcome(plan, outcome, now)
        for outcome in outcomes
        if not (isinstance(outcome.change, Delete) and isinstance(outcome, Applied))
    ]
    statuses = (
        _carry_over(status, before.get(status.key), retries.get(status.key)) for status in fresh
    )
    return tuple(sorted(statuses, key=lambda status: status.key))


def _status_in_sync(
    plan: Plan, key: Key, before: ResourceStatus | None, origins: Mapping[Key, Origin], now: float
) -> ResourceStatus:
    origin = origins.get(key)
    if before is not None and before.state is State.IN_SYNC and before.origin == origin:
        # Reuse the value: most resources are in sync in most cycles.
        return before
    return ResourceStatus(key, State.IN_SYNC, now, origin, plan.owner)


def _status_of_withheld(plan: Plan, withheld: Withheld, now: float) -> ResourceStatus:
    state = STATES.get(withheld.reason_code, State.WITHHELD)
    if withheld.change is None:
        return ResourceStatus(
            withheld.key, state, now, withheld.origin, withheld.owner, reason=withheld.reason
        )
    if withheld.reason_code is ReasonCode.POLICY:
        state = _state_before_change(withheld.change)
    return replace(_from_change(plan, withheld.change, state, now), reason=withheld.reason)


def _status_of_outcome(plan: Plan, outcome: Outcome, now: float) -> ResourceStatus:
    change = outcome.change
    text = f"{operation_name(change)} {outcome_name(outcome)}"
    if isinstance(outcome, Applied):
        status = ResourceStatus(change.key, State.IN_SYNC, now, change.origin, plan.owner)
        return replace(status, outcome=text, outcome_at=now)
    if isinstance(outcome, Skipped):
        # A change that was not tried has no outcome.
        return replace(
            _from_change(plan, change, _state_before_change(change), now), reason=outcome.reason
        )
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
        effects=plan.traffic.get(str(change.key), ()),
        last_seen_at=change.last_seen_at if isinstance(change, Create) else None,
    )


def _state_before_change(change: Change) -> State:
    return State.DRIFTED if change.cause in DRIFT else State.PENDING


def _carry_over(
    status: ResourceStatus, before: ResourceStatus | None, retry: NextAttempt | None
) -> ResourceStatus:
    """Return ``status`` with its start, and with the last outcome if there is no new one."""
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
