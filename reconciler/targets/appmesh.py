"""AWS App Mesh as a target, through boto3.

The API description gives the operation for each action and kind, so this module has no code for
individual kinds. It makes no decisions: it reads resources and carries out changes.
"""

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconciler import parallel
from reconciler.api import Action, load
from reconciler.core.changes import Adopt, Change, Create, Delete
from reconciler.core.errors import (
    ConflictError,
    NotFoundError,
    UnavailableError,
)
from reconciler.core.kinds import KINDS
from reconciler.core.planning.last_applied import attest
from reconciler.core.resources import (
    OWNER_TAG,
    Attests,
    Key,
    LiveResource,
    LiveState,
    ReadCount,
    ResourceVersion,
    Spec,
    TargetId,
    Unreadable,
    shorten_list,
)
from reconciler.known_secrets import shown
from reconciler.targets.api_client import ApiClient
from reconciler.targets.cache import ReadCache
from reconciler.targets.canonical import canonical
from reconciler.targets.listed_reader import ListedReader, ReadResult, Tags
from reconciler.targets.listing import Lister, Listing, Ref
from reconciler.targets.operation_names import arguments_of, operation_of, path_of
from reconciler.targets.responses import to_live_resource, to_version
from reconciler.targets.tag_index import TagIndex
from reconciler.targets.unchanged_lists import ReadInput

DELETED = "DELETED"
# The version of a resource that was just created (the API reference of ResourceMetadata).
FIRST_VERSION = 1


