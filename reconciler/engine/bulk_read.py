"""A fresh look at everything at once, where looking at each by itself would cost too many calls."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.core.errors import TargetError
from reconciler.core.resources import Key, ResourceVersion
from reconciler.engine.target import Target


@dataclass(frozen=True, slots=True)
class BulkRead:
    """What whole lists, and the tags in pages, showed."""

    versions: Mapping[Key, ResourceVersion]
    tags: Mapping[Key, Mapping[str, str]]


def read_in_bulk(target: Target, keys: Collection[Key]) -> BulkRead | None:
    """Return a fresh look at ``keys``; None where each has to be looked at by itself."""
    try:
        tags = target.tags()
        if tags is None:
            return None
        versions = target.list_versions(keys)
    except TargetError:
        # One failed list must not fail a wave.
        return None
    return BulkRead(
        versions,
        {key: tags[version.arn] for key, version in versions.items() if version.arn in tags},
    )
