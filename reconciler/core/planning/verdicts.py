"""Decides about one key: what to do with a resource, or why nothing is done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
)
from reconciler.core.diff import overlay
from reconciler.core.kinds import KINDS
from reconciler.core.planning import traffic_effects
from reconciler.core.planning.causes import find_cause
from reconciler.core.planning.guards import GuardSettings
from reconciler.core.planning.last_applied import (
    attest,
    is_protected,
    last_applied_for,
    parse_last_applied,
    spec_digest,
    unattested,
)
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
    Unreadable,
)


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


Verdict: TypeAlias = Change | Withheld | Key
"""The decision about a key; the key itself if nothing has to change."""


def verdict_of(
    inputs: PlanInput, desired: Desired, live: LiveResource | Unreadable | None
) -> Verdict:
    """Return the verdict on a resource with a manifest; ``live`` is None if it does not exist."""
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


def verdict_without_manifest(inputs: PlanInput, live: LiveResource | Unreadable) -> Verdict:
    """Return the verdict on a live resource that has no manifest."""
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


def renewal_of(
    inputs: PlanInput, desired: Desired, live: LiveResource | Unreadable
) -> Update | None:
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
