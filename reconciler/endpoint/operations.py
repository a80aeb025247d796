"""What each operation does to the state: one implementation for every kind of resource.

It takes calls that the wire has already checked and returns answers; it knows neither HTTP nor
threads.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

from reconciler.api import Description, Kind, Number
from reconciler.endpoint import rules
from reconciler.endpoint.errors import RefusedError
from reconciler.endpoint.records import Records, Remembered, Resource, Shelf
from reconciler.endpoint.rules import Behaviour, Call

Answer = dict[str, Any]


class Operations:
    """The operations of the API over records; ``clock`` gives seconds since 1970."""

    def __init__(
        self, description: Description, behaviour: Behaviour, clock: Callable[[], float]
    ) -> None:
        self._kinds = description.kinds
        self._behaviour = behaviour
        self._clock = clock
        self._reads: dict[str, Callable[[Call, Records], Answer]] = {
            "describe": self._describe,
            "list": self._list,
            "list-tags": self._list_tags,
        }
        self._writes: dict[str, Callable[[Call, Records, int], Answer]] = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
            "tag": self._tag,
            "untag": self._untag,
        }

    def reads(self, call: Call) -> bool:
        """Say whether a call leaves the state as it is."""
        return call.operation.verb in self._reads

    def read(self, call: Call, records: Records) -> str:
        """Return the answer to a reading call, as JSON.

        Raises:
            RefusedError: The state does not allow it.
        """
        return _json(self._reads[call.operation.verb](call, records))

    def write(self, call: Call, records: Records) -> str:
        """Carry a writing call out and return its answer, as JSON.

        A client token that is remembered brings back the answer of then, and no effect: also when
        the resource was changed or deleted since (chosen; the service's reading is not public).

        Raises:
            RefusedError: The state does not allow it, or the token came with other parameters.
        """
        now = int(self._clock() * 1000)
        token = call.parameters.get("clientToken")
        retention = int(self._behaviour.token_retention_seconds * 1000)
        perform = self._writes[call.operation.verb]
        if not token or not retention:
            return _json(perform(call, records, now))
        request = _digest(call)
        records.forget(now - retention)
        remembered = records.recall(call.world, token)
        if remembered is None:
            remembered = Remembered(request, _json(perform(call, records, now)))
            records.remember(call.world, token, remembered, now)
        elif remembered.request != request:
            raise rules.token_reused()
        return remembered.answer

    def _create(self, call: Call, records: Records, now: int) -> Answer:
        shelf, name = self._place(call)
        if records.find(shelf, name):
            raise rules.taken(shelf, name)
        spec = call.parameters.get("spec", {})
        tags = _tags(call)
        resource = Resource(shelf, name, str(uuid4()), 1, now, now, spec, tags)
        records.put(resource)
        return self._shown(resource, "ACTIVE")

    def _update(self, call: Call, records: Records, now: int) -> Answer:
        before = self._asked_for(call, records)
        after = replace(
            before,
            version=before.version + 1,
            # A clock that was set back must not make a resource look older than it was.
            updated=max(now, before.updated),
            spec=call.parameters.get("spec", {}),
        )
        records.put(after)
        return self._shown(after, "ACTIVE")

    def _delete(self, call: Call, records: Records, now: int) -> Answer:
        resource = self._asked_for(call, records)
        records.remove(resource)
        last = replace(resource, updated=max(now, resource.updated))
        return self._shown(last, "DELETED")

    def _describe(self, call: Call, records: Records) -> Answer:
        return self._shown(self._asked_for(call, records), "ACTIVE")

    def _list(self, call: Call, records: Records) -> Answer:
        shelf, _ = self._place(call)
        limit = _limit(call)
        after = _position(call, shelf.parent)
        found = records.page(shelf, after, limit + 1)
        answer: Answer = {_listed(call): [self._listed_as(resource) for resource in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = _next_token(call, shelf.parent, found[limit - 1].name)
        return answer

    def _tag(self, call: Call, records: Records, _now: int) -> Answer:
        resource = self._named_by_arn(call, records)
        tags = resource.tags | _tags(call)
        if len(tags) > rules.TAGS_PER_RESOURCE:
            raise rules.too_many_tags(len(tags))
        records.put(replace(resource, tags=tags))
        return {}

    def _untag(self, call: Call, records: Records, _now: int) -> Answer:
        resource = self._named_by_arn(call, records)
        dropped = set(call.parameters["tagKeys"])
        kept = {key: value for key, value in resource.tags.items() if key not in dropped}
        records.put(replace(resource, tags=kept))
        return {}

    def _list_tags(self, call: Call, records: Records) -> Answer:
        resource = self._named_by_arn(call, records)
        limit = _limit(call)
        after = _position(call, call.parameters["resourceArn"])
        left = sorted(key for key in resource.tags if key > after)
        page = left[:limit]
        answer: Answer = {
            _listed(call): [{"key": key, "value": resource.tags[key]} for key in page]
        }
        if len(left) > limit:
            answer["nextToken"] = _next_token(call, call.parameters["resourceArn"], page[-1])
        return answer

    def _place(self, call: Call) -> tuple[Shelf, str]:
        """Return where a call's resource stands, and its name; a list has no name."""
        kind = cast("Kind", call.operation.kind)
        names = [call.parameters.get(member, "") for member in kind.path]
        return Shelf(call.world, kind.name, "/".join(names[:-1])), names[-1]

    def _asked_for(self, call: Call, records: Records) -> Resource:
        shelf, name = self._place(call)
        resource = records.find(shelf, name)
        owner = call.parameters.get("meshOwner", call.world.account)
        if resource is None or owner != call.world.account:
            raise rules.absent(replace(shelf, world=replace(call.world, account=owner)), name)
        return resource

    def _named_by_arn(self, call: Call, records: Records) -> Resource:
        text: str = call.parameters["resourceArn"]
        parts = text.split(":", 5)
        if len(parts) != 6:  # noqa: PLR2004 - arn, partition, service, region, account, path
            raise rules.unusable_arn(text)
        *scope, account, path = parts
        world = call.world
        if scope != ["arn", rules.partition(world.region), "appmesh", world.region]:
            raise rules.unusable_arn(text)
        if account != world.account:
            raise rules.foreign_arn(text, account)
        for kind in self._kinds.values():
            names = _names_in(kind, path)
            if names:
                shelf = Shelf(world, kind.name, "/".join(names[:-1]))
                resource = records.find(shelf, names[-1])
                if resource is None:
                    raise rules.absent(shelf, names[-1])
                return resource
        raise rules.unusable_arn(text)

    def _names(self, resource: Resource) -> dict[str, str]:
        kind = self._kinds[resource.shelf.kind]
        parents = resource.shelf.parent.split("/") if resource.shelf.parent else []
        return dict(zip(kind.path, [*parents, resource.name], strict=True))

    def _metadata(self, resource: Resource, names: dict[str, str]) -> Answer:
        account = resource.shelf.world.account
        return {
            "arn": rules.arn(
                resource.shelf, self._kinds[resource.shelf.kind].arn.format_map(names)
            ),
            "createdAt": resource.created / 1000,
            "lastUpdatedAt": resource.updated / 1000,
            "meshOwner": account,
            "resourceOwner": account,
            "version": resource.version,
        }

    def _shown(self, resource: Resource, status: str) -> Answer:
        names = self._names(resource)
        metadata = self._metadata(resource, names) | {"uid": resource.uid}
        # The spec is echoed as it was sent: the service fills in no default (CLI samples, UG).
        return {**names, "metadata": metadata, "spec": resource.spec, "status": {"status": status}}

    def _listed_as(self, resource: Resource) -> Answer:
        names = self._names(resource)
        return self._metadata(resource, names) | names


def _json(answer: Answer) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _digest(call: Call) -> str:
    parameters = {name: value for name, value in call.parameters.items() if name != "clientToken"}
    request = json.dumps([call.operation.name, parameters], sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()


def _tags(call: Call) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in call.parameters.get("tags", ())}


def _names_in(kind: Kind, path: str) -> list[str]:
    """Return the names in an ARN's own part, parents first; none if it is not of that kind."""
    steps, template = path.split("/"), kind.arn.split("/")
    if len(steps) != len(template) or steps[::2] != template[::2]:
        return []
    return steps[1::2]


def _listed(call: Call) -> str:
    """Return the member of a list's answer that holds the items."""
    return next(name for name in call.operation.answer.members if name != "nextToken")


def _limit(call: Call) -> int:
    """Return the page size asked for; the largest that is allowed where none is (API)."""
    limit = cast("Number", call.operation.query["limit"].shape)
    return cast("int", call.parameters.get("limit", limit.highest))


def _next_token(call: Call, of_what: str, last: str) -> str:
    position = json.dumps([call.operation.name, of_what, last])
    return base64.urlsafe_b64encode(position.encode()).decode()


def _position(call: Call, of_what: str) -> str:
    """Return the name after which a page begins; the empty string for the first page."""
    token = call.parameters.get("nextToken")
    if not token:
        return ""
    try:
        name, about, last = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError):
        name, about, last = None, None, None
    if (name, about) != (call.operation.name, of_what):
        raise RefusedError("BadRequestException", "nextToken: is not one that this list gave")
    return str(last)
