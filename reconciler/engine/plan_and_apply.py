"""Proposes a plan from the live state, and applies it wave by wave."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from reconciler import limits, parallel
from reconciler.core.changes import Change, read_before, waves_of
from reconciler.core.errors import RejectedError, TargetError
from reconciler.core.planning.attestation import Attestations
from reconciler.core.planning.guards import GuardSettings
from reconciler.core.planning.plan import Plan, count_owned, make_plan
from reconciler.core.planning.proxies import proxies_by_change
from reconciler.core.planning.selection import EVERYTHING, Selection
from reconciler.core.planning.verdicts import PlanInput
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
    refresh: bool = False,
    settled: frozenset[Key] = frozenset(),
    workers: int = 1,
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
        refresh: Describe every resource, also those whose records attest that they are in sync.
        settled: See ``PlanInput``.
        workers: Maximum number of parallel calls for resources that are read by themselves.

    Raises:
        RejectedError: A desired key has the account of the target as its mesh owner.
        TargetError: The target could not be read.
    """
    known = {resource.key: resource for resource in desired}
    selected = {key: resource for key, resource in known.items() if selection.has(key)}
    attested_spec = Attestations(known, owner, target.canonical)
    live = target.read_all(selected.keys(), owner, None if refresh else attested_spec)
    _check_mesh_owner(selected, target.id.account)
    inputs = PlanInput(
        target=target.id,
        owner=owner,
        desired=selected,
        live=_only_selected(live, selection),
        canonical=target.canonical,
        guards=guards,
        now=now,
        settled=settled,
    )
    plan, reread_live = _plan_and_read(target, inputs, workers)
    plan = replace(
        plan,
        unlisted=tuple(filter(selection.may_have, plan.unlisted)),
        # Resources outside the selection too: they also prove that the owner id is right.
        owned=count_owned(live.resources.values(), owner),
    )
    return _with_effects(plan, known.values(), live, reread_live)


def _with_effects(
    plan: Plan, desired: Collection[Desired], live: LiveState, reread_live: LiveState
) -> Plan:
    """Return ``plan`` with the proxies that its changes concern, and its effects on traffic."""
    read = {**live.resources, **reread_live.resources}
    return replace(
        plan,
        proxies=proxies_by_change((*plan.changes, *plan.withheld), desired, read.values()),
        traffic=_traffic(plan, reread_live, read),
    )


def _only_selected(live: LiveState, selection: Selection) -> LiveState:
    """Return ``live`` with only the resources of ``selection``.

    Resources outside the selection still exist for the changes that need them.
    """
    resources = {key: resource for key, resource in live.resources.items() if selection.has(key)}
    not_selected = live.not_selected | (live.resources.keys() - resources.keys())
    return replace(live, resources=resources, not_selected=not_selected)


def _plan_and_read(target: Target, inputs: PlanInput, workers: int) -> tuple[Plan, LiveState]:
    """Return the plan for ``inputs``, and their live state after the reads that it needs."""
    plan = make_plan(inputs)
    while keys := _keys_to_read(plan, inputs):
        fresh = parallel.run(lambda key: reread(target, key), sorted(keys), workers=workers)
        live = replace(
            inputs.live,
            resources={**inputs.live.resources, **{resource.key: resource for resource in fresh}},
            possibly_stale=inputs.live.possibly_stale - keys,
        )
        inputs = replace(inputs, live=live)
        plan = make_plan(inputs)
    return plan, inputs.live


def _traffic(
    plan: Plan, live: LiveState, read: Mapping[Key, LiveResource | Unreadable]
) -> Mapping[str, tuple[str, ...]]:
    """Return the effects of each change on traffic."""
    if not plan.changes:
        return {}
    # Most plans change nothing, and start faster without it.
    from reconciler.core.planning.traffic import traffic_by_change  # noqa: PLC0415

    return traffic_by_change(
        plan.changes, read.values(), live.not_selected - read.keys(), live.unlisted
    )


def _keys_to_read(plan: Plan, inputs: PlanInput) -> set[Key]:
    """Return the keys that have to be read by themselves before ``plan`` is right."""
    # Stale tags may show a wrong cause, or a difference that does not exist.
    keys = {change.key for change in plan.changes if change.key in inputs.live.possibly_stale}
    if len(keys) > limits.MAX_INDIVIDUAL_RECHECKS:
        keys = set()
    changes = [*plan.changes, *(item.change for item in plan.withheld if item.change)]
    keys |= {live.key for change in changes for live in read_before(change) if live.attested}
    if not changes:
        return keys
    # A spec that its manifest does not manage may refer to what changes.
    return keys | {
        key
        for key, live in inputs.live.resources.items()
        if isinstance(live, LiveResource) and live.attested and inputs.desired[key].spec is None
    }


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
        The report, with one outcome for each change in the order of the plan, and the number of
        renewed records.
    """
    options.on_begin()
    execution = Execution(target, options)
    blocked = BlockedChanges()
    outcomes: list[Outcome] = []
    for wave in waves_of(plan.changes):
        for outcome in _apply_wave(execution, wave, blocked, known, plan.owned or 0):
            blocked.record(outcome)
            options.on_outcome(outcome)
            outcomes.append(outcome)
    return Report(plan, tuple(outcomes), _renew(execution, plan.renewals))


def _renew(execution: Execution, renewals: Sequence[Change]) -> int:
    """Write the records of unchanged resources, and return how many were written.

    A record that could not be written attests nothing, so the next run describes the resource and
    tries again. After a failed call, no further batch is tried in this run.
    """
    renewed, bounded = 0, list(renewals[: limits.MAX_RENEWALS])
    for start in range(0, len(bounded), limits.RECHECK_BATCH):
        results = write_wave(execution, bounded[start : start + limits.RECHECK_BATCH])
        renewed += sum(isinstance(result, ResourceVersion) for result in results)
        if any(isinstance(result, TargetError) for result in results):
            break
    return renewed


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
    execution: Execution,
    wave: list[Change],
    blocked: BlockedChanges,
    known: Mapping[Key, Outcome],
    owned: int,
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
    # Two calls read a resource, or a page of a list with its page of the tag index.
    pages = -(-owned // limits.TAG_PAGE_SIZE)
    bulk = read_in_bulk(execution.target, written) if len(written) >= max(1, pages) else None
    return parallel.stream(
        lambda change: verify(execution, change, results[change.key], bulk),
        wave,
        workers=execution.options.workers,
    )
