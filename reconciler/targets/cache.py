"""Cache between two reads of a target: the index of tags and the resources.

Every change of a spec changes the version, so the lists show which resources to describe again. A
change of tags does not change the version. So the tags are read again in parts, and drift of tags
is found after `cycles_per_full_recheck` cycles at the latest. A share of the resources is described
in each cycle even if nothing shows a change, so that all are within `description_cycles` cycles.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from reconciler import limits
from reconciler.core.resources import OWNER_TAG, Key, LiveResource, Unreadable
from reconciler.targets.api_client import ApiClient
from reconciler.targets.listing import Listing
from reconciler.targets.tag_index import TagIndex
from reconciler.targets.unchanged_lists import ReadInput, UnchangedLists

Ref = Mapping[str, Any]
Tags = Mapping[str, str]


class ReadCache:
    """The resources of the last read, for a process that reads one target repeatedly.

    Attributes:
        description_cycles: Number of cycles after which every resource has been described.
    """

    def __init__(self, description_cycles: float = limits.DESCRIPTION_SECONDS) -> None:
        self.description_cycles = description_cycles
        self._due = 0.0
        self._last_due: Key | None = None
        self._describes_all = False
        self._cached: dict[Key, tuple[tuple[Any, ...], LiveResource]] = {}
        self._index: TagIndex | None = None
        self._lists = UnchangedLists()
        self._rechecked: set[str] = set()
        self._token = ""
        self._next_dropped = 0

    @property
    def cycles_per_full_recheck(self) -> int:
        """Number of cycles after which all tags have been read again."""
        indexed = self._index.by_arn if self._index else None
        calls = len(self._cached) if indexed is None else -(-len(indexed) // limits.TAG_PAGE_SIZE)
        return -(-calls // limits.TAG_PAGES_PER_CYCLE) or 1

    def clear(self) -> None:
        """Forget everything, so that the next cycle reads and describes everything."""
        self._describes_all |= self._index is not None
        self._cached.clear()
        self._index, self._token = None, ""
        self._lists = UnchangedLists()
        self._rechecked.clear()

    def index(self, client: ApiClient) -> TagIndex:
        """Return the index: the first call reads all of it, each later call some pages again."""
        if self._index is None or self._index.by_arn is None:
            self._index = TagIndex(client)
            self._drop_some()
            self._index.is_new = not self._describes_all
            self._describes_all = False
        else:
            self._read_next_pages(client, self._index.by_arn, self._index.possibly_stale)
            self._index.is_new = False
        self._drop_due()
        return self._index

    def unchanged(self, read_input: ReadInput) -> tuple[TagIndex, Listing] | None:
        """Return the index and the lists of the last read if all of them are certainly the same."""
        index = self._index
        if index is None or index.by_arn is None or index.possibly_stale:
            return None
        # A page of the index may have been read before a write, so each is read once more.
        listing = self._lists.get(read_input, 2 * self.cycles_per_full_recheck)
        if listing is None:
            return None
        index.is_new = False
        self._drop_due()
        return index, listing

    def store_lists(self, read_input: ReadInput, listing: Listing) -> None:
        """Store the lists of a read for `unchanged`."""
        self._lists.store(read_input, listing)

    def get(self, key: Key, ref: Ref) -> LiveResource | None:
        """Return the cached `key`, or None if `ref` shows that it changed."""
        stamp, cached = self._cached.get(key, (None, None))
        return cached if stamp == _stamp(ref) else None

    def store(
        self, refs: Mapping[Key, Ref], resources: Mapping[Key, LiveResource | Unreadable]
    ) -> None:
        """Replace the content of the cache with the resources of one read.

        A description that is older than its list entry is not cached: it would stay in the cache
        until the next change.
        """
        self._cached = {
            key: (_stamp(ref), resource)
            for key, resource in resources.items()
            if isinstance(resource, LiveResource)
            and (resource.version, resource.created_at)
            == ((ref := refs[key])["version"], ref["createdAt"])
        }

    def forget(self, key: Key) -> None:
        """Remove `key`, which is about to be written or read individually."""
        _, cached = self._cached.pop(key, (None, None))
        if cached is not None and self._index is not None:
            self._index.possibly_stale.add(cached.arn)

    def _read_next_pages(
        self, client: ApiClient, by_arn: dict[str, Tags], possibly_stale: set[str]
    ) -> None:
        for _ in range(limits.TAG_PAGES_PER_CYCLE):
            page = client.tagged(OWNER_TAG, self._token)
            if page is None:
                # Start again with a new index. If there is no tagging API any more, its `by_arn` is
                # None, and tags are read resource by resource.
                self.clear()
                self._index = TagIndex(client)
                return
            rows, self._token = page
            by_arn |= rows
            possibly_stale -= rows.keys()
            self._rechecked |= rows.keys()
            if not self._token:
                for arn in by_arn.keys() - self._rechecked:
                    del by_arn[arn]
                # A resource that lost its owner tag is removed from the cache, so it is read again.
                self._cached = {
                    key: resource
                    for key, resource in self._cached.items()
                    if resource[1].arn in by_arn
                }
                self._rechecked.clear()
                return

    def _drop_some(self) -> None:
        """Without an index, remove some resources, so that their tags are read in this cycle."""
        keys = sorted(self._cached)
        for key in keys[self._next_dropped : self._next_dropped + limits.TAG_PAGES_PER_CYCLE]:
            del self._cached[key]
        self._next_dropped = (
            self._next_dropped + limits.TAG_PAGES_PER_CYCLE if self._next_dropped < len(keys) else 0
        )

    def _drop_due(self) -> None:
        """Remove the next share of the resources, so that they are described in this cycle."""
        self._due += len(self._cached) / self.description_cycles
        keys = sorted(self._cached) if self._due >= 1 else []
        start = bisect_right(keys, self._last_due) if self._last_due else 0
        for key in (keys[start:] + keys[:start])[: int(self._due)]:
            del self._cached[key]
            self._last_due = key
        self._due %= 1


def _stamp(ref: Ref) -> tuple[Any, ...]:
    return ref["arn"], ref["version"], ref["createdAt"], ref["lastUpdatedAt"]
