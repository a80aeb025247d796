"""AWS App Mesh as a target, through boto3.

Which operation a verb on a kind takes comes from the description of the API, so this module knows
verbs and no kinds. It decides nothing: it looks, and it sends what it is given.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler import parallel
from reconciler.api import Action, load
from reconciler.core.changes import Adopt, Change, Create, Delete, Update
from reconciler.core.errors import (
    ConflictError,
    NotFoundError,
    TargetError,
    UnavailableError,
)
from reconciler.core.kinds import KINDS
from reconciler.core.resources import (
    LISTED_BUT_NOT_FOUND,
    OWNER_TAG,
    Key,
    LiveResource,
    LiveState,
    ResourceVersion,
    Spec,
    TargetId,
    Unreadable,
    shorten_list,
)
from reconciler.known_secrets import shown
from reconciler.targets.api_client import ApiClient
from reconciler.targets.cache import ReadCache, TagIndex
from reconciler.targets.canonical import canonical
from reconciler.targets.listing import Lister, Ref
from reconciler.targets.operation_names import arguments_of, operation_of, path_of
from reconciler.targets.responses import to_live_resource, to_version

DELETED = "DELETED"

Tags = Mapping[str, str]


class AppMesh:
    """One account and region of App Mesh, or of any endpoint that speaks its API."""

    def __init__(
        self,
        target: TargetId,
        client: ApiClient,
        *,
        workers: int = 10,
        cache: ReadCache | None = None,
    ) -> None:
        """Call nothing yet.

        ``cache`` is for who looks again and again: what lists show unmoved is then not read anew.
        """
        self._id = target
        self._calls = client
        self._workers = workers
        self._cache = cache
        self.lister = Lister(client, workers, lambda: self._id.account)

    @property
    def id(self) -> TargetId:
        """Which world it is; another process may serve it meanwhile."""
        return replace(self._id, url=self._calls.url)

    @property
    def calls(self) -> Mapping[str, int]:
        """How many requests were sent so far, by operation."""
        return self._calls.counts

    @property
    def responses(self) -> Mapping[str, int]:
        """How many answers came back, by what they were: ok, refused, throttled, failed or none."""
        return self._calls.responses

    def on_response(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` whenever an answer came, so that nobody takes a long look for the end."""
        self._calls.on_response = callback

    def canonical(self, spec: Spec, reference: Spec | None = None) -> Spec:
        """Return ``spec`` as App Mesh would show it, less what it shows either way."""
        return canonical(spec, reference)

    def read_all(self, asked: Collection[Key], owner: str) -> LiveState:
        """Return what is known of ``asked`` and of all that ``owner`` owns.

        A list of meshes that fails fails the whole. If another list fails, it is a gap, and what
        was asked about there is Unreadable. A resource that cannot be read is so too, unless its
        tags show that it is neither ours nor asked about.
        """
        index, meshes = parallel.both(
            self._index, lambda: self.lister.read("mesh", None), workers=self._workers
        )
        listing = self.lister.relevant(asked, owner, index, meshes)
        reader = _Reader(self, frozenset(asked), owner, index, listing.refs)
        found = dict(
            zip(
                listing.refs,
                parallel.run(reader.read, listing.refs, workers=self._workers),
                strict=True,
            )
        )
        resources = {key: resource for key, resource in found.items() if resource is not None}
        hidden = {key: listing.unlisted_reason(key) for key in asked if key not in listing.refs}
        unreadable = {key: Unreadable(key, reason) for key, reason in hidden.items() if reason}
        if self._id.account is None:
            # Where the endpoint answers no GetCallerIdentity, the ARNs of what is ours tell.
            ours = (
                resource
                for resource in resources.values()
                if isinstance(resource, LiveResource) and resource.owner == owner
            )
            self._id = replace(
                self._id, account=next((resource.account for resource in ours), None)
            )
        if self._cache is not None:
            self._cache.store(listing.refs, resources)
        return LiveState(
            resources | unreadable,
            tuple(sorted(listing.failed_lists.values())),
            frozenset(key for key in resources if index.tags(listing.refs[key]["arn"]) is not None),
            frozenset(
                (*listing.shared, *(key for key, resource in found.items() if resource is None))
            ),
        )

    def read(self, key: Key) -> LiveResource | None:
        """Return ``key`` as it is now, None where App Mesh itself says that it is not there."""
        self._forget(key)
        try:
            body = self.describe(key)
        except NotFoundError:
            return None
        if body["status"].get("status") == DELETED:
            return None
        try:
            tags = self.tags_of(key, body["metadata"]["arn"])
        except NotFoundError as error:
            # It was just described: that its tags are not found does not make it absent.
            raise UnavailableError(f"{error}, although {key} was described") from error
        return to_live_resource(key, body, tags)

    def list_versions(self, keys: Collection[Key]) -> Mapping[Key, ResourceVersion]:
        """Return what whole lists show of ``keys``, and of what stands beside them."""
        return {
            key: ResourceVersion(ref["version"], ref["createdAt"], arn=ref["arn"])
            for key, ref in self.lister.siblings(keys).items()
        }

    def tags(self) -> Mapping[str, Tags] | None:
        """Return the tags of everything that carries an owner's mark, by ARN; None where it cannot.

        Then tags are read one resource at a time.
        """
        return TagIndex(self._calls).by_arn

    def apply(self, change: Change, token: str | None) -> ResourceVersion:
        """Make the calls that ``change`` takes, in an order of which every part is sound."""
        self._forget(change.key)
        if isinstance(change, Delete):
            return self._delete(change.key)
        if isinstance(change, Create):
            spec = {} if change.spec is None else {"spec": change.spec}
            tags = _tag_list(change.tags.items())
            return self._write("create", change.key, tags=tags, clientToken=token, **spec)
        before = change.before
        removed = sorted(before.tags.keys() - change.tags.keys())
        changed = change.tags.items() - before.tags.items()
        version = ResourceVersion(before.version, before.created_at, before.uid, before.arn)
        if change.spec is not None:
            if isinstance(change, Adopt):
                # Nothing is written to what is not ours yet.
                self._tag(change, {(OWNER_TAG, change.tags[OWNER_TAG])})
            version = self._write("update", change.key, spec=change.spec, clientToken=token)
        # The record of the last apply is written after the spec: it must not say that a spec was
        # applied that never was. It is written after dropped tags are gone, too, for without it
        # they would count as set by others.
        if removed:
            self._exchange("untag", change.key, {"resourceArn": before.arn, "tagKeys": removed})
        if changed:
            self._tag(change, changed)
        return version

    def describe(self, key: Key) -> dict[str, Any]:
        """Return the answer of the describe operation, which is about ``key``."""
        body, _ = self._exchange("describe", key, arguments_of(key))
        name_member = path_of(key.kind)[-1]
        if body[name_member] != key.name:
            raise UnavailableError(
                f"describing {key}: the response is about {shown(body[name_member])!r}"
            )
        return body

    def tags_of(self, key: Key, arn: str) -> dict[str, str]:
        """Return the tags of one resource."""
        operation = load().operations["ListTagsForResource"]
        pages = self._calls.pages(operation, f"{operation.name} of {key}", resourceArn=arn)
        return {tag["key"]: tag["value"] for page in pages for tag in page["tags"]}

    def is_foreign(self, ref: Ref) -> bool:
        """Whether another account made it: its tags cannot be listed, and it is not ours."""
        return self._id.account is not None and ref["resourceOwner"] != self._id.account

    def cached(self, key: Key, ref: Ref) -> LiveResource | None:
        """Return what is known of ``key`` where the list shows it unmoved."""
        return None if self._cache is None else self._cache.get(key, ref)

    def _tag(self, change: Update | Adopt, tags: Iterable[tuple[str, str]]) -> None:
        arguments = {"resourceArn": change.before.arn, "tags": _tag_list(tags)}
        self._exchange("tag", change.key, arguments)

    def _forget(self, key: Key) -> None:
        if self._cache is not None:
            self._cache.forget(key)

    def _index(self) -> TagIndex:
        if self._cache is None:
            return TagIndex(self._calls)
        return self._cache.index(self._calls)

    def _delete(self, key: Key) -> ResourceVersion:
        try:
            return self._write("delete", key)
        except ConflictError as error:
            # The service names what holds it in some cases only.
            holders = list(self.lister.children(key))
            if not holders:
                raise
            raise ConflictError(f"{error}; it contains {shorten_list(holders)}") from error

    def _write(self, action: Action, key: Key, **arguments: Any) -> ResourceVersion:
        return to_version(*self._exchange(action, key, arguments | arguments_of(key)))

    def _exchange(
        self, action: Action, key: Key, arguments: dict[str, Any]
    ) -> tuple[dict[str, Any], str]:
        operation = operation_of(KINDS[key.kind].title, action)
        return self._calls.exchange(operation, f"{operation.name} of {key}", **arguments)


