"""What one look leaves for the next: the index of tags, and what lists show unmoved.

A version moves with every change of a spec, so a list tells what to describe anew. Tags move no
version: they are read again part by part, so that drift of tags shows within one round.
"""

from collections.abc import Mapping
from typing import Any

from reconciler import limits
from reconciler.core.resources import OWNER_TAG, Key, LiveResource, Unreadable
from reconciler.targets.api_client import ApiClient

Ref = Mapping[str, Any]
Tags = Mapping[str, str]


class TagIndex:
    """The tags of all that carries an owner's mark, by ARN; None where there is no such index."""

    def __init__(self, client: ApiClient) -> None:
        """Read every page; of what is ``unsure``, tags are read one resource at a time."""
        self.by_arn: dict[str, Tags] | None = {}
        self.possibly_stale: set[str] = set()
        token = ""
        for _ in range(limits.API_MAX_PAGES):
            page = client.tagged(OWNER_TAG, token)
            if page is None:
                break
            rows, following = page
            self.by_arn |= rows
            if not following:
                return
            if following == token:
                break
            token = following
        self.by_arn = None

    def tags(self, arn: str) -> Tags | None:
        """Return the tags that it has of ``arn``."""
        return None if self.by_arn is None or arn in self.possibly_stale else self.by_arn.get(arn)

    def lacks(self, arn: str) -> bool:
        """Whether it says that ``arn`` carries no owner's mark."""
        return self.by_arn is not None and arn not in self.by_arn

    def owned(self, owner: str) -> tuple[set[str], set[str]] | None:
        """Return the ARNs of the meshes of ``owner``, and the names of those with more of it.

        None where there is no index.
        """
        if self.by_arn is None:
            return None
        ours = [arn for arn, tags in self.by_arn.items() if tags.get(OWNER_TAG) == owner]
        meshes = {arn for arn in ours if arn.count("/") == 1}
        # The account in an ARN is its resource's: of a shared mesh it has the name alone, or
        # mesh@owner. A name too many costs a list, and one too few would hide what is ours.
        names = {arn.split("/")[1] for arn in ours if arn not in meshes}
        return meshes, names | {name.rpartition("@")[0] for name in names}


class ReadCache:
    """What the last look saw; for who looks again and again at one target."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[tuple[Any, ...], LiveResource]] = {}
        self._index: TagIndex | None = None
        self._seen_this_round: set[str] = set()
        self._token = ""
        self._turn = 0

    @property
    def cycles_per_full_recheck(self) -> int:
        """After how many cycles every tag has been read again."""
        indexed = self._index.by_arn if self._index else None
        calls = len(self._known) if indexed is None else -(-len(indexed) // 100)
        return -(-calls // limits.TAG_PAGES_PER_CYCLE) or 1

    def clear(self) -> None:
        """Let everything be read anew."""
        self._known.clear()
        self._index, self._token = None, ""
        self._seen_this_round.clear()

    def index(self, client: ApiClient) -> TagIndex:
        """Return the index: read whole the first time, and some pages of it each time after."""
        if self._index is None or self._index.by_arn is None:
            self._index = TagIndex(client)
            self._drop_some()
        else:
            self._read_next_pages(client, self._index.by_arn, self._index.possibly_stale)
        return self._index

    def get(self, key: Key, ref: Ref) -> LiveResource | None:
        """Return what was seen of ``key``, where the list shows it unmoved."""
        stamp, seen = self._known.get(key, (None, None))
        return seen if stamp == _stamp(ref) else None

    def store(
        self, refs: Mapping[Key, Ref], resources: Mapping[Key, LiveResource | Unreadable]
    ) -> None:
        """Remember what a look saw, and nothing else.

        A description that lags behind the list would be taken for what the list shows for ever.
        """
        self._known = {
            key: (_stamp(ref), resource)
            for key, resource in resources.items()
            if isinstance(resource, LiveResource)
            and (resource.version, resource.created_at)
            == ((ref := refs[key])["version"], ref["createdAt"])
        }

    def forget(self, key: Key) -> None:
        """Take nothing for granted of what is about to be written, or was just looked at."""
        _, seen = self._known.pop(key, (None, None))
        if seen is not None and self._index is not None:
            self._index.possibly_stale.add(seen.arn)

    def _read_next_pages(
        self, client: ApiClient, by_arn: dict[str, Tags], unsure: set[str]
    ) -> None:
        for _ in range(limits.TAG_PAGES_PER_CYCLE):
            page = client.tagged(OWNER_TAG, self._token)
            if page is None:
                # It begins anew, and by itself where there is no index any more.
                self.clear()
                self._index = TagIndex(client)
                return
            rows, self._token = page
            by_arn |= rows
            unsure -= rows.keys()
            self._seen_this_round |= rows.keys()
            if not self._token:
                for arn in by_arn.keys() - self._seen_this_round:
                    del by_arn[arn]
                # Whose mark went is no longer known: it is read by itself.
                self._known = {
                    key: resource
                    for key, resource in self._known.items()
                    if resource[1].arn in by_arn
                }
                self._seen_this_round.clear()
                return

    def _drop_some(self) -> None:
        """Without an index, let some be read anew in each cycle."""
        keys = sorted(self._known)
        for key in keys[self._turn : self._turn + limits.TAG_PAGES_PER_CYCLE]:
            del self._known[key]
        self._turn = self._turn + limits.TAG_PAGES_PER_CYCLE if self._turn < len(keys) else 0


def _stamp(ref: Ref) -> tuple[Any, ...]:
    return ref["arn"], ref["version"], ref["createdAt"], ref["lastUpdatedAt"]
