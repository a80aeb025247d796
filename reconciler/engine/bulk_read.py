"""Reads versions and tags of many resources with few calls."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.core.errors import TargetError
from reconciler.core.resources import Key, ResourceVersion
from reconciler.engine.target import Target


@dataclass(frozen=True, slots=True)
class BulkRead:
    """The versions from lists, and the tags from the tag index."""

    versions: Mapping[Key, ResourceVersion]
    tags: Mapping[Key, Mapping[str, str]]


def read_in_bulk(target: Target, keys: Collection[Key]) -> BulkRead | None:
    """Return the current versions and tags of ``keys``.

    Returns:
        None if bulk reads are not possible, so that each resource has to be read by itself.
    """
    try:
        tags = target.tags()
        if tags is None:
            return None
        versions = target.list_versions(keys)
    except TargetError:
        # A failed list must not fail the whole wave.
        return None
    return BulkRead(
        versions,
        {key: tags[version.arn] for key, version in versions.items() if version.arn in tags},
    )
