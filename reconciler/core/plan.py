"""What has to change, decided without touching anything.

A plan accounts for every key that is desired or observed exactly once: as a change, as unchanged,
or as withheld with a reason. It performs no I/O, reads no clock and keeps its inputs untouched, so
the same inputs always give the same plan.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from reconciler.core import traffic
from reconciler.core.changes import (
    Adopt,
    Cause,
    Change,
    Create,
    Delete,
    Difference,
    ReasonCode,
    Update,
    Withheld,
    detached_routes,
    operation_name,
    unlinked,
)
from reconciler.core.delete_order import in_order
from reconciler.core.dependencies import withhold_blocked
from reconciler.core.diff import overlay
from reconciler.core.kinds import KINDS, parent_of
from reconciler.core.listeners import plan_listener_changes
from reconciler.core.marks import (
    UNMANAGED,
    LastApplied,
    is_protected,
    last_applied_for,
    parse_last_applied,
    spec_digest,
    user_tags,
)
from reconciler.core.resources import (
    APPLIED_TAG,
    OWNER_TAG,
    Desired,
    Json,
    Key,
    LiveResource,
    LiveState,
    Spec,
    TargetId,
    Unlisted,
    Unreadable,
    digest,
)
from reconciler.core.restraint import GuardSettings, apply_guards

Canonical: TypeAlias = Callable[[Spec, Spec | None], Spec]


@dataclass(frozen=True, slots=True)
class Plan:
    """One verdict for every key, in the order in which it would be carried out.

    Nothing is known of the resources in ``unlisted``, not even their keys. ``owned`` is how many
    live resources ``owner`` has; None if they were not counted.
    """

    target: TargetId
    owner: str
    changes: tuple[Change, ...]
    unchanged: tuple[Key, ...]
    withheld: tuple[Withheld, ...]
    unlisted: tuple[Unlisted, ...] = ()
    owned: int | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every key that has a verdict; what is detached has it with what it makes way for."""
        meant = (*self.changes, *(held.change for held in self.withheld if held.change))
        return (
            *(change.key for change in self.changes),
            *(it.detach.key for change in meant for it in detached_routes(change)),
            *self.unchanged,
            *(held.key for held in self.withheld),
        )

    @property
    def is_complete(self) -> bool:
        """Whether everything that may be ours was read."""
        return not self.unlisted and not any(
            held.reason_code is ReasonCode.UNREADABLE for held in self.withheld
        )

    @property
    def fingerprint(self) -> str:
        """What a reviewer approves: 43 characters over the target and the patch of every change.

        No version and no time is in it, so that an unrelated edit leaves it alone.
        """
        changes: list[Json] = [
            [
                str(change.key),
                operation_name(change),
                list(change.difference.patch),
                *_steps(change),
            ]
            for change in sorted(self.changes, key=lambda change: change.key)
        ]
        target: list[Json] = [self.target.name, self.target.account, self.target.region]
        return digest([*target, self.owner, changes])


def _steps(change: Change) -> list[Json]:
    steps = [(it.detach.key, it.attach.difference) for it in detached_routes(change)]
    steps += [(it.before.key, it.difference) for it in unlinked(change)]
    return [[str(key), list(difference.patch)] for key, difference in steps]


@dataclass(frozen=True, slots=True)
class PlanInput:
    """All that a plan is made from.

    ``canonical`` spells a spec as the target would show it, and less what the service filled in
    where the spec beside it has none; ``now`` carries a time zone and decides which suspensions
    have ended.
    """

    target: TargetId
    owner: str
    desired: Mapping[Key, Desired]
    live: LiveState
    canonical: Canonical
    guards: GuardSettings
    now: datetime


def make_plan(question: PlanInput) -> Plan:
    """Return the plan that answers ``question``."""
    desired, world = question.desired, question.live
    owned = count_owned(world.resources.values(), question.owner)
    verdicts = [
        _verdict(question, want, world.resources.get(key)) for key, want in desired.items()
    ] + [
        _verdict_without_manifest(question, saw)
        for key, saw in world.resources.items()
        if key not in desired
    ]
    allowed, restrained = apply_guards(
        [verdict for verdict in verdicts if isinstance(verdict, Change)],
        question.guards,
        owned=owned,
        nothing_desired=not desired,
        gaps=_gap_text(world),
    )
    withheld = [verdict for verdict in verdicts if isinstance(verdict, Withheld)] + restrained
    left_alone = {held.key for held in withheld}
    arrangement = plan_listener_changes(allowed, desired, left_alone, world, question.owner)
    possible, impossible = withhold_blocked(arrangement.changes, world)
    unchanged = {verdict for verdict in verdicts if isinstance(verdict, Key)}
    return Plan(
        question.target,
        question.owner,
        _in_order(possible, arrangement.before_parent),
        tuple(sorted(unchanged - arrangement.detached_keys)),
        tuple(
            sorted(
                (*withheld, *arrangement.withheld, *impossible),
                key=lambda held: held.key,
            )
        ),
        world.unlisted,
        owned,
    )


