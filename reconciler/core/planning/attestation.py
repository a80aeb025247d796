"""Tells which resources need not be described, because their records attest their specs.

App Mesh creates a resource at version 1 and raises the version with every update (the API's
reference of ResourceMetadata). If a record says at which version a spec was live, and a list still
shows that version, the spec is still live.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.planning.last_applied import (
    creation_digest,
    parse_last_applied,
    spec_digest,
    user_tags,
)
from reconciler.core.planning.managed import Canonical, managed_spec, tags_after
from reconciler.core.resources import OWNER_TAG, Desired, Key, ResourceVersion, Spec


@dataclass(frozen=True, slots=True)
class Attestations:
    """Returns the spec of a resource whose record shows that it is in sync.

    Attributes:
        desired: The desired resources.
        owner: Owner id of the run; records of others are not believed.
        canonical: See ``PlanInput``.
    """

    desired: Mapping[Key, Desired]
    owner: str
    canonical: Canonical

    def __call__(self, key: Key, version: ResourceVersion, tags: Mapping[str, str]) -> Spec | None:
        """Return the managed spec of ``key`` at ``version``, or None if it has to be described.

        The record in ``tags`` is believed if it is of this version and of the desired spec, and if
        the tags are the desired ones too.
        """
        resource, record = self.desired.get(key), parse_last_applied(tags)
        if resource is None or record is None or tags.get(OWNER_TAG) != self.owner:
            return None
        if record.creation not in ("", creation_digest(version.created_at)):
            return None
        if record.version != version.version or record.protect != resource.options.protect:
            return None
        if tags_after(resource, tags, record) != user_tags(tags):
            return None
        spec = managed_spec(resource, self.canonical)
        return (spec or {}) if record.spec_digest == spec_digest(spec) else None
