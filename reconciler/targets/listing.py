"""All that is there, as whole lists show it: meshes, and what stands in those that concern us."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from reconciler import parallel
from reconciler.core.errors import NotFoundError, TargetError
from reconciler.core.kinds import KINDS, parent_of
from reconciler.core.resources import Key, Unlisted
from reconciler.targets.api_client import ApiClient, items
from reconciler.targets.cache import TagIndex
from reconciler.targets.operation_names import arguments_of, operation_of, path_of

Ref = Mapping[str, Any]

_KINDS_IN = defaultdict(
    list,
    {name: [it for it in KINDS.values() if it.parent == name] for name in KINDS},
)


@dataclass(slots=True)
class Listing:
    """What all lists showed, and which could not be read, by kind and parent.

    ``shared`` are meshes of other accounts that no list shows, and that are there all the same.
    """

    refs: dict[Key, Ref]
    failed_lists: dict[tuple[str, Key], Unlisted] = field(default_factory=dict)
    shared: set[Key] = field(default_factory=set)

    def unlisted_reason(self, key: Key) -> str | None:
        """Say why ``key`` may be there though no list showed it; None where it is not there."""
        while (parent := parent_of(key)) is not None:
            if unlisted := self.failed_lists.get((key.kind, parent)):
                return unlisted.reason
            key = parent
        return None

    def add(self, parent: Key, lists: Mapping[str, dict[Key, Ref] | TargetError]) -> Iterator[Key]:
        """Add what the ``lists`` of ``parent`` showed, by kind; yield what may hold something."""
        if parent not in self.refs:
            if all(isinstance(refs, NotFoundError) for refs in lists.values()):
                # No list shows it, and it is not found: it is not there, or not shared with us.
                return
            if not all(isinstance(refs, TargetError) for refs in lists.values()):
                self.shared.add(parent)
        for kind, refs in lists.items():
            if isinstance(refs, TargetError):
                self.failed_lists[kind, parent] = Unlisted(kind, parent, str(refs))
            else:
                self.refs |= refs
                yield from (key for key in refs if _KINDS_IN[key.kind])


@dataclass(frozen=True, slots=True)
class Lister:
    """The lists of one account and region; ``account`` says whose it is, as far as is known."""

    client: ApiClient
    workers: int
    account: Callable[[], str | None]

    def read(self, kind: str, parent: Key | None) -> dict[Key, Ref]:
        """Return all of ``kind`` that stand in ``parent``, which of meshes is None."""
        operation = operation_of(KINDS[kind].title, "list")
        where = arguments_of(parent) if parent else {}
        asking = f"{operation.name} in {parent}" if parent else operation.name
        name_member = path_of(kind)[-1]
        path, mesh_owner = (parent.path, parent.mesh_owner) if parent else ((), "")
        found = {}
        account = self.account()
        for page in self.client.pages(operation, asking, **where):
            for ref in items(operation, page):
                of = mesh_owner
                if parent is None and account not in (None, ref["meshOwner"]):
                    of = ref["meshOwner"]
                found[Key(kind, (*path, ref[name_member]), of)] = ref
        return found

    def siblings(self, keys: Collection[Key]) -> dict[Key, Ref]:
        """Return ``keys`` and what stands beside each of them, as far as it is there."""
        places = sorted({(key.kind, parent_of(key)) for key in keys}, key=str)
        found = parallel.run(lambda place: self._if_any(*place), places, workers=self.workers)
        return {key: ref for refs in found for key, ref in refs.items()}

    def children(self, key: Key) -> Iterator[Key]:
        """Yield what stands in ``key``, as far as it can be listed."""
        for kind in _KINDS_IN[key.kind]:
            with suppress(TargetError):
                yield from self.read(kind.name, key)

    def all_keys(self) -> frozenset[Key]:
        """Return all that is there."""
        found: dict[str | None, list[Key]] = {None: []}
        for kind, row in KINDS.items():
            found[kind] = self.all_of(kind, found[row.parent])
        return frozenset(key for keys in found.values() for key in keys)

    def all_of(self, kind: str, parents: Collection[Key]) -> list[Key]:
        """Return all of ``kind`` that stand in ``parents``; of meshes, which stand in none, all."""
        places = [None] if kind == "mesh" else parents
        lists = parallel.run(lambda place: self.read(kind, place), places, workers=self.workers)
        return sorted(key for refs in lists for key in refs)

    def relevant(
        self, asked: Collection[Key], owner: str, index: TagIndex, every_mesh: Mapping[Key, Ref]
    ) -> Listing:
        """Return ``every_mesh``, and all that stands in those in which it is our business."""
        listing = Listing(dict(every_mesh))
        meshes = {
            Key("mesh", place.path[:1], place.mesh_owner) for place in asked if place.kind != "mesh"
        }
        owned = index.owned(owner)
        for key, ref in listing.refs.items():
            if owned is None:
                ours = not key.mesh_owner
            else:
                # Of a mesh that no manifest asks for, its delete has to name what is in it.
                ours = key.name in owned[1] or (ref["arn"] in owned[0] and key not in asked)
            if ours:
                meshes.add(key)
        # A mesh that is not there holds nothing, but a shared one may be there unlisted.
        parents = sorted(key for key in meshes if key in listing.refs or key.mesh_owner)
        while parents:
            places = [(kind.name, place) for place in parents for kind in _KINDS_IN[place.kind]]
            found = parallel.run(lambda place: self._or_error(*place), places, workers=self.workers)
            listed: dict[Key, dict[str, dict[Key, Ref] | TargetError]] = defaultdict(dict)
            for (kind, parent), refs in zip(places, found, strict=True):
                listed[parent][kind] = refs
            parents = []
            for parent, lists in listed.items():
                parents += listing.add(parent, lists)
        return listing

    def _if_any(self, kind: str, parent: Key | None) -> dict[Key, Ref]:
        try:
            return self.read(kind, parent)
        except NotFoundError:
            if parent is None:
                raise
            # What is not there holds nothing.
            return {}

    def _or_error(self, kind: str, parent: Key) -> dict[Key, Ref] | TargetError:
        try:
            return self.read(kind, parent)
        except TargetError as error:
            return error