def count_owned(resources: Iterable[LiveResource | Unreadable], owner: str) -> int:
    """Return how many of ``resources`` are known to be owned by ``owner``."""
    return sum(isinstance(saw, LiveResource) and saw.owner == owner for saw in resources)


Verdict: TypeAlias = Change | Withheld | Key
"""What becomes of a key; the key itself where nothing has to change."""


def _verdict(question: PlanInput, want: Desired, saw: LiveResource | Unreadable | None) -> Verdict:
    if want.key.mesh_owner and KINDS[want.key.kind].owner_only:
        why = f"only account {want.key.mesh_owner}, whose mesh it is, may have one in it"
        return Withheld(want.key, why, ReasonCode.FOREIGN, want.origin)
    if isinstance(saw, Unreadable):
        return _unreadable(saw, want)
    if saw is None:
        return _unless_suspended(question, want, _create(question, want))
    return _foreign(question, saw, want) or _unless_suspended(
        question, want, _change(question, want, saw)
    )


def _verdict_without_manifest(question: PlanInput, saw: LiveResource | Unreadable) -> Verdict:
    if isinstance(saw, Unreadable):
        return _unreadable(saw)
    return _foreign(question, saw) or _delete(question, saw)


def _unreadable(saw: Unreadable, want: Desired | None = None) -> Withheld:
    # Not being able to look is not the same as nothing being there.
    if want is None:
        return Withheld(saw.key, f"it may be ours, and {saw.why}", ReasonCode.UNREADABLE)
    return Withheld(saw.key, saw.why, ReasonCode.UNREADABLE, want.origin)


def _foreign(
    question: PlanInput, saw: LiveResource, want: Desired | None = None
) -> Withheld | None:
    account = question.target.account
    if account is not None and saw.account != account:
        why = f"it belongs to account {saw.account}, and this run acts for {account}"
    elif saw.owner == question.owner or (saw.owner is None and want and want.options.adopt):
        return None
    elif saw.owner is None and APPLIED_TAG in saw.tags:
        why = (
            "it has the last-applied record of mesh-reconciler but no owner tag, so that tag was "
            "removed; to manage it again, run adopt, or set reconcile.adopt: true"
        )
    elif saw.owner is None:
        why = (
            "it exists and nobody owns it: made by hand, or by a tool that leaves no mark; "
            "to take it over, run adopt, or say reconcile.adopt: true"
        )
    else:
        why = f"it is owned by {saw.owner}, not by {question.owner}"
    origin = want.origin if want else None
    return Withheld(saw.key, why, ReasonCode.FOREIGN, origin, live_owner=saw.owner)


def _unless_suspended(question: PlanInput, want: Desired, verdict: Verdict) -> Verdict:
    """Return ``verdict``, or while ``want`` is suspended its change as withheld."""
    pause = want.options.suspend
    if pause is None or pause.until <= question.now:
        return verdict
    why = f"suspended until {pause.until.isoformat()}: {pause.reason}"
    if isinstance(verdict, Key):
        # Nothing differs, so the owner tag is ours.
        return Withheld(want.key, why, ReasonCode.SUSPENDED, want.origin, live_owner=question.owner)
    change = verdict.change if isinstance(verdict, Withheld) else verdict
    return Withheld(want.key, why, ReasonCode.SUSPENDED, want.origin, change)


def _create(question: PlanInput, want: Desired) -> Create:
    tags = {**want.tags, **_owner_tags(question, want, managed_spec(want, question.canonical))}
    # What is ignored is not corrected later, but it is sent now, and so it is shown.
    spec = None if want.spec is None else question.canonical(want.spec, None)
    after = view(spec, tags, protect=want.options.protect)
    return Create(want.key, want.spec, tags, want.origin, Difference(None, after))


def _change(question: PlanInput, want: Desired, saw: LiveResource) -> Verdict:
    mark = parse_last_applied(saw.tags)
    live = question.canonical(saw.spec, want.spec)
    spec = None if want.spec is None else overlay(want.spec, saw.spec, want.options.ignore)
    after = live if spec is None else question.canonical(spec, None)
    managed = managed_spec(want, question.canonical)
    tags = _tags_after(want, saw, mark) | _owner_tags(question, want, managed)
    difference = Difference(
        view(live, saw.tags, protect=is_protected(saw.tags)),
        view(after, tags, protect=want.options.protect),
    )
    if not difference.fields:
        return want.key
    replaces = after != live
    sent = spec if replaces else None
    means = traffic.traffic_effect(live, after) if replaces else None
    change: Change
    if saw.owner is None:
        change = Adopt(want.key, saw, sent, tags, want.origin, difference, means)
    else:
        cause = _cause(question, want, saw, mark)
        change = Update(want.key, saw, sent, tags, want.origin, difference, cause, means)
    wiped = [field for field in saw.unknown if not _ignored(field, want.options.ignore)]
    if replaces and wiped:
        why = (
            f"its live spec has {', '.join(wiped)}, which this version does not know and an update "
            "would wipe; ignore it in the manifest's reconcile.ignore, or take it out"
        )
        return Withheld(want.key, why, ReasonCode.UNKNOWN_FIELD, want.origin, change)
    return change


