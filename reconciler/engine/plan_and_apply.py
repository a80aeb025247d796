"""A plan proposed from what is live, and carried out wave by wave."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from reconciler import limits, parallel
from reconciler.core.changes import Change, waves_of
from reconciler.core.errors import RejectedError, TargetError
from reconciler.core.planning.guards import GuardSettings
from reconciler.core.planning.plan import Plan, PlanInput, count_owned, make_plan
from reconciler.core.planning.selection import EVERYTHING, Selection
from reconciler.core.report import Outcome, Report, Skipped
from reconciler.core.resources import (
    LISTED_BUT_NOT_FOUND,
    Desired,
    Key,
    LiveResource,
    LiveState,
    ResourceVersion,
    Unreadable,
)
from reconciler.engine.apply_options import ApplyOptions, Execution
from reconciler.engine.blocked import BlockedChanges
from reconciler.engine.bulk_read import read_in_bulk
from reconciler.engine.target import Target
from reconciler.engine.verify import WriteResult, verify
from reconciler.engine.write import write_wave


def propose(
    target: Target,
    desired: Iterable[Desired],
    *,
    owner: str,
    guards: GuardSettings,
    now: datetime,
    selection: Selection = EVERYTHING,
) -> Plan:
    """Return the plan that would bring ``target`` to ``desired``; writes nothing.

    Keys outside the ``selection`` are no part of it, whether desired or live, nor are lists that
    could not be read and cannot hold a selected key.
    """
    selected = {resource.key: resource for resource in desired if selection.has(resource.key)}
    live = target.read_all(selected.keys(), owner)
    _check_mesh_owner(selected, target.id.account)
    resources = {key: resource for key, resource in live.resources.items() if selection.has(key)}
    # What is no part of this run is there all the same.
    not_selected = live.not_selected | (live.resources.keys() - resources.keys())
    inputs = PlanInput(
        target=target.id,
        owner=owner,
        desired=selected,
        live=LiveState(resources, live.unlisted, live.possibly_stale, not_selected),
        canonical=target.canonical,
        guards=guards,
        now=now,
    )
    plan = make_plan(inputs)
    # Tags that may be old tell a wrong cause, or of a difference that is none.
    possibly_stale = [change.key for change in plan.changes if change.key in live.possibly_stale]
    if 0 < len(possibly_stale) <= limits.MAX_INDIVIDUAL_RECHECKS:
        fresh = {key: reread(target, key) for key in possibly_stale}
        plan = make_plan(
            replace(
                inputs, live=LiveState(resources | fresh, live.unlisted, not_selected=not_selected)
            )
        )
    # A resource of ours outside the selection also proves that the owner id is right.
    return replace(
        plan,
        unlisted=tuple(filter(selection.may_have, plan.unlisted)),
        owned=count_owned(live.resources.values(), owner),
    )


def reread(target: Target, key: Key) -> LiveResource | Unreadable:
    """Return what was just listed as it is now."""
    try:
        live = target.read(key)
    except TargetError as error:
        return Unreadable(key, str(error))
    # Gone is no fact yet: a list has just shown it.
    return live or Unreadable(key, LISTED_BUT_NOT_FOUND)


def apply(
    plan: Plan,
    target: Target,
    options: ApplyOptions,
    known: Mapping[Key, Outcome] = MappingProxyType({}),
) -> Report:
    """Return what became of every change of ``plan``, wave by wave, in the plan's order.

    What is ``known`` is so already, and not tried.
    """
    execution = Execution(target, options)
    blocked = BlockedChanges()
    outcomes: list[Outcome] = []
    for wave in waves_of(plan.changes):
        for outcome in _apply_wave(execution, wave, blocked, known):
            blocked.record(outcome)
            options.on_outcome(outcome)
            outcomes.append(outcome)
    return Report(plan, tuple(outcomes))


def _check_mesh_owner(keys: Iterable[Key], account: str | None) -> None:
    """Refuse a key that says of our own account whose mesh it is: it has another key by that."""
    for key in keys:
        if key.mesh_owner and key.mesh_owner == account:
            raise RejectedError(
                f"{key}: its meshOwner is the account of the target itself: leave it out, "
                "for it says that the mesh is another account's"
            )


def _apply_wave(
    execution: Execution, wave: list[Change], blocked: BlockedChanges, known: Mapping[Key, Outcome]
) -> Iterator[Outcome]:
    decided: dict[Key, WriteResult] = {
        change.key: Skipped(change, reason)
        for change in wave
        if (reason := blocked.blocked_reason(change))
    }
    decided |= {change.key: known[change.key] for change in wave if change.key in known}
    remaining = [change for change in wave if change.key not in decided]
    written_results = zip(remaining, write_wave(execution, remaining), strict=True)
    results = decided | {change.key: answer for change, answer in written_results}
    written = [key for key, answer in results.items() if isinstance(answer, ResourceVersion)]
    bulk = read_in_bulk(execution.target, written) if written else None
    return parallel.stream(
        lambda change: verify(execution, change, results[change.key], bulk),
        wave,
        workers=execution.options.workers,
    )
