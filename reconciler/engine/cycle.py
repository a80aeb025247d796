"""A plan proposed from what is live, and carried out wave by wave."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from reconciler import parallel
from reconciler.core.changes import Change, waves_of
from reconciler.core.errors import RejectedError, TargetError
from reconciler.core.plan import Plan, PlanInput, count_owned, make_plan
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
from reconciler.core.restraint import GuardSettings
from reconciler.core.selection import EVERYTHING, Selection
from reconciler.engine.course import ApplyOptions, Execution
from reconciler.engine.glance import read_in_bulk
from reconciler.engine.sending import MAX_INDIVIDUAL_RECHECKS, write_wave
from reconciler.engine.settling import WriteResult, verify
from reconciler.engine.target import Target
from reconciler.engine.undone import BlockedChanges


def propose(
    target: Target,
    desired: Iterable[Desired],
    *,
    owner: str,
    restraint: GuardSettings,
    now: datetime,
    selection: Selection = EVERYTHING,
) -> Plan:
    """Return the plan that would bring ``target`` to ``desired``; writes nothing.

    Keys outside the ``selection`` are no part of it, whether desired or live, nor are lists that
    could not be read and cannot hold a selected key.
    """
    wanted = {want.key: want for want in desired if selection.has(want.key)}
    world = target.read_all(wanted.keys(), owner)
    _check_mesh_owner(wanted, target.id.account)
    seen = {key: resource for key, resource in world.resources.items() if selection.has(key)}
    # What is no part of this run is there all the same.
    others = world.not_selected | (world.resources.keys() - seen.keys())
    question = PlanInput(
        target=target.id,
        owner=owner,
        desired=wanted,
        live=LiveState(seen, world.unlisted, world.possibly_stale, others),
        canonical=target.canonical,
        guards=restraint,
        now=now,
    )
    plan = make_plan(question)
    # Tags that may be old tell a wrong cause, or of a difference that is none.
    doubtful = [change.key for change in plan.changes if change.key in world.possibly_stale]
    if 0 < len(doubtful) <= MAX_INDIVIDUAL_RECHECKS:
        fresh = {key: reread(target, key) for key in doubtful}
        plan = make_plan(
            replace(question, live=LiveState(seen | fresh, world.unlisted, not_selected=others))
        )
    # A resource of ours outside the selection also proves that the owner id is right.
    return replace(
        plan,
        unlisted=tuple(filter(selection.may_have, plan.unlisted)),
        owned=count_owned(world.resources.values(), owner),
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
    conduct: ApplyOptions,
    settled: Mapping[Key, Outcome] = MappingProxyType({}),
) -> Report:
    """Return what became of every change of ``plan``, wave by wave, in the plan's order.

    What is ``settled`` is so already, and not tried.
    """
    course = Execution(target, conduct)
    undone = BlockedChanges()
    outcomes: list[Outcome] = []
    for wave in waves_of(plan.changes):
        for outcome in _apply_wave(course, wave, undone, settled):
            undone.record(outcome)
            conduct.on_outcome(outcome)
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
    course: Execution, wave: list[Change], undone: BlockedChanges, settled: Mapping[Key, Outcome]
) -> Iterator[Outcome]:
    impossible: dict[Key, WriteResult] = {
        change.key: Skipped(change, why)
        for change in wave
        if (why := undone.blocked_reason(change))
    }
    impossible |= {change.key: settled[change.key] for change in wave if change.key in settled}
    possible = [change for change in wave if change.key not in impossible]
    answers = zip(possible, write_wave(course, possible), strict=True)
    sent = impossible | {change.key: answer for change, answer in answers}
    written = [key for key, answer in sent.items() if isinstance(answer, ResourceVersion)]
    seen = read_in_bulk(course.target, written) if written else None
    return parallel.stream(
        lambda change: verify(course, change, sent[change.key], seen),
        wave,
        workers=course.options.workers,
    )
