"""AWS App Mesh as a target, through boto3.

Which operation a verb on a kind takes comes from the description of the API, so this module knows
verbs and no kinds. It decides nothing: it looks, and it sends what it is given.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from reconciler import parallel
from reconciler.api import Operation, Verb, load, violations
from reconciler.core.changes import Change, Create, Delete
from reconciler.core.diff import join_pointer
from reconciler.core.errors import ConflictError, GoneError, TargetError, UnavailableError
from reconciler.core.kinds import KINDS, parent_of
from reconciler.core.resources import (
    OWNER_TAG,
    Json,
    Key,
    Present,
    Sighting,
    Spec,
    TargetId,
    Unreadable,
    World,
)
from reconciler.targets.calls import Calls, items
from reconciler.targets.canonical import canonical
from reconciler.targets.memory import Index, Memory

# Of what holds a resource against its delete, so many are named.
MOST_NAMED = 5
DELETED = "DELETED"
LISTED_THEN_GONE = "it was listed, and then not found"

Ref = Mapping[str, Any]
Tags = Mapping[str, str]


class AppMesh:
    """One account and region of App Mesh, or of any endpoint that speaks its API."""

    def __init__(
        self, target: TargetId, calls: Calls, *, workers: int = 10, memory: Memory | None = None
    ) -> None:
        """Call nothing yet.

        ``memory`` is for who looks again and again: what lists show unmoved is then not read anew.
        """
        self._id = target
        self._calls = calls
        self._workers = workers
        self._memory = memory

    @property
    def id(self) -> TargetId:
        """Which world it is; another process may serve it meanwhile."""
        return replace(self._id, url=self._calls.url or self._id.url)

    @property
    def calls(self) -> Mapping[str, int]:
        """How many requests were sent so far, by operation."""
        return self._calls.made

    @property
    def answers(self) -> Mapping[str, int]:
        """How many answers came back, by what they were: ok, refused, throttled, failed or none."""
        return self._calls.answers

    def tell(self, heard: Callable[[], object]) -> None:
        """Call ``heard`` whenever an answer came, so that nobody takes a long look for the end."""
        self._calls.heard = heard

    def canonical(self, key: Key, spec: Spec, beside: Spec | None = None) -> Spec:
        """Return ``spec`` as App Mesh would show it, less what it shows either way."""
        del key  # what is spelled in a way of its own is so in every kind that has it
        return canonical(spec, beside)

    def observe(self, asked: Collection[Key], owner: str) -> World:
        """Return what is known of ``asked`` and of all that ``owner`` owns.

        A list of meshes that fails fails the whole; where what stands in a mesh cannot be listed,
        what was asked about there is Unreadable. A resource that cannot be read is so too, and a
        stranger whose tags cannot be read leaves a gap, because it might be ours.
        """
        index = self._index()
        lists = self._everything(asked, owner, index)
        look = _Look(self, frozenset(asked), owner, index, lists.refs)
        found = dict(
            zip(
                lists.refs,
                parallel.run(look.at, lists.refs, workers=self._workers),
                strict=True,
            )
        )
        seen = {key: it for key, it in found.items() if isinstance(it, Present | Unreadable)}
        hidden = {key: lists.hidden(key) for key in asked if key not in lists.refs}
        unreadable = {key: Unreadable(key, why) for key, why in hidden.items() if why}
        if self._id.account is None:
            # Where the endpoint answers no GetCallerIdentity, the ARNs of what is ours tell.
            ours = (it for it in seen.values() if isinstance(it, Present) and it.owner == owner)
            self._id = replace(self._id, account=next((it.account for it in ours), None))
        if self._memory is not None:
            self._memory.keep(lists.refs, seen)
        return World(
            seen | unreadable,
            (*lists.gaps.values(), *(it for it in found.values() if isinstance(it, str))),
            frozenset(key for key in seen if index.tags(lists.refs[key]["arn"]) is not None),
            frozenset(key for key, it in found.items() if it is None),
        )

    def look(self, key: Key) -> Present | None:
        """Return ``key`` as it is now, None where App Mesh itself says that it is not there."""
        self._forget(key)
        try:
            body = self.describe(key)
            if body["status"].get("status") == DELETED:
                return None
            return present(key, body, self.tags_of(key, body["metadata"]["arn"]))
        except GoneError:
            return None

    def sightings(self, keys: Collection[Key]) -> Mapping[Key, Sighting]:
        """Return what whole lists show of ``keys``, and of what stands beside them."""
        lists = sorted({(key.kind, parent_of(key)) for key in keys}, key=str)
        found = parallel.run(lambda it: self._list_if_any(*it), lists, workers=self._workers)
        return {
            key: Sighting(ref["version"], ref["createdAt"], arn=ref["arn"])
            for refs in found
            for key, ref in refs.items()
        }

    def everything(self) -> frozenset[Key]:
        """Return all that is there, by lists alone."""
        found: dict[str | None, list[Key]] = {None: []}
        for kind, row in KINDS.items():
            found[kind] = self.listed(kind, found[row.parent])
        return frozenset(key for keys in found.values() for key in keys)

    def listed(self, kind: str, holders: Collection[Key]) -> list[Key]:
        """Return all of ``kind`` that stand in ``holders``; of meshes, which stand in none, all."""
        places = [None] if kind == "mesh" else holders
        lists = parallel.run(lambda it: self._list(kind, it), places, workers=self._workers)
        return sorted(key for refs in lists for key in refs)

    def tags(self) -> Mapping[str, Tags] | None:
        """Return the tags of everything that carries an owner's mark, by ARN; None where it cannot.

        Then tags are read one resource at a time.
        """
        return Index(self._calls).by_arn

    def apply(self, change: Change, token: str | None) -> Sighting:
        """Make the calls that ``change`` takes, in an order of which every part is sound."""
        self._forget(change.key)
        if isinstance(change, Delete):
            return self._delete(change.key)
        if isinstance(change, Create):
            spec = {} if change.spec is None else {"spec": change.spec}
            body = self._call(
                "create", change.key, tags=_tag_list(change.tags.items()), clientToken=token, **spec
            )
            return _sighting(body)
        before = change.before
        # The record of what we manage is written last among the tags: until then a dropped tag
        # is still known to be ours.
        dropped = sorted(before.tags.keys() - change.tags.keys())
        if dropped:
            self._call("untag", change.key, resourceArn=before.arn, tagKeys=dropped)
        moved = change.tags.items() - before.tags.items()
        if moved:
            self._call("tag", change.key, resourceArn=before.arn, tags=_tag_list(moved))
        if change.spec is None:
            return Sighting(before.version, before.created_at, before.uid, before.arn)
        return _sighting(self._call("update", change.key, spec=change.spec, clientToken=token))

    def describe(self, key: Key) -> dict[str, Any]:
        """Return the answer of the describe operation, which is about ``key``."""
        body = self._call("describe", key)
        own = _path(key.kind)[-1]
        if body[own] != key.name:
            raise UnavailableError(f"describing {key}: the answer is about {body[own]!r}")
        return body

    def tags_of(self, key: Key, arn: str) -> dict[str, str]:
        """Return the tags of one resource."""
        operation = load().operations["ListTagsForResource"]
        pages = self._calls.pages(operation, f"{operation.name} of {key}", resourceArn=arn)
        return {tag["key"]: tag["value"] for page in pages for tag in page["tags"]}

    def is_of_others(self, ref: Ref) -> bool:
        """Whether another account made it: its tags cannot be listed, and it is not ours."""
        return self._id.account is not None and ref["resourceOwner"] != self._id.account

    def remembered(self, key: Key, ref: Ref) -> Present | None:
        """Return what is known of ``key`` where the list shows it unmoved."""
        return None if self._memory is None else self._memory.recall(key, ref)

    def _forget(self, key: Key) -> None:
        if self._memory is not None:
            self._memory.forget(key)

    def _index(self) -> Index:
        if self._memory is None:
            return Index(self._calls)
        return self._memory.index(self._calls)

    def _everything(self, asked: Collection[Key], owner: str, index: Index) -> "_Lists":
        """List all meshes, and all that stands in those in which it is our business."""
        lists = _Lists(self._list("mesh", None))
        meshes = {Key("mesh", it.path[:1], it.mesh_owner) for it in asked if it.kind != "mesh"}
        owned = index.owned(owner)
        for key, ref in lists.refs.items():
            if owned is None:
                ours = not key.mesh_owner
            else:
                # Of a mesh that no manifest asks for, its delete has to name what is in it.
                ours = key.name in owned[1] or (ref["arn"] in owned[0] and key not in asked)
            if ours:
                meshes.add(key)
        # A mesh that is not there holds nothing, but a shared one may be there unlisted.
        holders = sorted(key for key in meshes if key in lists.refs or key.mesh_owner)
        while holders:
            wanted = [(kind.name, it) for it in holders for kind in _KINDS_IN[it.kind]]
            found = parallel.run(lambda it: self._list_or_gap(*it), wanted, workers=self._workers)
            holders = []
            for (_, holder), refs in zip(wanted, found, strict=True):
                if isinstance(refs, str):
                    lists.gaps[holder] = refs
                else:
                    lists.refs |= refs
                    holders += [key for key in refs if _KINDS_IN[key.kind]]
        return lists

    def _list_if_any(self, kind: str, holder: Key | None) -> dict[Key, Ref]:
        try:
            return self._list(kind, holder)
        except GoneError:
            if holder is None:
                raise
            # What is not there holds nothing.
            return {}

    def _list_or_gap(self, kind: str, holder: Key) -> dict[Key, Ref] | str:
        try:
            return self._list(kind, holder)
        except TargetError as error:
            return str(error)

    def _list(self, kind: str, holder: Key | None) -> dict[Key, Ref]:
        operation = _operation(KINDS[kind].word, "list")
        where = _where(holder) if holder else {}
        asking = f"{operation.name} in {holder}" if holder else operation.name
        own = _path(kind)[-1]
        path, mesh_owner = (holder.path, holder.mesh_owner) if holder else ((), "")
        found = {}
        for page in self._calls.pages(operation, asking, **where):
            for ref in items(operation, page):
                of = mesh_owner
                if holder is None and self._id.account not in (None, ref["meshOwner"]):
                    of = ref["meshOwner"]
                found[Key(kind, (*path, ref[own]), of)] = ref
        return found

    def _delete(self, key: Key) -> Sighting:
        try:
            return _sighting(self._call("delete", key))
        except ConflictError as error:
            # The service names what holds it in some cases only.
            holders = [str(inner) for inner in self._inside(key)]
            if not holders:
                raise
            more = f" and {len(holders) - MOST_NAMED} more" if len(holders) > MOST_NAMED else ""
            named = ", ".join(holders[:MOST_NAMED])
            raise ConflictError(f"{error}; in it are {named}{more}") from error

    def _inside(self, key: Key) -> Iterator[Key]:
        for kind in _KINDS_IN[key.kind]:
            with suppress(TargetError):
                yield from self._list(kind.name, key)

    def _call(self, verb: Verb, key: Key, **arguments: Any) -> dict[str, Any]:
        operation = _operation(KINDS[key.kind].word, verb)
        if verb not in ("tag", "untag"):
            arguments |= _where(key)
        return self._calls.send(operation, f"{operation.name} of {key}", **arguments)


@dataclass(slots=True)
class _Lists:
    """What all lists showed, and what could not be listed, by what holds it."""

    refs: dict[Key, Ref]
    gaps: dict[Key, str]

    def __init__(self, meshes: dict[Key, Ref]) -> None:
        self.refs = meshes
        self.gaps = {}

    def hidden(self, key: Key) -> str | None:
        """Say why ``key`` may be there though no list showed it; None where it is not there."""
        holder = parent_of(key)
        while holder is not None:
            if holder in self.gaps:
                return self.gaps[holder]
            holder = parent_of(holder)
        return None


@dataclass(frozen=True, slots=True)
class _Look:
    """How each thing that lists showed is looked at: as far as it is our business."""

    target: AppMesh
    asked: frozenset[Key]
    owner: str
    index: Index
    refs: Mapping[Key, Ref]

    def at(self, key: Key) -> Present | Unreadable | str | None:
        """Return what is there; a gap in words, or None where it is none of our business."""
        ref = self.refs[key]
        of_others, tags = self.target.is_of_others(ref), self.index.tags(ref["arn"])
        if key not in self.asked and (of_others or self.index.lacks(ref["arn"])):
            return None
        try:
            known = self.target.remembered(key, ref)
            if of_others:
                tags = {}
            elif tags is None:
                # The index may lag behind: what it does not have is asked for where it counts.
                tags = known.tags if known else self.target.tags_of(key, ref["arn"])
            if key not in self.asked and tags.get(OWNER_TAG) != self.owner:
                return None
            if known is not None:
                return replace(known, tags=tags)
            return present(key, self.target.describe(key), tags)
        except TargetError as error:
            # Gone, too, is no fact yet: a list has just shown it.
            why = LISTED_THEN_GONE if isinstance(error, GoneError) else str(error)
            return Unreadable(key, why) if key in self.asked else f"{key} may be ours, but {why}"


def present(key: Key, body: Mapping[str, Any], tags: Tags) -> Present:
    """Return what the answer of a describe operation says of ``key``."""
    metadata = body["metadata"]
    return Present(
        key=key,
        spec=body["spec"],
        tags=tags,
        uid=metadata["uid"],
        version=metadata["version"],
        arn=metadata["arn"],
        account=metadata["resourceOwner"],
        created_at=metadata["createdAt"],
        unknown=tuple(_unknown_fields(key, body["spec"])),
    )


_KINDS_IN = defaultdict(
    list,
    {name: [it for it in KINDS.values() if it.parent == name] for name in KINDS},
)


def _path(kind: str) -> tuple[str, ...]:
    """Return the members that name a resource of ``kind`` in a request, parents first."""
    return load().kinds[KINDS[kind].word].path


def _where(key: Key) -> dict[str, str]:
    """Return the arguments that name ``key`` in a request."""
    shared = {"meshOwner": key.mesh_owner} if key.mesh_owner else {}
    return dict(zip(_path(key.kind), key.path, strict=True)) | shared


def _operation(kind: str, verb: Verb) -> Operation:
    """Return the operation for a verb on a kind, which is the API's word for it."""
    of_kind = None if verb in ("tag", "untag") else kind
    return next(
        operation
        for operation in load().operations.values()
        if operation.verb == verb and (operation.kind.name if operation.kind else None) == of_kind
    )


def _tag_list(tags: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags)]


def _unknown_fields(key: Key, spec: Json) -> Iterator[str]:
    shape = load().shapes[f"{KINDS[key.kind].word}Spec"]
    for violation in violations(shape, spec):
        if violation.constraint == "unknown":
            pointer = ""
            for name in violation.path:
                pointer = join_pointer(pointer, name)
            yield pointer


def _sighting(body: Mapping[str, Any]) -> Sighting:
    metadata = body["metadata"]
    return Sighting(metadata["version"], metadata["createdAt"], metadata["uid"], metadata["arn"])