@dataclass(frozen=True, slots=True)
class _Reader:
    """How each thing that lists showed is looked at: as far as it is our business."""

    target: AppMesh
    asked: frozenset[Key]
    owner: str
    index: TagIndex
    refs: Mapping[Key, Ref]

    def read(self, key: Key) -> LiveResource | Unreadable | None:
        """Return what is there; None if it is neither asked about nor ours."""
        ref = self.refs[key]
        of_others, tags = self.target.is_foreign(ref), self.index.tags(ref["arn"])
        if key not in self.asked and (of_others or self.index.lacks(ref["arn"])):
            return None
        try:
            known = self.target.cached(key, ref)
            if of_others:
                tags = {}
            elif tags is None:
                # The index may lag behind: what it does not have is asked for where it counts.
                tags = known.tags if known else self.target.tags_of(key, ref["arn"])
            if key not in self.asked and tags.get(OWNER_TAG) != self.owner:
                return None
            if known is not None:
                return replace(known, tags=tags)
            return to_live_resource(key, self.target.describe(key), tags)
        except TargetError as error:
            # Gone, too, is no fact yet: a list has just shown it.
            return Unreadable(
                key, LISTED_BUT_NOT_FOUND if isinstance(error, NotFoundError) else str(error)
            )


def _tag_list(tags: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags)]
