"""Both sides of one resource, without a verdict: its live state and its desired state."""

from reconciler.core.changes import Difference
from reconciler.core.diff import overlay
from reconciler.core.planning.last_applied import is_protected, parse_last_applied
from reconciler.core.planning.managed import Canonical, tags_after
from reconciler.core.planning.verdicts import view
from reconciler.core.resources import OWNER_TAG, Desired, LiveResource


def compare(
    desired: Desired | None, live: LiveResource | None, owner: str, canonical: Canonical
) -> Difference:
    """Return the live state before and the desired state after, in the form of a plan.

    Guards and other owners do not matter, so a plan may withhold the change.

    Args:
        desired: The manifest of the resource, or None if it has none.
        live: The live resource, or None if it does not exist.
        owner: The owner id of the manifests.
        canonical: See `PlanInput`.
    """
    reference = desired.spec if desired else None
    before = None
    if live is not None:
        live_spec = canonical(live.spec, reference)
        before = view(live_spec, live.tags, protect=is_protected(live.tags))
    if desired is None:
        return Difference(before, None)
    tags, after = dict(desired.tags), reference
    if live is not None:
        tags = tags_after(desired, live.tags, parse_last_applied(live.tags))
        # Without a spec in the manifest, the live spec stays.
        after = live.spec
        if reference is not None:
            after = overlay(reference, live.spec, desired.options.ignore)
    tags[OWNER_TAG] = owner
    spec = None if after is None else canonical(after, None)
    return Difference(before, view(spec, tags, protect=desired.options.protect))