def _delete(question: PlanInput, saw: LiveResource) -> Delete | Withheld:
    if is_protected(saw.tags):
        why = "no manifest asks for it, and its last manifest said reconcile.protect: true"
        return Withheld(saw.key, why, ReasonCode.PROTECTED, live_owner=saw.owner)
    before = view(question.canonical(saw.spec, None), saw.tags, protect=False)
    return Delete(saw.key, saw, Difference(before, None))


def managed_spec(want: Desired, canonical: Canonical) -> Spec | None:
    """Return the canonical part of the desired spec that we manage; None where we manage none."""
    if want.spec is None:
        return None
    return canonical(overlay(want.spec, {}, want.options.ignore), None)


def _owner_tags(question: PlanInput, want: Desired, managed: Spec | None) -> dict[str, str]:
    mark = last_applied_for(managed, want.tags, protect=want.options.protect)
    return {OWNER_TAG: question.owner, APPLIED_TAG: str(mark)}


def _tags_after(want: Desired, saw: LiveResource, mark: LastApplied | None) -> dict[str, str]:
    """Return what others put there, less what the manifest dropped, and what it asks for now."""
    kept = {
        key: value
        for key, value in user_tags(saw.tags).items()
        if key in want.tags or mark is None or not mark.manages_tag(key)
    }
    return kept | dict(want.tags)


def _ignored(field: str, pointers: Iterable[str]) -> bool:
    return any(field == pointer or field.startswith(f"{pointer}/") for pointer in pointers)


def _cause(
    question: PlanInput, want: Desired, saw: LiveResource, mark: LastApplied | None
) -> Cause:
    if mark is None:
        return Cause.UNKNOWN
    live = None
    if want.spec is not None:
        shown = overlay(saw.spec, {}, want.options.ignore)
        live = question.canonical(shown, want.spec)
    causes = set(_spec_causes(managed_spec(want, question.canonical), live, mark))
    causes |= set(_tag_causes(want.tags, user_tags(saw.tags), mark))
    if mark.protect != want.options.protect:
        causes.add(Cause.MANIFEST)
    if Cause.BOTH in causes or {Cause.MANIFEST, Cause.DRIFT} <= causes:
        return Cause.BOTH
    # Whatever is left beside an unknown part is known, and says more than "unknown".
    known = causes - {Cause.UNKNOWN}
    return known.pop() if known else Cause.UNKNOWN


def _spec_causes(want: Spec | None, live: Spec | None, mark: LastApplied) -> list[Cause]:
    if want == live:
        return []
    # A record without a spec says that the last manifest had none: this one begins to manage it.
    if mark.spec_digest in (spec_digest(live), UNMANAGED):
        return [Cause.MANIFEST]
    return [Cause.DRIFT if mark.spec_digest == spec_digest(want) else Cause.BOTH]


def _tag_causes(want: Mapping[str, str], live: Mapping[str, str], mark: LastApplied) -> list[Cause]:
    causes = [Cause.MANIFEST for key in live if key not in want and mark.manages_tag(key)]
    for key, value in want.items():
        if not mark.manages_tag(key):
            causes += [Cause.MANIFEST] if live.get(key) != value else []
        elif key not in live:
            causes.append(Cause.DRIFT)
        elif live[key] != value:
            # The mark holds keys, not values: either side may have moved.
            causes.append(Cause.UNKNOWN)
    return causes


def view(spec: Spec | None, tags: Mapping[str, str], *, protect: bool) -> Json:
    """Return one side of a difference; without a ``spec`` it is about the rest alone."""
    shown: dict[str, Json] = {key: tags[key] for key in sorted(tags) if key != APPLIED_TAG}
    view: dict[str, Json] = {"tags": shown} if spec is None else {"spec": spec, "tags": shown}
    return {**view, "protect": True} if protect else view


def _gap_text(world: LiveState) -> list[str]:
    return [
        *(f"{gap} could not be listed" for gap in world.unlisted),
        *(
            f"{saw.key} could not be read"
            for saw in world.resources.values()
            if isinstance(saw, Unreadable)
        ),
    ]


def _in_order(changes: Iterable[Change], early: Collection[Key]) -> tuple[Change, ...]:
    """Return writes with parents before children, then deletes the other way round.

    What is ``early`` comes right before what contains it, deletes too.
    """
    writes: list[Change] = []
    deletes: list[Delete] = []
    for change in changes:
        if isinstance(change, Delete) and change.key not in early:
            deletes.append(change)
        else:
            writes.append(change)
    return (*sorted(writes, key=lambda it: _order(it.key, early)), *in_order(deletes))


def _order(key: Key, early: Collection[Key]) -> tuple[float, Key]:
    parent = parent_of(key)
    if key in early and parent is not None:
        return KINDS[parent.kind].wave - 0.5, key
    return KINDS[key.kind].wave, key
