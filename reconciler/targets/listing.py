"""Lists all meshes, and the resources in the relevant meshes."""

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
from reconciler.targets.operation_names import arguments_of, operation_of, path_of
from reconciler.targets.tag_index import TagIndex

Ref = Mapping[str, Any]

_KINDS_IN = defaultdict(
    list,
    {name: [kind for kind in KINDS.values() if kind.parent == name] for name in KINDS},
)


@dataclass(slots=True)
class Listing:
    """The result of reading several lists."""

    refs: dict[Key, Ref]
    failed_lists: dict[tuple[str, Key], Unlisted] = field(default_factory=dict)
    """Lists that could not be read, by kind and parent."""
    shared: set[Key] = field(default_factory=set)
    """Meshes of other accounts that exist although no list contains them."""

    def unlisted_reason(self, key: Key) -> str | None:
        """Return why the unlisted `key` may exist, or None if it does not exist."""
        while (parent := parent_of(key)) is not None:
            if unlisted := self.failed_lists.get((key.kind, parent)):
                return unlisted.reason
            key = parent
        return None

    def add(self, parent: Key, lists: Mapping[str, dict[Key, Ref] | TargetError]) -> Iterator[Key]:
        """Add the lists of `parent`, by kind, and yield the resources that may have children."""
        if parent not in self.refs:
            if all(isinstance(refs, NotFoundError) for refs in lists.values()):
                # The parent is not listed and not found: it does not exist or is not shared.
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
    """Reads the lists of one account and region."""

    client: ApiClient
    workers: int
    account: Callable[[], str | None]
    """Returns the id of the account, or None if it is not known."""

    def read(self, kind: str, parent: Key | None) -> dict[Key, Ref]:
        """Return all resources of `kind` in `parent`, which is None for meshes.

        Raises:
            TargetError: a page of the list cannot be read.
        """
        operation = operation_of(KINDS[kind].title, "list")
        arguments = arguments_of(parent) if parent else {}
        label = f"{operation.name} in {parent}" if parent else operation.name
        name_member = path_of(kind)[-1]
        path, mesh_owner = (parent.path, parent.mesh_owner) if parent else ((), "")
        found = {}
        account = self.account()
        for page in self.client.pages(operation, label, **arguments):
            for ref in items(operation, page):
                owner = mesh_owner
                if parent is None and account not in (None, ref["meshOwner"]):
                    owner = ref["meshOwner"]
                found[Key(kind, (*path, ref[name_member]), owner)] = ref
        return found

    def siblings(self, keys: Collection[Key]) -> dict[Key, Ref]:
        """Return those of `keys` that exist, and all resources in the same lists."""
        lists = sorted({(key.kind, parent_of(key)) for key in keys}, key=str)
        found = parallel.run(lambda item: self._read_if_any(*item), lists, workers=self.workers)
        return {key: ref for refs in found for key, ref in refs.items()}

    def children(self, key: Key) -> Iterator[Key]:
        """Yield the resources in `key`, except those of lists that cannot be read."""
        for kind in _KINDS_IN[key.kind]:
            with suppress(TargetError):
                yield from self.read(kind.name, key)

    def all_keys(self) -> frozenset[Key]:
        """Return the keys of all resources.

        Raises:
            TargetError: a list cannot be read.
        """
        found: dict[str | None, list[Key]] = {None: []}
        for kind, row in KINDS.items():
            found[kind] = self.all_of(kind, found[row.parent])
        return frozenset(key for keys in found.values() for key in keys)

    def all_of(self, kind: str, parents: Collection[Key]) -> list[Key]:
        """Return all resources of `kind` in `parents`, or all meshes, which have no parent."""
        parents_or_none = [None] if kind == "mesh" else parents
        lists = parallel.run(
            lambda parent: self.read(kind, parent), parents_or_none, workers=self.workers
        )
        return sorted(key for refs in lists for key in refs)

    def relevant(
        self, requested: Collection[Key], owner: str, index: TagIndex, all_meshes: Mapping[Key, Ref]
    ) -> Listing:
        """Return `all_meshes`, and all resources in meshes with requested or owned resources."""
        listing = Listing(dict(all_meshes))
        meshes = {key.mesh for key in requested if key.kind != "mesh"}
        owned = index.owned(owner)
        for key, ref in listing.refs.items():
            if owned is None:
                is_relevant = not key.mesh_owner
            else:
                # The delete of an owned mesh without a manifest must list its children.
                is_relevant = key.name in owned[1] or (
                    ref["arn"] in owned[0] and key not in requested
                )
            if is_relevant:
                meshes.add(key)
        # A mesh that does not exist has no children, but a shared one may exist unlisted.
        parents = sorted(key for key in meshes if key in listing.refs or key.mesh_owner)
        while parents:
            lists = [(kind.name, parent) for parent in parents for kind in _KINDS_IN[parent.kind]]
            found = parallel.run(
                lambda item: self._read_or_error(*item), lists, workers=self.workers
            )
            listed: dict[Key, dict[str, dict[Key, Ref] | TargetError]] = defaultdict(dict)
            for (kind, parent), refs in zip(lists, found, strict=True):
                listed[parent][kind] = refs
            parents = []
            for parent, refs_by_kind in listed.items():
                parents += listing.add(parent, refs_by_kind)
        return listing

    def _read_if_any(self, kind: str, parent: Key | None) -> dict[Key, Ref]:
        try:
            return self.read(kind, parent)
        except NotFoundError:
            if parent is None:
                raise
            # The parent does not exist, so it has no children.
            return {}

    def _read_or_error(self, kind: str, parent: Key) -> dict[Key, Ref] | TargetError:
        try:
            return self.read(kind, parent)
        except TargetError as error:
            return error