class AppMesh:
    """One account and region of App Mesh, or of an endpoint with the same API."""

    def __init__(
        self,
        target: TargetId,
        client: ApiClient,
        *,
        workers: int = 10,
        cache: ReadCache | None = None,
        tag_index_lag_seconds: float = 0,
    ) -> None:
        """Call nothing yet.

        Pass a `cache` if the target is read repeatedly: resources that are unchanged in the lists
        are then not described again. The index of tags may lag behind writes by
        `tag_index_lag_seconds`.
        """
        self._id = target
        self._client = client
        self._workers = workers
        self._cache = cache
        self._tag_index_lag_seconds = tag_index_lag_seconds
        self._lister = Lister(client, workers, lambda: self._id.account)
        self._reads = ReadCount(0, None)

    @property
    def id(self) -> TargetId:
        """The id of the target, with the current URL: another process may serve it now."""
        return replace(self._id, url=self._client.url)

    @property
    def calls(self) -> Mapping[str, int]:
        """Number of requests sent so far, by operation."""
        return self._client.counts

    @property
    def responses(self) -> Mapping[str, int]:
        """Number of responses so far: ok, refused, throttled, failed or none."""
        return self._client.responses

    @property
    def written_revision(self) -> int | None:
        """The highest revision that a write returned; None without writes, and on AWS."""
        return self._client.written_revision

    @property
    def reads(self) -> ReadCount:
        """How much of the last `read_all` is done; any thread may ask."""
        return self._reads

    def on_response(self, callback: Callable[[], object]) -> None:
        """Call `callback` after each response, so that a long read is not taken for a hang."""
        self._client.on_response = callback

    def canonical(self, spec: Spec, reference: Spec | None = None) -> Spec:
        """Return `spec` in the form that App Mesh returns; see `canonical.canonical`."""
        return canonical(spec, reference)

    def read_all(
        self, requested: Collection[Key], owner: str, attested_spec: Attests | None = None
    ) -> LiveState:
        """Return the live state of `requested` and of all resources that `owner` owns.

        If the resources of a mesh cannot be listed, the list is in `unlisted` and its requested
        resources are Unreadable. A resource that cannot be read is Unreadable too, unless its tags
        show that it is neither owned nor requested. A resource for which `attested_spec` returns a
        spec is not described, unless the index may be older than its last change.

        Raises:
            TargetError: meshes cannot be listed.
        """
        self._client.forget_time()
        self._reads = ReadCount(0, None)
        index, listing = self._read_lists(frozenset(requested), owner)
        reader = ListedReader(
            self,
            frozenset(requested),
            owner,
            index,
            listing.refs,
            attested_spec,
            self._trusted_until(),
        )
        found = self._read_each(reader)
        resources = {key: resource for key, resource in found.items() if resource is not None}
        if self._id.account is None:
            self._id = replace(self._id, account=_account_of(resources.values(), owner))
        if self._cache is not None:
            self._cache.store(listing.refs, resources)
        return LiveState(
            resources | _unlisted(requested, listing),
            tuple(sorted(listing.failed_lists.values())),
            frozenset(key for key in resources if index.tags(listing.refs[key]["arn"]) is not None),
            frozenset(listing.shared | (found.keys() - resources.keys())),
        )

    def read(self, key: Key) -> LiveResource | None:
        """Return the live `key`, or None if App Mesh responds that it does not exist."""
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
            # The resource was just described, so it is not absent because of missing tags.
            raise UnavailableError(f"{error}, although {key} was described") from error
        return to_live_resource(key, body, tags)

    def list_versions(self, keys: Collection[Key]) -> Mapping[Key, ResourceVersion]:
        """Return the listed versions of `keys` and of all resources in the same lists."""
        return {
            key: ResourceVersion(ref["version"], ref["createdAt"], arn=ref["arn"])
            for key, ref in self._lister.siblings(keys).items()
        }

    def list_keys(self) -> frozenset[Key]:
        """Return the keys of all live resources, owned or not."""
        return self._lister.all_keys()

    def list_kind(self, kind: str, parents: Collection[Key]) -> list[Key]:
        """Return the keys of one kind: the meshes, or the children of `parents`."""
        return self._lister.all_of(kind, parents)

    def tags(self) -> Mapping[str, Tags] | None:
        """Return the tags of every resource with an owner tag, by ARN.

        Returns None if the target has no tagging API; tags are then read resource by resource.
        """
        return TagIndex(self._client).by_arn

    def apply(self, change: Change, token: str | None) -> ResourceVersion:
        """Carry out `change`; if its calls are interrupted at any point, the state is valid."""
        self._forget(change.key)
        if isinstance(change, Delete):
            return self._delete(change.key)
        if isinstance(change, Create):
            spec = {} if change.spec is None else {"spec": change.spec}
            tags = attest(change.tags, FIRST_VERSION)
            version = self._write(
                "create", change.key, tags=_tag_list(tags.items()), clientToken=token, **spec
            )
            if version.version != FIRST_VERSION:
                attested = attest(change.tags, version.version, version.created_at)
                corrected = attested.items() - tags.items()
                # A service may answer a create with a resource that another client created.
                if corrected and self.tags_of(change.key, version.arn) == tags:
                    self._tag(change.key, version.arn, corrected)
            return version
        before = change.before
        removed = sorted(before.tags.keys() - change.tags.keys())
        version = ResourceVersion(before.version, before.created_at, before.uid, before.arn)
        if change.spec is not None:
            if isinstance(change, Adopt):
                # The owner tag comes first: no resource is changed before it is owned.
                self._tag(change.key, before.arn, {(OWNER_TAG, change.tags[OWNER_TAG])})
            version = self._write("update", change.key, spec=change.spec, clientToken=token)
        # The last-applied record is written after the spec, so that it never attests a spec that
        # was not applied. It is written after tags are removed, too: removed from the record
        # first, they would count as set by other tools.
        if removed:
            self._exchange("untag", change.key, {"resourceArn": before.arn, "tagKeys": removed})
        changed = (
            attest(change.tags, version.version, version.created_at).items() - before.tags.items()
        )
        if changed:
            self._tag(change.key, before.arn, changed)
        return version

    def describe(self, key: Key) -> dict[str, Any]:
        """Return the body of the response to the describe operation of `key`."""
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
        pages = self._client.pages(operation, f"{operation.name} of {key}", resourceArn=arn)
        return {tag["key"]: tag["value"] for page in pages for tag in page["tags"]}

    def is_foreign(self, ref: Ref) -> bool:
        """Return whether another account owns the resource, so that its tags cannot be listed."""
        return self._id.account is not None and ref["resourceOwner"] != self._id.account

    def cached(self, key: Key, ref: Ref) -> LiveResource | None:
        """Return the cached `key` if it is unchanged in the list, or None."""
        return None if self._cache is None else self._cache.get(key, ref)

    def _read_each(self, reader: ListedReader) -> dict[Key, ReadResult]:
        """Return the result for each listed resource, and count them in `reads`."""
        found: dict[Key, ReadResult] = dict.fromkeys(reader.refs)
        # Nearly all need no call, and to hand one to a thread takes longer than to read it.
        relevant = [key for key in found if reader.is_relevant(key)]
        found |= {key: reader.read_without_call(key) for key in relevant}
        remaining = [key for key in relevant if found[key] is None]
        total = len(found)
        numbers = itertools.count(total - len(remaining) + 1)
        self._reads = ReadCount(total - len(remaining), total)

        def read_and_count(key: Key) -> ReadResult:
            result = reader.read(key)
            self._reads = ReadCount(next(numbers), total)
            return result

        results = parallel.run(read_and_count, remaining, workers=self._workers)
        return found | dict(zip(remaining, results, strict=True))

    def _tag(self, key: Key, arn: str, tags: Iterable[tuple[str, str]]) -> None:
        self._exchange("tag", key, {"resourceArn": arn, "tags": _tag_list(tags)})

    def _trusted_until(self) -> float:
        """Return the time, by the target's clock, before which the index has all changes."""
        now = self._client.server_time
        return -math.inf if now is None else now - self._tag_index_lag_seconds

    def _forget(self, key: Key) -> None:
        if self._cache is not None:
            self._cache.forget(key)

    def _read_lists(self, requested: frozenset[Key], owner: str) -> tuple[TagIndex, Listing]:
        if self._cache is None:
            index, meshes = parallel.both(
                lambda: TagIndex(self._client),
                lambda: self._lister.read("mesh", None),
                workers=self._workers,
            )
            return index, self._lister.relevant(requested, owner, index, meshes)
        # The revision comes first: all that is read after it is of this revision or a later one.
        meshes = self._lister.read("mesh", None)
        read_input = ReadInput(
            self._client.url, self._client.listed_revision, meshes, requested, owner
        )
        unchanged = self._cache.unchanged(read_input)
        if unchanged is not None:
            return unchanged
        index = self._cache.index(self._client)
        listing = self._lister.relevant(requested, owner, index, meshes)
        self._cache.store_lists(read_input, listing)
        return index, listing

    def _delete(self, key: Key) -> ResourceVersion:
        try:
            return self._write("delete", key)
        except ConflictError as error:
            # The message of the service does not always contain the children.
            children = list(self._lister.children(key))
            if not children:
                raise
            raise ConflictError(f"{error}; it contains {shorten_list(children)}") from error

    def _write(self, action: Action, key: Key, **arguments: Any) -> ResourceVersion:
        return to_version(*self._exchange(action, key, arguments | arguments_of(key)))

    def _exchange(
        self, action: Action, key: Key, arguments: dict[str, Any]
    ) -> tuple[dict[str, Any], str]:
        operation = operation_of(KINDS[key.kind].title, action)
        return self._client.exchange(operation, f"{operation.name} of {key}", **arguments)


def _unlisted(requested: Collection[Key], listing: Listing) -> dict[Key, Unreadable]:
    """Return the keys of `requested` that may exist in lists that could not be read."""
    reasons = {key: listing.unlisted_reason(key) for key in requested if key not in listing.refs}
    return {key: Unreadable(key, reason) for key, reason in reasons.items() if reason}


def _account_of(resources: Iterable[LiveResource | Unreadable], owner: str) -> str | None:
    """Return the account of the resources of `owner`, or None if it has none.

    The endpoint has no account of its own if it does not answer GetCallerIdentity.
    """
    accounts = (
        resource.account
        for resource in resources
        if isinstance(resource, LiveResource) and resource.owner == owner
    )
    return next(accounts, None)


def _tag_list(tags: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags)]
