"""Proposes a plan from the live state, and applies it wave by wave."""

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
    """Return the plan that changes ``target`` to the desired state, without writing.

    Args:
        target: The target to read.
        desired: The desired resources.
        owner: Owner id of the run.
        guards: The limits of the run.
        now: The current time, with a time zone.
        selection: Keys outside of it are not in the plan, nor are lists that could not be read and
            have no selected key.

    Raises:
        RejectedError: A desired key has the account of the target as its mesh owner.
        TargetError: The target could not be read.
    """
    selected = {resource.key: resource for resource in desired if selection.has(resource.key)}
    live = target.read_all(selected.keys(), owner)
    _check_mesh_owner(selected, target.id.account)
    resources = {key: resource for key, resource in live.resources.items() if selection.has(key)}
    # Resources outside the selection still exist for the changes that need them.
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
    # Stale tags may show a wrong cause, or a difference that does not exist.
    possibly_stale = [change.key for change in plan.changes if change.key in live.possibly_stale]
    if 0 < len(possibly_stale) <= limits.MAX_INDIVIDUAL_RECHECKS:
        fresh = {key: reread(target, key) for key in possibly_stale}
        plan = make_plan(
            replace(
                inputs, live=LiveState(resources | fresh, live.unlisted, not_selected=not_selected)
            )
        )
    # Count owned resources outside the selection too: they also prove that the owner id is right.
    return replace(
        plan,
        unlisted=tuple(filter(selection.may_have, plan.unlisted)),
        owned=count_owned(live.resources.values(), owner),
    )


def reread(target: Target, key: Key) -> LiveResource | Unreadable:
    """Return the current state of the resource ``key``, which a list has just shown."""
    try:
        live = target.read(key)
    except TargetError as error:
        return Unreadable(key, str(error))
    # A list has just shown it, so a single read does not prove that it was deleted.
    return live or Unreadable(key, LISTED_BUT_NOT_FOUND)


def apply(
    plan: Plan,
    target: Target,
    options: ApplyOptions,
    known: Mapping[Key, Outcome] = MappingProxyType({}),
) -> Report:
    """Apply ``plan`` wave by wave.

    Args:
        plan: The plan to apply.
        target: The target to change.
        options: The options of the apply.
        known: Outcomes of changes that are not to be tried.

    Returns:
        The report, with one outcome for each change in the order of the plan.
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
    """Raise RejectedError if the mesh owner of a key is the target's own account.

    The same resource would have two keys.
    """
    for key in keys:
        if key.mesh_owner and key.mesh_owner == account:
            raise RejectedError(
                f"{key}: meshOwner is the target's own account: remove it (it is only for meshes "
                "of other accounts)"
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
    results = decided | {change.key: result for change, result in written_results}
    written = [key for key, result in results.items() if isinstance(result, ResourceVersion)]
    bulk = read_in_bulk(execution.target, written) if written else None
    return parallel.stream(
        lambda change: verify(execution, change, results[change.key], bulk),
        wave,
        workers=execution.options.workers,
    )
