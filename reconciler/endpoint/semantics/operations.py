"""The operations of the API on the stored state, implemented once for all kinds of resource.

The calls are already validated. HTTP and threads are the work of the callers.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast
from uuid import uuid4

from reconciler.api import ApiKind, Description, Operation
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.semantics import error_messages, pagination
from reconciler.endpoint.semantics.arns import read_arn
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.quota_checks import check_quota
from reconciler.endpoint.semantics.references import check_references, check_unused, require_parents
from reconciler.endpoint.semantics.spec_checks import Call
from reconciler.endpoint.semantics.spec_defaults import with_defaults
from reconciler.endpoint.semantics.token_replay import Tokens, as_json
from reconciler.endpoint.semantics.views import ResponseBody, Views
from reconciler.endpoint.state.stale_reads import Lag, WriteHistory
from reconciler.endpoint.state.tables import Collection, Resource, Scope, Tables

_BY_CONSUMERS = ("VirtualNode", "VirtualRouter", "Route", "VirtualService")
"""The kinds that an account may create in a mesh of another account (UG on sharing)."""


class Operations:
    """The operations of the API; ``clock`` returns seconds since 1970."""

    def __init__(
        self, description: Description, behavior: Behavior, clock: Callable[[], float]
    ) -> None:
        self._kinds = description.kinds
        self._behavior = behavior
        self._clock = clock
        self._history = WriteHistory()
        self._tokens = Tokens(description.kinds, behavior)
        self.views = Views(description.kinds, behavior, self._now)
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

    def reads(self, operation: Operation) -> bool:
        """Return whether an operation only reads."""
        return operation.action in self._reads

    def read(self, call: Call, tables: Tables, lag: Lag | None = None) -> str:
        """Return the response to a reading call, as JSON; ``lag`` delays the visible state.

        Raises:
            ApiError: The state does not allow it.
        """
        lag = lag or Lag(seconds=self._behavior.read_lag_seconds)
        return as_json(self._reads[call.operation.action](call, tables, lag))

    def read_at_revision(
        self, call: Call, tables: Tables, lag: Lag | None = None
    ) -> tuple[str, int | None]:
        """Return what `read` returns, and the revision of the caller's scope for ListMeshes.

        The response has the writes up to this revision, or more. A delayed state has none.

        Raises:
            ApiError: The state does not allow it.
        """
        revision = None
        if call.operation.name == "ListMeshes" and not (lag or self._behavior.read_lag_seconds):
            revision = tables.revision(call.scope)
        return self.read(call, tables, lag), revision

    def scope(self, call: Call) -> Scope:
        """Return the scope of the resource of a call, as far as the call shows it."""
        owner = call.parameters.get("meshOwner")
        return Scope(owner, call.scope.region) if owner else call.scope

    def write(self, call: Call, tables: Tables) -> str | ApiError:
        """Execute a writing call; return its response as JSON, or an error to store.

        A call with a stored client token returns the stored response and writes nothing.

        Raises:
            ApiError: The state does not allow it, or the token was used with other parameters.
        """
        now = self._now()
        perform = partial(self._writes[call.operation.action], call, tables, now)
        return self._tokens.run_once(call, tables, now, perform)

    def empty(self, tables: Tables) -> None:
        """Delete the resources and client tokens of all accounts, and the write history."""
        tables.clear()
        tables.after_commit.append(self._history.clear)

    def _create(self, call: Call, tables: Tables, now: int) -> ResponseBody:
        collection, name = self._place(call)
        parent = require_parents(tables, collection)
        spec = self._with_defaults(call, collection, tables)
        if live := tables.find(collection, name):
            if self._behavior.create_equal_spec == "200" and live.spec == spec:
                return self.views.describe(live, echo=True)
            raise error_messages.already_exists(collection, name)
        owner = call.scope.account
        resource = Resource(collection, name, owner, str(uuid4()), 1, now, now, spec, _tags(call))
        nested = "/" in collection.parent
        shared = owner != collection.scope.account
        if (nested and parent and parent.owner != owner) or (
            shared and collection.kind not in _BY_CONSUMERS
        ):
            raise self._check_account(call, resource)
        check_references(tables, resource, self._behavior)
        if self._behavior.quotas == "aws":
            check_quota(tables, resource)
        self._put(tables, None, resource, now)
        return self.views.describe(resource, echo=True)

    def _update(self, call: Call, tables: Tables, now: int) -> ResponseBody:
        before = self._requested(call, tables)
        if before.owner != call.scope.account:
            raise self._check_account(call, before)
        spec = self._with_defaults(call, before.collection, tables)
        if "spec" not in call.parameters and self._behavior.update_without_spec == "keeps":
            spec = before.spec
        after = before._replace(spec=spec)
        check_references(tables, after, self._behavior)
        if self._behavior.quotas == "aws":
            check_quota(tables, after)
        if spec != before.spec or self._behavior.noop_update_bumps_version == "yes":
            after = _next_version(after, now)
            self._put(tables, before, after, now)
        return self.views.describe(after, echo=True)

    def _delete(self, call: Call, tables: Tables, now: int) -> ResponseBody:
        resource = self._requested(call, tables)
        if call.scope.account not in (resource.owner, resource.collection.scope.account):
            raise self._check_account(call, resource)
        check_unused(tables, resource, self._behavior)
        tables.remove(resource)
        self._record(tables, resource, resource, now)
        last = _next_version(resource, now)
        bumps = self._behavior.delete_bumps_version
        if bumps == "none" or (bumps == "children" and resource.collection.kind == "Mesh"):
            last = last._replace(version=resource.version)
        return self.views.describe(last, "DELETED")

    def _describe(self, call: Call, tables: Tables, lag: Lag) -> ResponseBody:
        return self.views.describe(self._requested(call, tables, lag))

    def _list(self, call: Call, tables: Tables, lag: Lag) -> ResponseBody:
        collection, _ = self._place(call)
        require_parents(tables, collection)
        size = pagination.page_size(call)
        everywhere = collection.kind == "Mesh" and self._behavior.shared_meshes == "listed"
        order = pagination.Order(self._behavior.list_order, everywhere=everywhere)
        after = order.values(pagination.token_position(call, collection.parent))
        found = tables.page(collection, size + 1, order.columns, after, all_accounts=everywhere)
        now = self._now()
        seen = [
            self._history.read(resource.collection, resource.name, resource, lag, now)
            for resource in found[:size]
        ]
        response: ResponseBody = {
            pagination.list_member(call): [self.views.summarize(shown) for shown in seen if shown]
        }
        if len(found) > size:
            last = order.position(found[size - 1])
            response["nextToken"] = pagination.next_token(call, collection.parent, last)
        return response

    def _tag(self, call: Call, tables: Tables, now: int) -> ResponseBody:
        resource = self._named_by_arn(call, tables)
        tags = resource.tags | _tags(call)
        if len(tags) > error_messages.TAGS_PER_RESOURCE:
            raise error_messages.too_many_tags(len(tags))
        self._put_tags(tables, resource, tags, now)
        return {}

    def _untag(self, call: Call, tables: Tables, now: int) -> ResponseBody:
        resource = self._named_by_arn(call, tables)
        dropped = set(call.parameters["tagKeys"])
        if self._behavior.untag_of_absent == "refused" and dropped - set(resource.tags):
            unknown = ", ".join(sorted(dropped - set(resource.tags)))
            raise ApiError("BadRequestException", f"tagKeys: not on the resource: {unknown}")
        kept = {key: value for key, value in resource.tags.items() if key not in dropped}
        self._put_tags(tables, resource, kept, now)
        return {}

    def _list_tags(self, call: Call, tables: Tables, lag: Lag) -> ResponseBody:
        resource = self._named_by_arn(call, tables, lag)
        size = pagination.page_size(call)
        after = pagination.token_position(call, call.parameters["resourceArn"])
        left = sorted(key for key in resource.tags if [key] > after)
        page = left[:size]
        tags = [{"key": key, "value": resource.tags[key]} for key in page]
        response: ResponseBody = {pagination.list_member(call): tags}
        if len(left) > size:
            response["nextToken"] = pagination.next_token(
                call, call.parameters["resourceArn"], [page[-1]]
            )
        return response

    def _put(self, tables: Tables, before: Resource | None, after: Resource, now: int) -> None:
        tables.put(after)
        self._record(tables, after, before, now)

    def _record(
        self, tables: Tables, resource: Resource, before: Resource | None, now: int
    ) -> None:
        """Record the state before a write, once the write is committed."""
        record = self._history.record
        tables.after_commit.append(partial(record, resource.collection, resource.name, before, now))

    def _put_tags(self, tables: Tables, resource: Resource, tags: dict[str, str], now: int) -> None:
        after = resource._replace(tags=tags)
        if self._behavior.tagging_bumps_version == "yes":
            after = _next_version(after, now)
        self._put(tables, resource, after, now)

    def _with_defaults(self, call: Call, collection: Collection, tables: Tables) -> dict[str, Any]:
        def node(name: str) -> dict[str, Any] | None:
            mesh = collection.parent.partition("/")[0]
            found = tables.find(Collection(collection.scope, "VirtualNode", mesh), name)
            return found.spec if found else None

        return with_defaults(collection.kind, call.parameters.get("spec", {}), self._behavior, node)

    def _place(self, call: Call) -> tuple[Collection, str]:
        """Return the collection and the name of a call's resource; a list has no name."""
        kind = cast("ApiKind", call.operation.kind)
        *parents, name = (call.parameters.get(member, "") for member in kind.path)
        scope = self.scope(call)
        if scope != call.scope and self._behavior.shared_meshes == "none":
            raise error_messages.not_found(
                Collection(scope, "Mesh", ""), call.parameters["meshName"]
            )
        return Collection(scope, kind.name, "/".join(parents)), name

    def _requested(self, call: Call, tables: Tables, lag: Lag | None = None) -> Resource:
        collection, name = self._place(call)
        return self._visible(collection, name, tables.find(collection, name), tables, lag)

    def _named_by_arn(self, call: Call, tables: Tables, lag: Lag | None = None) -> Resource:
        text: str = call.parameters["resourceArn"]
        named = read_arn(text, call.scope.region, self._kinds)
        if named.owner != call.scope.account:
            raise error_messages.foreign_arn(text, named.owner, self._behavior.denial)
        *parents, name = named.path
        scope = Scope(named.mesh_owner or call.scope.account, call.scope.region)
        collection = Collection(scope, named.kind.name, "/".join(parents))
        found = tables.find(collection, name)
        # The ARN of a consumer does not contain the owner of the mesh.
        if found is None or found.owner != named.owner:
            found = tables.find_shared(call.scope, collection.kind, collection.parent, name)
        return self._visible(found.collection if found else collection, name, found, tables, lag)

    def _visible(
        self,
        collection: Collection,
        name: str,
        resource: Resource | None,
        tables: Tables,
        lag: Lag | None,
    ) -> Resource:
        if lag:
            resource = self._history.read(collection, name, resource, lag, self._now())
        if resource is None:
            require_parents(tables, collection)
            raise error_messages.not_found(collection, name)
        return resource

    def _check_account(self, call: Call, resource: Resource) -> ApiError:
        name, code = call.operation.name, self._behavior.denial
        return error_messages.denied(call.scope.account, name, self.views.arn(resource), code)

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _next_version(resource: Resource, now: int) -> Resource:
    # The time of the last update must not decrease, even if the clock was set back.
    return resource._replace(version=resource.version + 1, updated=max(now, resource.updated))


def _tags(call: Call) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in call.parameters.get("tags", ())}
