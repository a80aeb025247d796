"""Translation of the resources of the App Mesh controller for Kubernetes.

Names and parents in App Mesh depend on other objects, so all objects are collected before the
first one is translated. Selectors match only the collected objects: no cluster is read.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pydantic import BaseModel

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.core.resources import Key, Origin, Spec
from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.detect import KUBERNETES, KUBERNETES_KINDS
from reconciler.manifest.formats.kubernetes_v1beta1 import first_target, translate_old_object
from reconciler.manifest.formats.labels import Selector, labels_of, selector_of
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_naming import to_api_names
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.specs import attribute, spec_of
from reconciler.manifest.models.validation import drop_unknown_fields, validate
from reconciler.manifest.models.value_checks import MAX_NAME_LENGTH
from reconciler.manifest.parsing.diagnostics import Code, one_of
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    InvalidNode,
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    ScalarNode,
    TooManyDiagnosticsError,
    describe,
    find,
    get_text,
)

# Variables are not replaced in these fields of a Kubernetes object, which may hold other ${…}.
_NOT_SUBSTITUTED = frozenset(
    {
        *("annotations", "gatewayRouteSelector", "labels", "managedFields", "namespaceSelector"),
        *("podSelector", "status"),
    }
)
_REFERENCE = re.compile(r"v(irtual(?:Node|Router|Service))(Ref|ARN)")
_ARN = re.compile(r"arn:[^:]+:appmesh:[^:]*:[^:]*:mesh/[^/]+/v(\w+)/(.+)")
# The kinds of the parents of each kind, and the field that refers to a parent.
_PARENTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Mesh", "BackendGroup"), ()),
    **dict.fromkeys(
        ("VirtualNode", "VirtualRouter", "VirtualService", "VirtualGateway"), ("Mesh",)
    ),
    "GatewayRoute": ("Mesh", "VirtualGateway"),
}
_REFERENCES_TO = {"Mesh": "meshRef", "VirtualGateway": "virtualGatewayRef"}
_OLD_KINDS = ("Mesh", "VirtualNode", "VirtualRouter", "VirtualService")
_SET_NAMESPACE = "pass --namespace NAME, or set namespace in the target's table"
# Kubernetes gives each namespace this label with its own name.
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def defer_object(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield nothing, because objects are translated when all of them are known."""
    context.defer(context)
    return iter(())


class _TooManySelectionsError(Exception):
    def __init__(self) -> None:
        super().__init__(f"the source needs more than {limits.MAX_SELECTIONS:,} selections")


class KubernetesResource(NamedTuple):
    """A Kubernetes object of the controller."""

    context: DocumentContext
    kind: str
    namespace: str
    """Its namespace; empty for a mesh."""
    name: str
    namespace_selector: Selector | None
    route_selector: Selector | None

    @property
    def is_named(self) -> bool:
        """Whether its own name in App Mesh is known, apart from the names of its parents."""
        _, own_name = find(self.context.root, ("spec", "awsName"))
        is_readable = own_name is None or get_text(self.context.root, "spec", "awsName")
        needs_namespace = self.kind != "Mesh" and own_name is None
        return bool(self.name and is_readable and (self.namespace or not needs_namespace))

    def __str__(self) -> str:
        """Return ``namespace/name``."""
        return "/".join(filter(None, (self.namespace, self.name)))


