"""Translation of objects of appmesh.k8s.aws/v1beta1 to those of v1beta2.

The old controller names nodes, routers and routes ``name-namespace``. A virtual service contains
its router and its routes. A field that has no place in v1beta2 is an error.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.manifest.formats.context import DocumentContext
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean
from reconciler.manifest.parsing.nodes import (
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    find,
    get_text,
)

_NODE_FIELDS = (
    *("backendDefaults", "backends", "listeners", "logging", "meshName", "serviceDiscovery"),
)
_SERVICE_FIELDS = ("meshName", "routes", "virtualRouter")
_ROUTER_FIELDS = ("listeners", "name")
_ROUTE_FIELDS = ("grpc", "http", "http2", "name", "priority", "tcp")
PROTOCOLS = ("grpc", "http", "http2", "tcp")
_CLOUD_MAP_FIELDS = ("namespaceName", "serviceName")
_RETRY_EVENTS = {
    "grpcRetryPolicyEvents": "grpcRetryEvents",
    "httpRetryPolicyEvents": "httpRetryEvents",
    "tcpRetryPolicyEvents": "tcpRetryEvents",
}


def translate_old_object(context: DocumentContext, kind: str) -> Iterator[tuple[str, MappingNode]]:
    """Yield the objects of v1beta2, each with its kind, that an object of v1beta1 stands for."""
    translation = _Translation(context)
    if kind == "VirtualNode":
        yield kind, translation.node()
    elif kind == "VirtualService":
        yield from translation.service()
    else:
        yield kind, context.root


def namespaced_name(name: str, namespace: str) -> str:
    """Return the name in App Mesh that the old controller gives to an object."""
    return name.replace(".", "-") if "." in name else f"{name}-{namespace}"


class _Translation:
    """The translation of one object."""

    def __init__(self, context: DocumentContext) -> None:
        self._context = context
        self._root = context.root
        self._namespace = get_text(self._root, "metadata", "namespace") or ""
        self._name = get_text(self._root, "metadata", "name") or ""
        self._place = find(self._root, ("metadata", "name"))[1] or self._root

    def node(self) -> MappingNode:
        """Return a virtual node."""
        spec = self._spec(_NODE_FIELDS)
        discovery = spec.pop("serviceDiscovery", None)
        if discovery:
            value = self._discovery(discovery.value)
            spec["serviceDiscovery"] = KeyValue(discovery.position, value)
        if "backends" in spec:
            position, value = spec["backends"]
            spec["backends"] = KeyValue(position, _each(value, self._backend))
        return self._object(spec, self._own_name(self._name))

    def service(self) -> Iterator[tuple[str, MappingNode]]:
        """Yield a virtual router with its routes, and the virtual service."""
        spec = self._spec(_SERVICE_FIELDS)
        position, router = spec.pop("virtualRouter", (self._root.position, None))
        given = self._members(router, ("spec", "virtualRouter"), _ROUTER_FIELDS) if router else {}
        name = given.pop("name", None)
        place = name.value if name else self._place
        own_name = (get_text(place) if name else None) or self._name
        mesh = {key: value for key, value in spec.items() if key == "meshRef"}
        if "routes" in spec:
            routes = spec["routes"]
            given["routes"] = KeyValue(routes.position, self._routes(routes.value))
        router_name = self._own_name(own_name)
        yield "VirtualRouter", self._object({**mesh, **given}, router_name, place)
        reference = _reference(place.position, "Router", router_name or own_name)
        provider = _nested(position, {"provider": {"virtualRouter": reference}})
        yield "VirtualService", self._object({**mesh, **provider}, self._name)

    def _own_name(self, name: str) -> str:
        # Without a namespace there is no name; the missing namespace is reported later.
        return namespaced_name(name, self._namespace) if name and self._namespace else ""

    def _object(
        self, spec: Mapping[str, KeyValue], aws_name: str, place: Node | None = None
    ) -> MappingNode:
        position, _ = find(self._root, ("spec",))
        members = dict(spec)
        if aws_name and self._namespace:
            at = (place or self._place).position
            members["awsName"] = KeyValue(at, ScalarNode(at, aws_name, aws_name))
        new_spec = KeyValue(position, MappingNode(position, members))
        return MappingNode(self._root.position, {**self._root.members, "spec": new_spec})

    def _spec(self, known: tuple[str, ...]) -> dict[str, KeyValue]:
        _, node = find(self._root, ("spec",))
        members = self._members(node, ("spec",), known) if node else {}
        if mesh := members.pop("meshName", None):
            members["meshRef"] = KeyValue(mesh.position, _mapping(mesh.position, name=mesh.value))
        elif isinstance(node, MappingNode):
            where = ("spec", "meshName")
            self._context.report(Code.MISSING_FIELD, node.position, "is required", where)
        return members

    def _members(self, node: Node, path: Path, known: tuple[str, ...]) -> dict[str, KeyValue]:
        """Return the members of ``node``, and report those that are not ``known``."""
        if not isinstance(node, MappingNode):
            self._context.report_type(node, path)
            return {}
        for name, member in node.members.items():
            if name not in known:
                message = "has no place in appmesh.k8s.aws/v1beta2"
                hint = did_you_mean(name, known)
                where = (*path, name)
                self._context.report(Code.UNKNOWN_FIELD, member.position, message, where, hint)
        return {name: member for name, member in node.members.items() if name in known}

    def _discovery(self, node: Node) -> Node:
        path = ("spec", "serviceDiscovery")
        members = self._members(node, path, ("cloudMap", "dns"))
        if "dns" in members:
            position, value = members["dns"]
            host = self._members(value, (*path, "dns"), ("hostName",)).get("hostName")
            dns = {"hostname": host} if host else {}
            members["dns"] = KeyValue(position, MappingNode(value.position, dns))
        if "cloudMap" in members:
            position, value = members.pop("cloudMap")
            found = self._members(value, (*path, "cloudMap"), _CLOUD_MAP_FIELDS)
            members["awsCloudMap"] = KeyValue(position, MappingNode(value.position, found))
        return MappingNode(node.position, members)

    def _backend(self, node: Node, _: int) -> Node:
        return _replaced(node, ("virtualService", "virtualServiceName"), "Service", str)

    def _routes(self, node: Node) -> Node:
        return _each(node, self._route)

    def _route(self, node: Node, index: int) -> Node:
        path = ("spec", "routes", index)
        members = self._members(node, path, _ROUTE_FIELDS)
        if name := get_text(node, "name"):
            at, text = members["name"].value.position, self._own_name(name) or name
            members["name"] = KeyValue(members["name"].position, ScalarNode(at, text, text))
        for protocol in PROTOCOLS:
            if protocol in members:
                position, value = members.pop(protocol)
                members[f"{protocol}Route"] = KeyValue(position, self._protocol_route(value))
        return MappingNode(node.position, members)

    def _protocol_route(self, node: Node) -> Node:
        if not isinstance(node, MappingNode):
            return node
        members = dict(node.members)
        position, action = members.get("action", (node.position, None))
        if isinstance(action, MappingNode) and "weightedTargets" in action.members:
            at, targets = action.members["weightedTargets"]
            inner = {
                **action.members,
                "weightedTargets": KeyValue(at, _each(targets, self._target)),
            }
            members["action"] = KeyValue(position, MappingNode(action.position, inner))
        if "retryPolicy" in members:
            position, policy = members["retryPolicy"]
            members["retryPolicy"] = KeyValue(position, _retry_policy(policy))
        return MappingNode(node.position, members)

    def _target(self, node: Node, _: int) -> Node:
        def own_name(name: str) -> str:
            return self._own_name(name) or name

        return _replaced(node, ("virtualNodeName",), "Node", own_name)


def _each(node: Node, change: Callable[[Node, int], Node]) -> Node:
    if not isinstance(node, ListNode):
        return node
    items = [
        change(item, index) if isinstance(item, MappingNode) else item
        for index, item in enumerate(node.items)
    ]
    return ListNode(node.position, items)


def _replaced(node: Node, path: tuple[str, ...], kind: str, own_name: Callable[[str], str]) -> Node:
    """Return ``node`` with the name at ``path`` as a reference to an object of ``kind``."""
    first, *rest = path
    if not isinstance(node, MappingNode) or first not in node.members:
        return node
    position, value = node.members[first]
    members = {name: member for name, member in node.members.items() if name != first}
    if rest:
        members[first] = KeyValue(position, _replaced(value, tuple(rest), kind, own_name))
    elif (name := get_text(value)) is None:
        members[f"virtual{kind}Ref"] = KeyValue(position, value)
    else:
        members |= _nested(value.position, _reference(value.position, kind, own_name(name)))
    return MappingNode(node.position, members)


def _reference(position: Position, kind: str, name: str) -> dict[str, Node]:
    """Return a reference to the object of ``kind`` with this name in App Mesh."""
    # Only the ARN, not the reference by name, contains a name of App Mesh.
    arn = f"arn:aws:appmesh:::mesh/-/virtual{kind}/{name}"
    return {f"virtual{kind}ARN": ScalarNode(position, arn, arn)}


def _retry_policy(node: Node) -> Node:
    if not isinstance(node, MappingNode):
        return node
    members = {_RETRY_EVENTS.get(name, name): member for name, member in node.members.items()}
    if timeout := members.pop("perRetryTimeoutMillis", None):
        at = timeout.value.position
        value = _mapping(at, unit=ScalarNode(at, "ms", "ms"), value=timeout.value)
        members["perRetryTimeout"] = KeyValue(timeout.position, value)
    return MappingNode(node.position, members)


def _mapping(position: Position, **members: Node) -> MappingNode:
    return MappingNode(position, _nested(position, members))


def _nested(position: Position, members: Mapping[str, Any]) -> dict[str, KeyValue]:
    """Return ``members``, whose values are nodes or mappings of nodes, all at ``position``."""
    return {
        name: KeyValue(
            position,
            MappingNode(position, _nested(position, value)) if isinstance(value, dict) else value,
        )
        for name, value in members.items()
    }
