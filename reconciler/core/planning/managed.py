"""The part of a resource that its manifest manages."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from reconciler.core.diff import overlay
from reconciler.core.planning.last_applied import LastApplied, user_tags
from reconciler.core.resources import Desired, Spec

Canonical: TypeAlias = Callable[[Spec, Spec | None], Spec]
"""Returns a spec as the target would return it; see ``PlanInput``."""


def managed_spec(desired: Desired, canonical: Canonical) -> Spec | None:
    """Return the managed part of the desired spec, canonical; None if the spec is not managed."""
    if desired.spec is None:
        return None
    return canonical(overlay(desired.spec, {}, desired.options.ignore), None)


def tags_after(
    desired: Desired, live: Mapping[str, str], last_applied: LastApplied | None
) -> dict[str, str]:
    """Return the desired tags and those of other tools, without tags removed from the manifest."""
    kept = {
        key: value
        for key, value in user_tags(live).items()
        if key in desired.tags or last_applied is None or not last_applied.manages_tag(key)
    }
    return kept | dict(desired.tags)