@dataclass(slots=True)
class Cluster:
    """The Kubernetes objects that a source declares, as if for one cluster."""

    resources: list[KubernetesResource] = field(default_factory=list)
    by_name: dict[str, dict[tuple[str, str], KubernetesResource]] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    _selections: int = 0
    _by_name: dict[str, list[KubernetesResource]] = field(default_factory=dict)
    _reaching: dict[tuple[str, str], list[KubernetesResource]] = field(default_factory=dict)
    _selected: dict[tuple[str, int], list[KubernetesResource]] = field(default_factory=dict)
    _nodes: dict[str, KubernetesResource] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)
    _services_in: dict[str, list[str]] = field(default_factory=dict)

    def add_namespace(self, root: MappingNode) -> None:
        """Record the labels of a Namespace."""
        name = get_text(root, "metadata", "name")
        if name is not None:
            self.labels[name] = labels_of(root)

    def add(self, context: DocumentContext) -> None:
        """Record an object, or report that its kind is not supported."""
        root = context.substitute(context.root, skip=_NOT_SUBSTITUTED)
        kind = context.kind(root, KUBERNETES_KINDS)
        if kind is None:
            return
        if kind != "Mesh":
            root = _with_namespace(root, context.inputs.namespace)
        context = replace(context, root=root)
        if get_text(root, "apiVersion") == KUBERNETES[0] or kind == "Mesh":
            self._record(context, kind)
            return
        for new_kind, new_root in translate_old_object(context, kind):
            self._record(replace(context, root=new_root), new_kind)

    def _record(self, context: DocumentContext, kind: str) -> None:
        root = context.root
        namespace = "" if kind == "Mesh" else get_text(root, "metadata", "namespace") or ""
        name = get_text(root, "metadata", "name") or ""
        selectors = (
            selector_of(find(root, ("spec", selector))[1])
            for selector in ("namespaceSelector", "gatewayRouteSelector")
        )
        resource = KubernetesResource(context, kind, namespace, name, *selectors)
        self.resources.append(resource)
        self.by_name.setdefault(kind, {}).setdefault((namespace, name), resource)

    def translate(
        self, resource: KubernetesResource, hidden: Collection[str]
    ) -> Iterator[DeclaredResource | Unnamed]:
        """Yield the App Mesh resources of ``resource``, and report diagnostics.

        Files that could not be read may declare more objects of the ``hidden`` kinds.
        """
        context, kind = resource.context, resource.kind
        word = documents.KEY_KINDS.get(kind, kind)
        version = str(get_text(context.root, "apiVersion"))
        is_old = version != KUBERNETES[0]
        if is_old and kind not in _OLD_KINDS:
            position, _ = find(context.root, ("apiVersion",))
            message = f"must be {KUBERNETES[0]} for a {kind}, not {version}"
            context.report(Code.NOT_SUPPORTED, position, message, ("apiVersion",))
            yield Unnamed(word, context.diagnostics, context.path)
            return
        if is_old and kind == "VirtualRouter":
            resource = self._with_listener(resource)
            context = resource.context
        model = documents.kubernetes(kind, old=is_old and kind == "Mesh")
        known: Any = drop_unknown_fields(
            model, self._resolve_references(resource), context.diagnostics, context.path
        )
        if kind != "Mesh":
            _require_namespace(resource)
        document: Any = validate(model, known, context.diagnostics, context.path)
        fields = _fields(resource, known, model)
        key = None if kind == "BackendGroup" else self._key(resource, fields, hidden)
        if document is None or key is None:
            yield context.invalid(fields, word, key)
            return
        spec = _to_api_spec(kind, document.spec)
        if kind == "Mesh":
            _warn_of_namespace(resource, document)
        if kind == "Mesh" and document.spec.mesh_owner:
            context.ignored[f"{version} Mesh of another account"] += 1
            return
        if kind == "VirtualNode":
            spec |= self._backends(resource, document, spec, hidden)
        yield context.declare(fields, key, spec)
        if kind == "VirtualRouter":
            for index, route in enumerate(document.spec.routes or ()):
                where = ("spec", "routes", index)
                names = (*fields.names, (*where, "name"))
                inside = replace(fields, names=names, spec=where, model=type(route))
                own_key = Key("route", (*key.path, route.name), key.mesh_owner)
                yield context.declare(inside, own_key, _to_api_spec("Route", route))

    def _with_listener(self, router: KubernetesResource) -> KubernetesResource:
        """Return a router of v1beta1 with the listener of its first target, if it has none."""
        root, context = router.context.root, router.context
        position, spec = find(root, ("spec",))
        name = first_target(spec)
        if name is None or not isinstance(spec, MappingNode) or "listeners" in spec.members:
            return router
        if not self._nodes:
            for (namespace, own_name), node in self.by_name.get("VirtualNode", {}).items():
                self._nodes[self._name("VirtualNode", namespace, own_name)] = node
        found = self._nodes.get(name)
        listeners = find(found.context.root, ("spec", "listeners"))[1] if found else None
        place, _ = find(root, ("metadata", "name"))
        where = ("spec", "virtualRouter", "listeners")
        if not isinstance(listeners, ListNode) or not listeners.items:
            message = (
                "is required, because the virtual node of the first route has no listener here"
            )
            context.report(Code.MISSING_FIELD, place, message, where)
            return router
        _, mapping = find(listeners.items[0], ("portMapping",))
        message = f"is not set; the first listener of the virtual node {name} is used"
        context.report(Code.TRANSLATED, place, escaped(message), where)
        port = {"portMapping": KeyValue(place, mapping)} if mapping else {}
        given = ListNode(place, [MappingNode(place, port)])
        inner = MappingNode(spec.position, {**spec.members, "listeners": KeyValue(place, given)})
        members = {**root.members, "spec": KeyValue(position, inner)}
        return router._replace(context=replace(context, root=MappingNode(root.position, members)))

    def record_fields(
        self,
        resource: KubernetesResource,
        fields_by_key: dict[tuple[Key, Origin], Fields],
        hidden: Collection[str],
    ) -> None:
        """Add the fields of the resources of ``resource`` to ``fields_by_key``; report nothing."""
        silent = DiagnosticList(resource.context.diagnostics.source)
        context = replace(resource.context, diagnostics=silent, fields_by_key=fields_by_key)
        with suppress(TooManyDiagnosticsError):
            list(self.translate(resource._replace(context=context), hidden))

    def _key(
        self, resource: KubernetesResource, fields: Fields, hidden: Collection[str]
    ) -> Key | None:
        """Return the key of ``resource``, valid or not, or None if its names are not known."""
        namespace = (*fields.path, "metadata", "namespace")
        if not resource.is_named or resource.context.diagnostics.errors_in(namespace):
            return None
        parents = [
            self._select_parent(kind, resource, fields, hidden) for kind in _PARENTS[resource.kind]
        ]
        if None in parents:
            return None
        name = self._name(resource.kind, resource.namespace, resource.name)
        if len(name) > MAX_NAME_LENGTH:
            message = (
                f"must have at most {MAX_NAME_LENGTH} characters with its namespace,"
                f" not {len(name)}"
            )
            hint = "set a shorter name in spec.awsName"
            position, path = fields.name()
            resource.context.diagnostics.add(Code.NAME, position, message, path=path, hint=hint)
            return None
        names = (*map(str, parents), name)
        return Key(documents.KEY_KINDS[resource.kind], names, self._owner(names[0]))

    def _owner(self, mesh: str) -> str:
        """Return the account that owns the mesh with this name; empty if it is our own."""
        if not self._owners:
            for (_, name), found in self.by_name.get("Mesh", {}).items():
                owner = get_text(found.context.root, "spec", "meshOwner") or ""
                self._owners[self._name("Mesh", "", name)] = owner
        return self._owners.get(mesh, "")

    def _select_parent(
        self, kind: str, resource: KubernetesResource, fields: Fields, hidden: Collection[str]
    ) -> str | None:
        """Return the name of the parent of ``kind``, or None if it is not clear."""
        root, member = resource.context.root, _REFERENCES_TO[kind]
        _, reference = find(root, ("spec", member))
        if reference is not None:
            name = get_text(reference, "name")
            namespace = get_text(reference, "namespace") or resource.namespace
            namespace = "" if kind == "Mesh" else namespace
            where = ("spec", member)
            return self._referenced_name(resource, kind, (namespace, name), where) if name else None
        try:
            matching = self._selecting(kind, resource)
        except _TooManySelectionsError as error:
            reason = str(error)
        else:
            if len(matching) == 1:
                return self._name(kind, matching[0].namespace, matching[0].name)
            if documents.KEY_KINDS[kind] in hidden:
                return None
            reason = f"it may be {one_of(map(str, matching))}" if matching else "none is declared"
        message = f"has no clear {kind}: {reason}"
        hint = f"set spec.{member}.name"
        position, path = fields.name()
        resource.context.diagnostics.add(
            Code.NO_MESH, position, escaped(message), path=path, hint=hint
        )
        return None

    def _selecting(self, kind: str, resource: KubernetesResource) -> list[KubernetesResource]:
        """Return the objects of ``kind`` that select ``resource``; if none does, all of them."""
        # Cached by document, because ``record_fields`` must not count the selections again.
        question = kind, id(resource.context.root)
        if question not in self._selected:
            self._selected[question] = self._select(kind, resource)
        return self._selected[question]

    def _select(self, kind: str, resource: KubernetesResource) -> list[KubernetesResource]:
        if kind not in self._by_name:
            self._by_name[kind] = sorted(self.by_name.get(kind, {}).values(), key=str)
        all_objects, namespace = self._by_name[kind], resource.namespace
        if (kind, namespace) not in self._reaching:
            namespace_labels = self.labels.get(namespace, {}) | {_NAMESPACE_LABEL: namespace}
            self._reaching[kind, namespace] = [
                item
                for item in all_objects
                if item.namespace_selector is not None
                and self._matches(item.namespace_selector, namespace_labels)
            ]
        labels = labels_of(resource.context.root)
        return [
            item
            for item in self._reaching[kind, namespace]
            if item.route_selector is None or self._matches(item.route_selector, labels)
        ] or all_objects

    def _matches(self, selector: Selector, labels: Mapping[str, str]) -> bool:
        self._count(selector.size)
        return selector.matches(labels)

    def _count(self, selections: int) -> None:
        self._selections += selections
        if self._selections > limits.MAX_SELECTIONS:
            raise _TooManySelectionsError

    def _name(self, kind: str, namespace: str, name: str) -> str:
        """Return the name in App Mesh of the Kubernetes object with this name."""
        found = self.by_name.get(kind, {}).get((namespace, name))
        given = get_text(found.context.root, "spec", "awsName") if found else None
        if given is not None:
            return given
        if kind == "Mesh":
            return name
        return f"{name}.{namespace}" if kind == "VirtualService" else f"{name}_{namespace}"

    def _referenced_name(
        self, resource: KubernetesResource, kind: str, referenced: tuple[str, str], path: Path
    ) -> str | None:
        """Return the name in App Mesh of a ``referenced`` namespace and name, or report it."""
        if kind != "Mesh" and not referenced[0] and referenced not in self.by_name.get(kind, {}):
            where = (*path, "namespace")
            position, _ = find(resource.context.root, path)
            message = "is required, because the object has no namespace itself"
            resource.context.report(Code.MISSING_FIELD, position, message, where, _SET_NAMESPACE)
            return None
        return self._name(kind, *referenced)

    def _backends(
        self, node: KubernetesResource, document: Any, spec: Spec, hidden: Collection[str]
    ) -> Spec:
        """Return the backends of a node and of its backend groups, or an empty spec."""
        given: Any = spec.get("backends", [])
        backends = [*given]
        known = {backend["virtualService"]["virtualServiceName"] for backend in backends}
        groups = {
            (reference.namespace or node.namespace, reference.name): index
            for index, reference in enumerate(document.spec.backend_groups or ())
        }
        for group, index in groups.items():
            path = ("spec", "backendGroups", index)
            try:
                for service in self._services(node, group, path, hidden):
                    if service not in known:
                        backends.append({"virtualService": {"virtualServiceName": service}})
                        known.add(service)
            except _TooManySelectionsError as error:
                position, _ = find(node.context.root, path)
                message = f"cannot be expanded: {error}"
                node.context.report(Code.NOT_ALLOWED, position, message, path, "use fewer services")
                break
        return {"backends": backends} if backends else {}

    def _services(
        self,
        node: KubernetesResource,
        expected: tuple[str, str],
        path: Path,
        hidden: Collection[str],
    ) -> Iterator[str]:
        """Yield the virtual services of a backend group; ``*`` means all of its namespace."""
        namespace, name = expected
        if name == "*":
            if not self._services_in:
                for own_namespace, service_name in sorted(self.by_name.get("VirtualService", {})):
                    own_name = self._name("VirtualService", own_namespace, service_name)
                    self._services_in.setdefault(own_namespace, []).append(own_name)
            of_namespace = self._services_in.get(namespace, [])
            self._count(len(of_namespace))
            yield from of_namespace
            return
        group = self.by_name.get("BackendGroup", {}).get(expected)
        if group is None:
            if "BackendGroup" not in hidden:
                message = f"refers to {namespace}/{name}, which is not declared"
                position, _ = find(node.context.root, path)
                node.context.report(Code.BACKEND_GROUP, position, escaped(message), path)
            return
        _, services = find(group.context.root, ("spec", "virtualservices"))
        listed = services.items if isinstance(services, ListNode) else []
        self._count(len(listed))
        for service in listed:
            own_namespace = get_text(service, "namespace") or namespace
            own_name = get_text(service, "name") or ""
            yield self._name("VirtualService", own_namespace, own_name)

    def _resolve_references(self, resource: KubernetesResource) -> MappingNode:
        """Return the object with each reference replaced by a name in App Mesh."""
        root = resource.context.root
        members = dict(root.members)
        if spec := members.get("spec"):
            value = self._without_references(resource, spec.value, ("spec",))
            members["spec"] = KeyValue(spec.position, value)
        return MappingNode(root.position, members)

    def _without_references(self, resource: KubernetesResource, node: Node, path: Path) -> Node:
        if isinstance(node, ListNode):
            items = [
                self._without_references(resource, item, (*path, index))
                for index, item in enumerate(node.items)
            ]
            return ListNode(node.position, items)
        if not isinstance(node, MappingNode):
            return node
        members: dict[str, KeyValue] = {}
        for name, (position, value) in node.members.items():
            here = (*path, name)
            match = _REFERENCE.fullmatch(name)
            if match is None:
                members[name] = KeyValue(position, self._without_references(resource, value, here))
                continue
            kind, reference = f"V{match[1]}", f"v{match[1]}Ref"
            if reference in members:
                message = f"refers to the {kind} for the second time"
                resource.context.report(Code.NOT_ALLOWED, position, message, here)
            resolve = self._by_reference if name == reference else _by_arn
            text = resolve(resource, kind, value, here)
            _, own_name = find(value, ("name",))
            place = own_name.position if own_name else value.position
            found = InvalidNode(value.position) if text is None else ScalarNode(place, text, text)
            members[reference] = KeyValue(position, found)
        return MappingNode(node.position, members)

    def _by_reference(
        self, resource: KubernetesResource, kind: str, node: Node, path: Path
    ) -> str | None:
        context = resource.context
        found = validate(
            documents.KubernetesReference, node, context.diagnostics, (*context.path, *path)
        )
        if found is None:
            return None
        namespace = found.namespace or resource.namespace
        return self._referenced_name(resource, kind, (namespace, found.name), path)


