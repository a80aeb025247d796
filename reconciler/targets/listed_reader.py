"""Reads listed resources with as few calls as the lists, the index of tags and the cache allow."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from reconciler.core.errors import NotFoundError, TargetError
from reconciler.core.resources import (
    LISTED_BUT_NOT_FOUND,
    OWNER_TAG,
    Attests,
    Key,
    LiveResource,
    ResourceVersion,
    Unreadable,
)
from reconciler.targets.listing import Ref
from reconciler.targets.responses import attested_resource, to_live_resource
from reconciler.targets.tag_index import TagIndex

Tags: TypeAlias = Mapping[str, str]
ReadResult: TypeAlias = LiveResource | Unreadable | None


class ReadCalls(Protocol):
    """The calls and the cache of a target."""

    def describe(self, key: Key) -> dict[str, Any]:
        """Return the body of the response to the describe operation of `key`."""

    def tags_of(self, key: Key, arn: str) -> dict[str, str]:
        """Return the tags of one resource."""

    def is_foreign(self, ref: Ref) -> bool:
        """Return whether another account owns the resource, so that its tags cannot be listed."""

    def cached(self, key: Key, ref: Ref) -> LiveResource | None:
        """Return the cached `key` if it is unchanged in the list, or None."""


@dataclass(frozen=True, slots=True)
class ListedReader:
    """Reads the listed resources that are requested or owned."""

    target: ReadCalls
    requested: frozenset[Key]
    owner: str
    index: TagIndex
    refs: Mapping[Key, Ref]
    attested_spec: Attests | None
    trusted_until: float
    """Time of the target's clock: the index may not have changes of then or later."""

    def is_relevant(self, key: Key) -> bool:
        """Return whether the resource is requested or may be owned, as far as the index shows."""
        ref = self.refs[key]
        return key in self.requested or not (
            self.target.is_foreign(ref) or self.index.lacks(ref["arn"])
        )

    def read_without_call(self, key: Key) -> LiveResource | None:
        """Return the live resource if the lists, the index and the cache show it, or None."""
        ref = self.refs[key]
        cached = self.target.cached(key, ref)
        tags = self._known_tags(ref, cached)
        if tags is None or not self._is_selected(key, tags):
            return None
        if cached is not None and not cached.attested:
            return replace(cached, tags=tags)
        # The manifest or the tags may have changed after a cached resource was attested.
        if cached is not None or self._has_current_tags(ref):
            return self._attested(key, ref, tags)
        return None

    def read(self, key: Key) -> ReadResult:
        """Return the live resource, or None if it is neither requested nor owned."""
        ref = self.refs[key]
        try:
            tags = self._known_tags(ref, self.target.cached(key, ref))
            if tags is None:
                # The index may lag behind, so tags that it does not have are read if they matter.
                tags = self.target.tags_of(key, ref["arn"])
            if not self._is_selected(key, tags):
                return None
            return to_live_resource(key, self.target.describe(key), tags)
        except TargetError as error:
            # NotFound does not prove absence either: the resource was just listed.
            return Unreadable(
                key, LISTED_BUT_NOT_FOUND if isinstance(error, NotFoundError) else str(error)
            )

    def _known_tags(self, ref: Ref, cached: LiveResource | None) -> Tags | None:
        """Return the tags in the index, or else those in the cache, or None."""
        if self.target.is_foreign(ref):
            return {}
        tags = self.index.tags(ref["arn"])
        return cached.tags if tags is None and cached is not None else tags

    def _is_selected(self, key: Key, tags: Tags) -> bool:
        return key in self.requested or tags.get(OWNER_TAG) == self.owner

    def _has_current_tags(self, ref: Ref) -> bool:
        """Whether the tags in the index are of this resource, not of one that it replaced."""
        if not self.index.is_new or self.index.tags(ref["arn"]) is None:
            return False
        changed_at: float = max(ref["createdAt"], ref["lastUpdatedAt"])
        return changed_at < self.trusted_until

    def _attested(self, key: Key, ref: Ref, tags: Tags) -> LiveResource | None:
        if self.attested_spec is None:
            return None
        spec = self.attested_spec(key, ResourceVersion(ref["version"], ref["createdAt"]), tags)
        return None if spec is None else attested_resource(key, ref, spec, tags)
