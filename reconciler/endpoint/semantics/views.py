"""Representations of a resource: complete, as an item of a list, and as an ARN."""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.api import ApiKind
from reconciler.endpoint.semantics.arns import write_arn
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.spec_defaults import with_backends
from reconciler.endpoint.state.tables import Resource, Scope

ResponseBody = dict[str, Any]


class Views:
    """The representations of resources; ``now`` returns milliseconds since 1970."""

    def __init__(
        self, kinds: Mapping[str, ApiKind], behavior: Behavior, now: Callable[[], int]
    ) -> None:
        self._kinds = kinds
        self._behavior = behavior
        self._now = now

    def describe(
        self, resource: Resource, status: str = "ACTIVE", *, echo: bool = False
    ) -> ResponseBody:
        """Return a resource as every operation except a list returns it.

        Args:
            resource: The resource.
            status: Its status, unless it is still inactive.
            echo: Whether this is the response to a create or update, which repeats the request.
        """
        waits = self._behavior.inactive_seconds * 1000
        if status == "ACTIVE" and self._now() < resource.created + waits:
            status = "INACTIVE"
        spec = resource.spec
        if not echo and resource.collection.kind == "VirtualNode":
            spec = with_backends(spec, self._behavior)
        names = self._names(resource)
        return {
            **names,
            "metadata": self._metadata(resource, names) | {"uid": resource.uid},
            "spec": spec,
            "status": {"status": status},
        }

    def summarize(self, resource: Resource) -> ResponseBody:
        """Return a resource as a list returns it: flat, without uid, spec and status."""
        names = self._names(resource)
        return self._metadata(resource, names) | names

    def arn(self, resource: Resource) -> str:
        """Return the ARN of a resource, with the account that created the resource."""
        return self._arn(resource, self._names(resource))

    def _arn(self, resource: Resource, names: Mapping[str, str]) -> str:
        mesh_owner = resource.collection.scope.account
        if resource.owner != mesh_owner and self._behavior.shared_arns == "with-owner":
            names = {**names, "meshName": f"{names['meshName']}@{mesh_owner}"}
        path = self._kinds[resource.collection.kind].arn.format_map(names)
        return write_arn(Scope(resource.owner, resource.collection.scope.region), path)

    def _names(self, resource: Resource) -> dict[str, str]:
        kind = self._kinds[resource.collection.kind]
        parents = resource.collection.parent.split("/") if resource.collection.parent else []
        return dict(zip(kind.path, [*parents, resource.name], strict=True))

    def _metadata(self, resource: Resource, names: Mapping[str, str]) -> ResponseBody:
        return {
            "arn": self._arn(resource, names),
            "createdAt": resource.created / 1000,
            "lastUpdatedAt": resource.updated / 1000,
            "meshOwner": resource.collection.scope.account,
            "resourceOwner": resource.owner,
            "version": resource.version,
        }
