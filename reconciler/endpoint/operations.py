"""What each operation does to the state: one implementation for every kind of resource.

It takes calls that the wire has already checked and returns answers; it knows neither HTTP nor
threads.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast
from uuid import uuid4

from reconciler.api import ApiKind, Description
from reconciler.endpoint import pages, refusals
from reconciler.endpoint.arns import read_arn
from reconciler.endpoint.behaviours import Behaviour
from reconciler.endpoint.errors import ApiError
from reconciler.endpoint.past import Lag, WriteHistory
from reconciler.endpoint.quotas import check_quota
from reconciler.endpoint.records import Collection, Resource, Tables
from reconciler.endpoint.references import check_references, check_unused, require_parents
from reconciler.endpoint.rules import Call
from reconciler.endpoint.spelling import with_defaults
from reconciler.endpoint.tokens import Tokens, as_json
from reconciler.endpoint.views import ResponseBody, Views

_BY_CONSUMERS = ("VirtualNode", "VirtualRouter", "Route", "VirtualService")
"""What an account may create in a mesh of another one (UG on sharing)."""


class Operations:
    """The operations of the API over records; ``clock`` gives seconds since 1970."""

    def __init__(
        self, description: Description, behaviour: Behaviour, clock: Callable[[], float]
    ) -> None:
        self._kinds = description.kinds
        self._behaviour = behaviour
        self._clock = clock
        self._history = WriteHistory()
        self._tokens = Tokens(description.kinds, behaviour)
        self.views = Views(description.kinds, behaviour, self._now)
        self._reads: dict[str, Callable[[Call, Tables, Lag], ResponseBody]] = {
            "describe": self._describe,
            "list": self._list,
            "list-tags": self._list_tags,
        }
        self._writes: dict[str, Callable[[Call, Tables, int], ResponseBody]] = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
            "tag": self._tag,
            "untag": self._untag,
        }

    def reads(self, call: Call) -> bool:
        """Say whether a call leaves the state as it is."""
        return call.operation.action in self._reads

    def read(self, call: Call, records: Tables, lag: Lag | None = None) -> str:
        """Return the answer to a reading call, as JSON, as a reader sees it who lags behind.

        Raises:
            RefusedError: The state does not allow it.
        """
        lag = lag or Lag(seconds=self._behaviour.read_lag_seconds)
        return as_json(self._reads[call.operation.action](call, records, lag))

    def write(self, call: Call, records: Tables) -> str | ApiError:
        """Carry a writing call out and return its answer, as JSON, or a refusal to remember.

        A client token that is remembered brings back the answer of then, and no effect.

        Raises:
            RefusedError: The state does not allow it, or the token came with other parameters.
        """
        now = self._now()
        perform = partial(self._writes[call.operation.action], call, records, now)
        return self._tokens.run_once(call, records, now, perform)

    def empty(self, records: Tables) -> None:
        """Empty every world, and every memory."""
        records.clear()
        self._history.clear()

    def _create(self, call: Call, records: Tables, now: int) -> ResponseBody:
        shelf, name = self._place(call)
        parent = require_parents(records, shelf)
        spec = self._with_defaults(call, shelf, records)
        if live := records.find(shelf, name):
            if self._behaviour.create_equal_spec == "200" and live.spec == spec:
                return self.views.describe(live)
            raise refusals.already_exists(shelf, name)
        owner = call.scope.account
        resource = Resource(shelf, name, owner, str(uuid4()), 1, now, now, spec, _tags(call))
        nested = "/" in shelf.parent
        shared = owner != shelf.scope.account
        if (nested and parent and parent.owner != owner) or (
            shared and shelf.kind not in _BY_CONSUMERS
        ):
            raise self._check_account(call, resource)
        check_references(records, resource, self._behaviour)
        if self._behaviour.quotas == "aws":
            check_quota(records, resource)
        self._put(records, None, resource, now)
        return self.views.describe(resource)

    def _update(self, call: Call, records: Tables, now: int) -> ResponseBody:
        before = self._requested(call, records)
        if before.owner != call.scope.account:
            raise self._check_account(call, before)
        spec = self._with_defaults(call, before.collection, records)
        if "spec" not in call.parameters and self._behaviour.update_without_spec == "keeps":
            spec = before.spec
        after = replace(before, spec=spec)
        check_references(records, after, self._behaviour)
        if self._behaviour.quotas == "aws":
            check_quota(records, after)
        if spec != before.spec or self._behaviour.noop_update_bumps_version == "yes":
            after = _next_version(after, now)
            self._put(records, before, after, now)
        return self.views.describe(after)

    def _delete(self, call: Call, records: Tables, now: int) -> ResponseBody:
        resource = self._requested(call, records)
        if call.scope.account not in (resource.owner, resource.collection.scope.account):
            raise self._check_account(call, resource)
        check_unused(records, resource, self._behaviour)
        self._history.record(resource.collection, resource.name, resource, now)
        records.remove(resource)
        last = _next_version(resource, now)
        bumps = self._behaviour.delete_bumps_version
        if bumps == "none" or (bumps == "children" and resource.collection.kind == "Mesh"):
            last = replace(last, version=resource.version)
        return self.views.describe(last, "DELETED")

    def _describe(self, call: Call, records: Tables, lag: Lag) -> ResponseBody:
        return self.views.describe(self._requested(call, records, lag))

    def _list(self, call: Call, records: Tables, lag: Lag) -> ResponseBody:
        shelf, _ = self._place(call)
        require_parents(records, shelf)
        size = pages.page_size(call)
        everywhere = shelf.kind == "Mesh" and self._behaviour.shared_meshes == "listed"
        order = pages.Order(self._behaviour.list_order, everywhere=everywhere)
        after = pages.token_position(call, shelf.parent)
        read = records.page_of_all_accounts if everywhere else records.page
        found = read(shelf, after, size + 1, order.expression)
        now = self._now()
        seen = [self._history.read(it.collection, it.name, it, lag, now) for it in found[:size]]
        answer: ResponseBody = {
            pages.list_member(call): [self.views.summarize(each) for each in seen if each]
        }
        if len(found) > size:
            last = order.position(found[size - 1])
            answer["nextToken"] = pages.next_token(call, shelf.parent, last)
        return answer

    def _tag(self, call: Call, records: Tables, now: int) -> ResponseBody:
        resource = self._named_by_arn(call, records)
        tags = resource.tags | _tags(call)
        if len(tags) > refusals.TAGS_PER_RESOURCE:
            raise refusals.too_many_tags(len(tags))
        self._put_tags(records, resource, tags, now)
        return {}

    def _untag(self, call: Call, records: Tables, now: int) -> ResponseBody:
        resource = self._named_by_arn(call, records)
        dropped = set(call.parameters["tagKeys"])
        if self._behaviour.untag_of_absent == "refused" and dropped - set(resource.tags):
            unknown = ", ".join(sorted(dropped - set(resource.tags)))
            raise ApiError("BadRequestException", f"tagKeys: not on the resource: {unknown}")
        kept = {key: value for key, value in resource.tags.items() if key not in dropped}
        self._put_tags(records, resource, kept, now)
        return {}

    def _list_tags(self, call: Call, records: Tables, lag: Lag) -> ResponseBody:
        resource = self._named_by_arn(call, records, lag)
        size = pages.page_size(call)
        after = pages.token_position(call, call.parameters["resourceArn"])
        left = sorted(key for key in resource.tags if key > after)
        page = left[:size]
        tags = [{"key": key, "value": resource.tags[key]} for key in page]
        answer: ResponseBody = {pages.list_member(call): tags}
        if len(left) > size:
            answer["nextToken"] = pages.next_token(call, call.parameters["resourceArn"], page[-1])
        return answer

    def _put(self, records: Tables, before: Resource | None, after: Resource, now: int) -> None:
        self._history.record(after.collection, after.name, before, now)
        records.put(after)

    def _put_tags(
        self, records: Tables, resource: Resource, tags: dict[str, str], now: int
    ) -> None:
        after = replace(resource, tags=tags)
        if self._behaviour.tagging_bumps_version == "yes":
            after = _next_version(after, now)
        self._put(records, resource, after, now)

    def _with_defaults(self, call: Call, shelf: Collection, records: Tables) -> dict[str, Any]:
        nodes = Collection(shelf.scope, "VirtualNode", shelf.parent.partition("/")[0])

        def node(name: str) -> dict[str, Any] | None:
            found = records.find(nodes, name)
            return found.spec if found else None

        return with_defaults(shelf.kind, call.parameters.get("spec", {}), self._behaviour, node)

    def _place(self, call: Call) -> tuple[Collection, str]:
        """Return where a call's resource stands, and its name; a list has no name."""
        kind = cast("ApiKind", call.operation.kind)
        *parents, name = (call.parameters.get(member, "") for member in kind.path)
        world = replace(call.scope, account=call.parameters.get("meshOwner", call.scope.account))
        if world != call.scope and self._behaviour.shared_meshes == "none":
            raise refusals.not_found(Collection(world, "Mesh", ""), call.parameters["meshName"])
        return Collection(world, kind.name, "/".join(parents)), name

    def _requested(self, call: Call, records: Tables, lag: Lag | None = None) -> Resource:
        shelf, name = self._place(call)
        return self._visible(shelf, name, records.find(shelf, name), records, lag)

    def _named_by_arn(self, call: Call, records: Tables, lag: Lag | None = None) -> Resource:
        text: str = call.parameters["resourceArn"]
        named = read_arn(text, call.scope.region, self._kinds)
        if named.owner != call.scope.account:
            raise refusals.foreign_arn(text, named.owner, self._behaviour.denial)
        *parents, name = named.path
        world = replace(call.scope, account=named.mesh_owner or call.scope.account)
        shelf = Collection(world, named.kind.name, "/".join(parents))
        found = records.find(shelf, name)
        # A consumer's ARN does not say whose mesh it is in.
        if found is None or found.owner != named.owner:
            found = records.find_shared(call.scope, shelf.kind, shelf.parent, name)
        return self._visible(found.collection if found else shelf, name, found, records, lag)

    def _visible(
        self,
        shelf: Collection,
        name: str,
        resource: Resource | None,
        records: Tables,
        lag: Lag | None,
    ) -> Resource:
        if lag:
            resource = self._history.read(shelf, name, resource, lag, self._now())
        if resource is None:
            require_parents(records, shelf)
            raise refusals.not_found(shelf, name)
        return resource

    def _check_account(self, call: Call, resource: Resource) -> ApiError:
        name, code = call.operation.name, self._behaviour.denial
        return refusals.denied(call.scope.account, name, self.views.arn(resource), code)

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _next_version(resource: Resource, now: int) -> Resource:
    # A clock that was set back must not make a resource look older than it was.
    return replace(resource, version=resource.version + 1, updated=max(now, resource.updated))


def _tags(call: Call) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in call.parameters.get("tags", ())}
