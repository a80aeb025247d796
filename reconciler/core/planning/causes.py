"""The cause of a difference: the manifest, a change of the live resource, or both."""

from collections.abc import Mapping

from reconciler.core.changes import Cause
from reconciler.core.diff import overlay
from reconciler.core.planning.last_applied import UNMANAGED, LastApplied, spec_digest, user_tags
from reconciler.core.planning.managed import Canonical, managed_spec
from reconciler.core.resources import Desired, LiveResource, Spec


def find_cause(
    desired: Desired,
    live_resource: LiveResource,
    last_applied: LastApplied | None,
    canonical: Canonical,
    *,
    is_settled: bool,
) -> Cause:
    """Return why ``live_resource`` differs from ``desired``.

    Args:
        desired: The resource of the manifest.
        live_resource: The resource of the target.
        last_applied: The record of the last apply, or None if there is none.
        canonical: See ``PlanInput``.
        is_settled: Whether the last write of the resource by this process is complete.
    """
    if last_applied is None:
        return Cause.UNKNOWN
    live = None
    if desired.spec is not None:
        live = canonical(overlay(live_resource.spec, {}, desired.options.ignore), desired.spec)
    updates = None
    if last_applied.version and not is_settled:
        updates = live_resource.version - last_applied.version
    managed = managed_spec(desired, canonical)
    causes = set(_spec_causes(managed, live, last_applied, updates))
    causes |= set(_tag_causes(desired.tags, user_tags(live_resource.tags), last_applied))
    if last_applied.protect != desired.options.protect:
        causes.add(Cause.MANIFEST)
    if Cause.BOTH in causes or {Cause.MANIFEST, Cause.DRIFT} <= causes:
        return Cause.BOTH
    # A known cause of one part is more useful than the unknown cause of another.
    known = causes - {Cause.UNKNOWN}
    return known.pop() if known else Cause.UNKNOWN


def _spec_causes(
    desired: Spec | None, live: Spec | None, last_applied: LastApplied, updates: int | None
) -> list[Cause]:
    if desired == live:
        return []
    # A record without a spec means that the last manifest had none and this one adds it.
    if last_applied.spec_digest in (spec_digest(live), UNMANAGED):
        return [Cause.MANIFEST]
    if updates:
        # Made by another client, or by a run that ended before it wrote the record.
        return [Cause.UNKNOWN]
    return [Cause.DRIFT if last_applied.spec_digest == spec_digest(desired) else Cause.BOTH]


def _tag_causes(
    desired: Mapping[str, str], live: Mapping[str, str], last_applied: LastApplied
) -> list[Cause]:
    causes = [
        Cause.MANIFEST for key in live if key not in desired and last_applied.manages_tag(key)
    ]
    for key, value in desired.items():
        if not last_applied.manages_tag(key):
            causes += [Cause.MANIFEST] if live.get(key) != value else []
        elif key not in live:
            causes.append(Cause.DRIFT)
        elif live[key] != value:
            # The record has tag keys without values, so either side may have changed.
            causes.append(Cause.UNKNOWN)
    return causes