def _by_arn(resource: KubernetesResource, kind: str, node: Node, path: Path) -> str | None:
    match = _ARN.fullmatch(node.text) if isinstance(node, ScalarNode) else None
    if match and f"V{match[1]}" == kind:
        return match[2]
    if not isinstance(node, InvalidNode):
        message = f"must be the ARN of a {kind}, not {describe(node)}"
        resource.context.report(Code.NOT_ALLOWED, node.position, message, path)
    return None


def _with_namespace(root: MappingNode, namespace: str) -> MappingNode:
    """Return an object with the default ``namespace``, if it has none."""
    position, metadata = find(root, ("metadata",))
    if not namespace or not isinstance(metadata, MappingNode) or "namespace" in metadata.members:
        return root
    place = metadata.position
    default = KeyValue(place, ScalarNode(place, namespace, namespace))
    inner = MappingNode(place, {**metadata.members, "namespace": default})
    return MappingNode(root.position, {**root.members, "metadata": KeyValue(position, inner)})


def _require_namespace(resource: KubernetesResource) -> None:
    root = resource.context.root
    _, metadata = find(root, ("metadata",))
    if find(root, ("spec", "awsName"))[1] or not isinstance(metadata, MappingNode):
        return
    if "namespace" not in metadata.members:
        where = ("metadata", "namespace")
        place = metadata.position
        resource.context.report(Code.MISSING_FIELD, place, "is required", where, _SET_NAMESPACE)


def _fields(resource: KubernetesResource, root: MappingNode, model: type[BaseModel]) -> Fields:
    name = ("spec", "awsName") if find(root, ("spec", "awsName"))[1] else ("metadata", "name")
    references = (("spec", _REFERENCES_TO[kind], "name") for kind in _PARENTS[resource.kind])
    # If a selector determines the parent, no field refers to it.
    parents = (path if find(root, path)[1] else name for path in references)
    names = (*parents, name)
    return Fields(root, resource.context.path, names, ("spec",), documents.spec_in(model))


def _to_api_spec(kind: str, spec: Any) -> Spec:
    """Return the API's form of ``spec``, without the fields that only the controller has."""
    known = spec_of(kind).model_fields
    return {name: value for name, value in to_api_names(spec).items() if attribute(name) in known}


def _warn_of_namespace(mesh: KubernetesResource, document: Any) -> None:
    if "namespace" in document.metadata.model_fields_set:
        where = ("metadata", "namespace")
        position, _ = find(mesh.context.root, where)
        message = "is ignored, because a Mesh is a cluster-wide resource"
        mesh.context.report(Code.NAMESPACE, position, message, where)
