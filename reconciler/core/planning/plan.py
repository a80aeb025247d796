"""Makes a plan from the desired and the live state.

A plan has each desired or live key exactly once: as a change, as unchanged, or as withheld with a
reason. `make_plan` is a pure function, so equal inputs give equal plans.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

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
from reconciler.core.diff import overlay
from reconciler.core.kinds import KINDS
from reconciler.core.planning import traffic_effects
from reconciler.core.planning.causes import find_cause
from reconciler.core.planning.change_order import order_changes
from reconciler.core.planning.dependencies import withhold_blocked
from reconciler.core.planning.guards import GuardSettings, apply_guards
from reconciler.core.planning.last_applied import (
    attest,
    is_protected,
    last_applied_for,
    parse_last_applied,
    spec_digest,
    unattested,
)
from reconciler.core.planning.listener_changes import plan_listener_changes
from reconciler.core.planning.managed import Canonical, managed_spec, tags_after
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
from reconciler.core.source_revision import AppliedCommit, SourceRevision


@dataclass(frozen=True, slots=True)
class Plan:
    """One verdict for each key.

    Attributes:
        changes: The changes to make, in the order of the writes.
        unchanged: Keys whose live state is the desired state.
        withheld: Resources that are not changed, with reasons.
        unlisted: Lists that could not be read; even the keys of these resources are unknown.
        owned: Number of live resources of ``owner``; None if not counted.
        renewals: Updates of nothing but the last-applied record, of resources in ``unchanged``.
        revision: The commit of the manifests, which is only shown; None if it is not known.
        proxies: The proxies that each change concerns, by the key of the change. It is only shown.
        traffic: The effects of each change on traffic, by the key of the change. It is only shown.
        applied_commit: The commit to record when the plan is applied; None for files.
    """

    target: TargetId
    owner: str
    changes: tuple[Change, ...]
    unchanged: tuple[Key, ...]
    withheld: tuple[Withheld, ...]
    unlisted: tuple[Unlisted, ...] = ()
    owned: int | None = None
    renewals: tuple[Update, ...] = ()
    revision: SourceRevision | None = None
    proxies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    traffic: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    applied_commit: AppliedCommit | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys with a verdict, including routes that are detached by an update."""
        changes = (
            *self.changes,
            *(withheld.change for withheld in self.withheld if withheld.change),
        )
        return (
            *(change.key for change in self.changes),
            *(route.detach.key for change in changes for route in detached_routes(change)),
            *self.unchanged,
            *(withheld.key for withheld in self.withheld),
        )

    @property
    def is_complete(self) -> bool:
        """Whether all resources that ``owner`` may own were read."""
        return not self.unlisted and not any(
            withheld.reason_code is ReasonCode.UNREADABLE for withheld in self.withheld
        )

    @property
    def fingerprint(self) -> str:
        """The digest that a reviewer approves: 43 characters.

        It covers the target, the owner and the patch of each change. Versions, times and the commit
        of the manifests are not included, so that unrelated edits do not change it.
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
    steps = [(item.detach.key, item.attach.difference) for item in detached_routes(change)]
    steps += [(item.before.key, item.difference) for item in unlinked(change)]
    return [[str(key), list(difference.patch)] for key, difference in steps]


@dataclass(frozen=True, slots=True)
class PlanInput:
    """The inputs of a plan.

    Attributes:
        canonical: Returns a spec as the target would return it, without defaults of the service
            for fields that the second spec does not have.
        now: The current time, with a time zone; decides which suspensions have ended.
        settled: Keys whose last write by this process is complete, with its record.
    """

    target: TargetId
    owner: str
    desired: Mapping[Key, Desired]
    live: LiveState
    canonical: Canonical
    guards: GuardSettings
    now: datetime
    settled: frozenset[Key] = frozenset()


def make_plan(inputs: PlanInput) -> Plan:
    """Return the plan for ``inputs``."""
    desired, live = inputs.desired, inputs.live
    owned = count_owned(live.resources.values(), inputs.owner)
    verdicts = [
        _verdict(inputs, resource, live.resources.get(key)) for key, resource in desired.items()
    ] + [
        _verdict_without_manifest(inputs, resource)
        for key, resource in live.resources.items()
        if key not in desired
    ]
    allowed, withheld_by_guards = apply_guards(
        [verdict for verdict in verdicts if isinstance(verdict, Change)],
        inputs.guards,
        owned=owned,
        nothing_desired=not desired,
        unlisted=_read_failures(live),
    )
    withheld = [verdict for verdict in verdicts if isinstance(verdict, Withheld)]
    withheld += withheld_by_guards
    withheld_keys = {item.key for item in withheld}
    listener_plan = plan_listener_changes(allowed, desired, withheld_keys, live, inputs.owner)
    possible, blocked = withhold_blocked(listener_plan.changes, live)
    unchanged = {verdict for verdict in verdicts if isinstance(verdict, Key)}
    unchanged -= listener_plan.detached_keys
    return Plan(
        inputs.target,
        inputs.owner,
        order_changes(possible, listener_plan.before_parent),
        tuple(sorted(unchanged)),
        tuple(
            sorted(
                (*withheld, *listener_plan.withheld, *blocked),
                key=lambda item: item.key,
            )
        ),
        live.unlisted,
        owned,
        tuple(
            renewal
            for key in sorted(unchanged)
            if (renewal := _renewal(inputs, desired[key], live.resources[key])) is not None
        ),
    )


def count_owned(resources: Iterable[LiveResource | Unreadable], owner: str) -> int:
    """Return how many of ``resources`` are known to be owned by ``owner``."""
    return sum(isinstance(live, LiveResource) and live.owner == owner for live in resources)


Verdict: TypeAlias = Change | Withheld | Key
"""The decision about a key; the key itself if nothing has to change."""


def _verdict(
    inputs: PlanInput, desired: Desired, live: LiveResource | Unreadable | None
) -> Verdict:
    if desired.key.mesh_owner and KINDS[desired.key.kind].owner_only:
        reason = (
            f"only account {desired.key.mesh_owner}, the owner of the mesh, can create a "
            f"{desired.key.kind} in it"
        )
        return Withheld(desired.key, reason, ReasonCode.FOREIGN, desired.origin)
    if isinstance(live, Unreadable):
        return _withhold_unreadable(live, desired)
    if live is None:
        return _unless_suspended(inputs, desired, _create(inputs, desired))
    return _withhold_foreign(inputs, live, desired) or _unless_suspended(
        inputs, desired, _change(inputs, desired, live)
    )


def _verdict_without_manifest(inputs: PlanInput, live: LiveResource | Unreadable) -> Verdict:
    if isinstance(live, Unreadable):
        return _withhold_unreadable(live)
    return _withhold_foreign(inputs, live) or _delete(inputs, live)


def _withhold_unreadable(live: Unreadable, desired: Desired | None = None) -> Withheld:
    if desired is None:
        return Withheld(live.key, f"it may be ours, but {live.message}", ReasonCode.UNREADABLE)
    return Withheld(live.key, live.message, ReasonCode.UNREADABLE, desired.origin)


def _withhold_foreign(
    inputs: PlanInput, live: LiveResource, desired: Desired | None = None
) -> Withheld | None:
    account = inputs.target.account
    if account is not None and live.account != account:
        reason = f"it belongs to account {live.account}, but this run uses account {account}"
    elif live.owner == inputs.owner or (live.owner is None and desired and desired.options.adopt):
        return None
    elif live.owner is None and APPLIED_TAG in live.tags:
        reason = (
            "it has the last-applied record of mesh-reconciler but no owner tag, so that tag was "
            "removed: to manage it again, run adopt, or set reconcile.adopt: true"
        )
    elif live.owner is None:
        reason = (
            "it exists without an owner tag (created by hand or by another tool): to take it "
            "over, run adopt, or set reconcile.adopt: true"
        )
    else:
        reason = f"it is owned by {live.owner}, not by {inputs.owner}"
    origin = desired.origin if desired else None
    return Withheld(live.key, reason, ReasonCode.FOREIGN, origin, live_owner=live.owner)


def _unless_suspended(inputs: PlanInput, desired: Desired, verdict: Verdict) -> Verdict:
    """Return ``verdict``, withheld if ``desired`` is suspended."""
    suspension = desired.options.suspend
    if suspension is None or suspension.until <= inputs.now:
        return verdict
    reason = f"suspended until {suspension.until.isoformat()}: {suspension.reason}"
    if isinstance(verdict, Key):
        # No difference means that the owner tag is correct.
        return Withheld(
            desired.key, reason, ReasonCode.SUSPENDED, desired.origin, live_owner=inputs.owner
        )
    change = verdict.change if isinstance(verdict, Withheld) else verdict
    return Withheld(desired.key, reason, ReasonCode.SUSPENDED, desired.origin, change)


def _create(inputs: PlanInput, desired: Desired) -> Create:
    tags = {**desired.tags, **_owner_tags(inputs, desired, managed_spec(desired, inputs.canonical))}
    # A create also sends the ignored fields, so its difference includes them.
    spec = None if desired.spec is None else inputs.canonical(desired.spec, None)
    after = view(spec, tags, protect=desired.options.protect)
    return Create(desired.key, desired.spec, tags, desired.origin, Difference(None, after))


def _change(inputs: PlanInput, desired: Desired, live_resource: LiveResource) -> Verdict:
    if live_resource.attested:
        # Only resources in sync are attested.
        return desired.key
    last_applied = parse_last_applied(live_resource.tags)
    live_spec = inputs.canonical(live_resource.spec, desired.spec)
    spec = (
        None
        if desired.spec is None
        else overlay(desired.spec, live_resource.spec, desired.options.ignore)
    )
    after = live_spec if spec is None else inputs.canonical(spec, None)
    managed = managed_spec(desired, inputs.canonical)
    tags = tags_after(desired, live_resource.tags, last_applied) | _owner_tags(
        inputs, desired, managed
    )
    difference = Difference(
        view(live_spec, live_resource.tags, protect=is_protected(live_resource.tags)),
        view(after, tags, protect=desired.options.protect),
    )
    if not difference.fields:
        return desired.key
    replaces = after != live_spec
    sent = spec if replaces else None
    traffic = traffic_effects.traffic_effect(live_spec, after) if replaces else None
    change: Change
    if live_resource.owner is None:
        if sent is None:
            # Between the read and the tags it may be replaced within the second of its creation.
            tags = dict(unattested(tags))
        change = Adopt(desired.key, live_resource, sent, tags, desired.origin, difference, traffic)
    else:
        cause = find_cause(
            desired,
            live_resource,
            last_applied,
            inputs.canonical,
            is_settled=desired.key in inputs.settled,
        )
        change = Update(
            desired.key, live_resource, sent, tags, desired.origin, difference, cause, traffic
        )
    return (_withhold_unknown(change, desired, live_resource) if replaces else None) or change


def _withhold_unknown(change: Change, desired: Desired, live: LiveResource) -> Withheld | None:
    """Withhold a change of the spec that would remove fields which this version does not know."""
    removed = [field for field in live.unknown if not _is_ignored(field, desired.options.ignore)]
    if not removed:
        return None
    reason = (
        f"its live spec has {', '.join(removed)}, which this version does not know and an update "
        "would remove: add it to reconcile.ignore, or remove it from the live resource"
    )
    return Withheld(desired.key, reason, ReasonCode.UNKNOWN_FIELD, desired.origin, change)


def _renewal(inputs: PlanInput, desired: Desired, live: LiveResource | Unreadable) -> Update | None:
    """Return the update of the record of an unchanged resource, or None if it needs none."""
    if not isinstance(live, LiveResource) or live.attested:
        return None
    managed, known = managed_spec(desired, inputs.canonical), parse_last_applied(live.tags)
    # A service may count the write of a tag as a version. Renewed each time, it would never end.
    if (
        known is not None
        and known.version
        and known.spec_digest == spec_digest(managed)
        and live.version - known.version in (0, 1)
    ):
        return None
    tags = {**live.tags, **_owner_tags(inputs, desired, managed)}
    if attest(tags, live.version, live.created_at) == live.tags:
        # With nearly all tags in use the record has no room for the version.
        return None
    unchanged = Difference(None, None)
    return Update(desired.key, live, None, tags, desired.origin, unchanged, Cause.MANIFEST)


def _delete(inputs: PlanInput, live: LiveResource) -> Delete | Withheld:
    if is_protected(live.tags):
        reason = (
            "it has no manifest, but its last manifest set reconcile.protect: true; to delete it, "
            "first apply a manifest that sets it to false"
        )
        return Withheld(live.key, reason, ReasonCode.PROTECTED, live_owner=live.owner)
    before = view(inputs.canonical(live.spec, None), live.tags, protect=False)
    return Delete(live.key, live, Difference(before, None))


def _owner_tags(inputs: PlanInput, desired: Desired, managed: Spec | None) -> dict[str, str]:
    last_applied = last_applied_for(managed, desired.tags, protect=desired.options.protect)
    tags = {OWNER_TAG: inputs.owner, APPLIED_TAG: str(last_applied)}
    # The digest covers no ignored field. Without `ignore`, the record would attest a spec that has
    # never been compared.
    return dict(unattested(tags)) if desired.options.ignore else tags


def _is_ignored(field: str, pointers: Iterable[str]) -> bool:
    return any(field == pointer or field.startswith(f"{pointer}/") for pointer in pointers)


def view(spec: Spec | None, tags: Mapping[str, str], *, protect: bool) -> Json:
    """Return one side of a `Difference`; without ``spec`` it has only tags and protection."""
    shown_tags: dict[str, Json] = {key: tags[key] for key in sorted(tags) if key != APPLIED_TAG}
    side: dict[str, Json] = {} if spec is None else {"spec": spec}
    side["tags"] = shown_tags
    return {**side, "protect": True} if protect else side


def _read_failures(live: LiveState) -> list[str]:
    return [
        *(f"{unlisted} could not be listed" for unlisted in live.unlisted),
        *(
            f"{resource.key} could not be read"
            for resource in live.resources.values()
            if isinstance(resource, Unreadable)
        ),
    ]
