"""AWS App Mesh as a target, through boto3.

Which operation a verb on a kind takes comes from the description of the API, so this module knows
verbs and no kinds. It decides nothing: it looks, and it sends what it is given.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from typing import Any

import boto3
from botocore import xform_name

from reconciler import parallel
from reconciler.api import Operation, Verb, load, violations
from reconciler.core.changes import Change, Create, Delete
from reconciler.core.diff import join_pointer
from reconciler.core.errors import (
    ConflictError,
    GoneError,
    TargetError,
    UnavailableError,
    UnreachableError,
)
from reconciler.core.kinds import KINDS
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
    without_empties,
)
from reconciler.targets.errors import name_quota, sort_of, speaking_our_errors
from reconciler.targets.model import SERVICE
from reconciler.targets.session import Connection, open_client

MOST_PAGES = 1_000
TAGGING = "resourcegroupstaggingapi"
TAGGED_PER_PAGE = 100
# Of what holds a resource against its delete, so many are named.
MOST_NAMED = 5
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
DELETED = "DELETED"
_BODY = "reconciler:body"


class AppMesh:
    """One account and region of App Mesh, or of any endpoint that speaks its API."""

    def __init__(
        self,
        target: TargetId,
        session: boto3.Session,
        connection: Connection,
        *,
        workers: int = 10,
        reopen: Callable[[str | None], Connection] | None = None,
    ) -> None:
        """Make the clients; nothing is called yet.

        Args:
            target: Which world it is.
            session: Where clients and credentials come from.
            connection: Where calls go.
            workers: How many calls may run at a time.
            reopen: Gives another connection to the same world where nobody listens any more at
                the URL that it is given; raises where there is none.
        """
        self.id = target
        self._session = session
        self._reopen = reopen
        self._reopening = Lock()
        self.calls: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self._workers = workers
        self._connect(connection)

    def _connect(self, connection: Connection) -> None:
        self._connection = connection
        self._client = self._open()
        self._tagging = open_client(self._session, TAGGING, connection, workers=1)
        self._tagging.meta.events.register("before-send", self._count)
        # A delete has neither token nor precondition: sent twice, it may hit a successor.
        self._client_without_retries = self._open(attempts=1)

    def _open(self, **options: int) -> Any:
        client = open_client(
            self._session, SERVICE, self._connection, workers=self._workers, **options
        )
        client.meta.events.register("before-send.app-mesh", self._count)
        client.meta.events.register("after-call.app-mesh", _keep_body)
        client.meta.events.register_first("needs-retry.app-mesh", name_quota)
        client.meta.events.register("needs-retry.app-mesh", self._count_answer)
        return client

    def canonical(self, key: Key, spec: Spec) -> Spec:
        """Return ``spec`` as App Mesh would show it, less what it shows either way."""
        del key  # every kind is spelled the same so far
        plain = without_empties(spec)
        assert isinstance(plain, dict)  # noqa: S101  # a spec is an object, and stays one
        return plain

    def observe(self, asked: Collection[Key], owner: str) -> World:
        """Return what is known of ``asked`` and of all that ``owner`` owns.

        A list that fails fails the whole; a resource that cannot be read is Unreadable, and a
        stranger whose tags cannot be read leaves a gap, because it might be ours.
        """
        refs = self._refs(KINDS)
        marked = self.tags()
        seen = parallel.run(
            lambda key: self._observe_one(key, refs[key], asked, owner, marked),
            sorted(refs),
            workers=self._workers,
        )
        resources = {found.key: found for found in seen if isinstance(found, Present | Unreadable)}
        if self.id.account is None:
            # Where the endpoint answers no GetCallerIdentity, the ARNs of what is ours tell.
            ours = (it for it in resources.values() if isinstance(it, Present))
            account = next((it.account for it in ours if it.owner == owner), None)
            self.id = replace(self.id, account=account)
        gaps = tuple(found for found in seen if isinstance(found, str))
        indexed = marked or {}
        doubtful = (key for key in resources if refs[key]["arn"] in indexed)
        return World(resources, gaps, frozenset(doubtful))

    def look(self, key: Key) -> Present | None:
        """Return ``key`` as it is now, None where App Mesh itself says that it is not there."""
        try:
            body = self._describe(key)
            if body["status"].get("status") == DELETED:
                return None
            return _present(key, body, self._tags(key, body["metadata"]["arn"]))
        except GoneError:
            return None

    def sightings(self, kinds: Collection[str]) -> Mapping[Key, Sighting]:
        """Return every resource of ``kinds`` as one whole list of each shows it."""
        return {
            key: Sighting(ref["version"], ref["createdAt"], arn=ref["arn"])
            for key, ref in self._refs(kinds).items()
        }

    def apply(self, change: Change, token: str | None) -> Sighting:
        """Make the calls that ``change`` takes, in an order of which every part is sound."""
        if isinstance(change, Delete):
            return self._delete(change.key)
        if isinstance(change, Create):
            spec = {} if change.spec is None else {"spec": change.spec}
            tags = [{"key": key, "value": value} for key, value in sorted(change.tags.items())]
            body = self._call("create", change.key, tags=tags, clientToken=token, **spec)
            return _sighting(body)
        before = change.before
        # The record of what we manage is written last among the tags: until then a dropped tag
        # is still known to be ours.
        dropped = sorted(before.tags.keys() - change.tags.keys())
        if dropped:
            self._call("untag", change.key, resourceArn=before.arn, tagKeys=dropped)
        moved = sorted(change.tags.items() - before.tags.items())
        if moved:
            tags = [{"key": key, "value": value} for key, value in moved]
            self._call("tag", change.key, resourceArn=before.arn, tags=tags)
        if change.spec is None:
            return Sighting(before.version, before.created_at, before.uid)
        return _sighting(self._call("update", change.key, spec=change.spec, clientToken=token))

    def _delete(self, key: Key) -> Sighting:
        try:
            return _sighting(self._call("delete", key))
        except ConflictError as error:
            # The service names what holds it in some cases only.
            holders = self._inside(key)
            if not holders:
                raise
            more = f" and {len(holders) - MOST_NAMED} more" if len(holders) > MOST_NAMED else ""
            named = ", ".join(holders[:MOST_NAMED])
            raise ConflictError(f"{error}; in it are {named}{more}") from error

    def _inside(self, key: Key) -> list[str]:
        """Return what stands inside ``key``, of the first page of each kind, as keys."""
        own = load().kinds[KINDS[key.kind].word].path
        found: list[str] = []
        for kind in load().kinds.values():
            if kind.path[:-1] != own:
                continue
            operation = _operation(kind.name, "list")
            asking = f"{operation.name} in {key}"
            with suppress(TargetError):
                page = self._send(operation, asking, **dict(zip(own, key.path, strict=True)))
                word = _CAPITAL.sub("-", kind.name).lower()
                found += [
                    "/".join((word, *key.path, ref[kind.path[-1]]))
                    for ref in _items(operation, page)
                ]
        return found

    def tags(self) -> Mapping[str, Mapping[str, str]] | None:
        """Return the tags of everything that carries an owner's mark, by ARN.

        None where the target has no tagging API, or does not let us use it: then tags are read
        one resource at a time.
        """
        found: dict[str, dict[str, str]] = {}
        token = ""
        try:
            for _ in range(MOST_PAGES):
                with speaking_our_errors("GetResources"):
                    page = self._tagging.get_resources(
                        TagFilters=[{"Key": OWNER_TAG}],
                        ResourceTypeFilters=[SERVICE],
                        ResourcesPerPage=TAGGED_PER_PAGE,
                        PaginationToken=token,
                    )
                for row in page["ResourceTagMappingList"]:
                    found[row["ResourceARN"]] = {tag["Key"]: tag["Value"] for tag in row["Tags"]}
                token = page.get("PaginationToken", "")
                if not token:
                    return found
        except (TargetError, KeyError):
            return None
        return None

    def _refs(self, kinds: Iterable[str]) -> dict[Key, Mapping[str, Any]]:
        """Return what whole lists show; of two meshes of one name, our own account's."""
        refs: dict[Key, Mapping[str, Any]] = {}
        for kind in kinds:
            for key, ref in self._list(kind):
                if key not in refs or ref["meshOwner"] == self.id.account:
                    refs[key] = ref
        return refs

    def _observe_one(
        self,
        key: Key,
        ref: Mapping[str, Any],
        asked: Collection[Key],
        owner: str,
        marked: Mapping[str, Mapping[str, str]] | None,
    ) -> Present | Unreadable | str | None:
        """Return what is there; a gap in words, or None where it is none of our business."""
        shared = self.id.account is not None and ref["meshOwner"] != self.id.account
        unmarked = marked is not None and ref["arn"] not in marked
        if key not in asked and (shared or unmarked):
            return None
        try:
            tags = self._tags_from(marked, key, ref["arn"], shared=shared)
            if key not in asked and tags.get(OWNER_TAG) != owner:
                return None
            return _present(key, self._describe(key, meshOwner=ref["meshOwner"]), tags)
        except TargetError as error:
            # Gone, too, is no fact yet: a list has just shown it.
            gone = isinstance(error, GoneError)
            why = "it was listed, and then not found" if gone else str(error)
            return Unreadable(key, why) if key in asked else f"{key} may be ours, but {why}"

    def _tags_from(
        self, marked: Mapping[str, Mapping[str, str]] | None, key: Key, arn: str, *, shared: bool
    ) -> Mapping[str, str]:
        if shared:
            # Tags of another account's mesh cannot be listed, and it is not ours to change.
            return {}
        if marked is not None and arn in marked:
            return marked[arn]
        # The index may lag behind: what it does not have is asked for where it counts.
        return self._tags(key, arn)

    def _list(self, kind: str) -> Iterator[tuple[Key, Mapping[str, Any]]]:
        operation = _operation(KINDS[kind].word, "list")
        (own,) = load().kinds[KINDS[kind].word].path
        for page in self._pages(operation, f"{operation.name}"):
            for ref in _items(operation, page):
                yield Key(kind, (ref[own],)), ref

    def _describe(self, key: Key, **where: str) -> dict[str, Any]:
        body = self._call("describe", key, **where)
        own = load().kinds[KINDS[key.kind].word].path[-1]
        if body[own] != key.name:
            raise UnavailableError(f"describing {key}: the answer is about {body[own]!r}")
        return body

    def _tags(self, key: Key, arn: str) -> dict[str, str]:
        operation = load().operations["ListTagsForResource"]
        pages = self._pages(operation, f"{operation.name} of {key}", resourceArn=arn)
        return {tag["key"]: tag["value"] for page in pages for tag in page["tags"]}

    def _pages(
        self, operation: Operation, asking: str, **arguments: Any
    ) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            page = self._send(operation, asking, **arguments, **token)
            yield page
            following = page.get("nextToken")
            if not following:
                return
            if token.get("nextToken") == following:
                raise UnavailableError(f"{asking}: two pages gave the same nextToken")
            token = {"nextToken": following}
        raise UnavailableError(f"{asking}: more than {MOST_PAGES:,} pages")

    def _call(self, verb: Verb, key: Key, **arguments: Any) -> dict[str, Any]:
        operation = _operation(KINDS[key.kind].word, verb)
        if verb not in ("tag", "untag"):
            path = load().kinds[KINDS[key.kind].word].path
            arguments |= dict(zip(path, key.path, strict=True))
        return self._send(operation, f"{operation.name} of {key}", **arguments)

    def _send(self, operation: Operation, asking: str, **arguments: Any) -> dict[str, Any]:
        while True:
            connection = self._connection
            try:
                body = self._sent(operation, asking, arguments)
            except UnreachableError:
                # Nobody listened, so nothing was done, and it may be sent elsewhere.
                if not self._reconnected(connection):
                    raise
            else:
                _check_answer(operation, body, asking)
                return dict(body)

    def _sent(self, operation: Operation, asking: str, arguments: dict[str, Any]) -> Any:
        client = self._client_without_retries if operation.verb == "delete" else self._client
        with speaking_our_errors(asking):
            return getattr(client, xform_name(operation.name))(**arguments)[_BODY]

    def _reconnected(self, lost: Connection) -> bool:
        """Whether there is another way to the same world than ``lost``, taken by now."""
        with self._reopening:
            if self._connection is lost and self._reopen is not None:
                self._connect(self._reopen(lost.url))
                self.id = replace(self.id, url=str(self._connection.url))
            return self._connection is not lost

    def _count(self, event_name: str, **_: Any) -> None:
        self.calls[event_name.rsplit(".", 1)[-1]] += 1

    def _count_answer(self, response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
        self.answers[sort_of(response)] += 1


def _items(operation: Operation, page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    (items,) = (name for name in operation.answer.members if name != "nextToken")
    return list(page[items])


def _operation(kind: str, verb: Verb) -> Operation:
    """Return the operation for a verb on a kind, which is the API's word for it."""
    of_kind = None if verb in ("tag", "untag") else kind
    return next(
        operation
        for operation in load().operations.values()
        if operation.verb == verb and (operation.kind.name if operation.kind else None) == of_kind
    )


def _keep_body(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    """Keep the answer as it came; None stands for what is not JSON."""
    if http_response.status_code < 300:  # noqa: PLR2004  # the end of success in HTTP
        try:
            parsed[_BODY] = json.loads(http_response.content)
        except ValueError:
            parsed[_BODY] = None


def _check_answer(operation: Operation, body: Any, asking: str) -> None:
    shape = operation.answer
    answer = {operation.payload: body} if operation.payload else body
    for violation in violations(shape, answer):
        if violation.constraint in ("required", "type"):
            raise UnavailableError(f"{asking}: the answer is not App Mesh's: {violation}")


def _present(key: Key, body: Mapping[str, Any], tags: Mapping[str, str]) -> Present:
    metadata = body["metadata"]
    return Present(
        key=key,
        spec=body["spec"],
        tags=tags,
        uid=metadata["uid"],
        version=metadata["version"],
        arn=metadata["arn"],
        account=metadata["meshOwner"],
        created_at=metadata["createdAt"],
        unknown=tuple(_unknown_fields(key, body["spec"])),
    )


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
    return Sighting(metadata["version"], metadata["createdAt"], metadata["uid"])
