"""The App Mesh controller's resources: what they are called in App Mesh, and where they belong.

Only all of them together tell, so they are collected first and translated then. What selectors
choose among is what was collected: a cluster is never asked.
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

# Of a Kubernetes object these are not ours to read, so a placeholder in them is no fault.
_NOT_SUBSTITUTED = frozenset(
    {
        *("annotations", "gatewayRouteSelector", "labels", "managedFields", "namespaceSelector"),
        *("podSelector", "status"),
    }
)
_REFERENCE = re.compile(r"v(irtual(?:Node|Router|Service))(Ref|ARN)")
_ARN = re.compile(r"arn:[^:]+:appmesh:[^:]*:[^:]*:mesh/[^/]+/v(\w+)/(.+)")
# The parents of a kind, and the field in which a resource refers to each.
_PARENTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Mesh", "BackendGroup"), ()),
    **dict.fromkeys(
        ("VirtualNode", "VirtualRouter", "VirtualService", "VirtualGateway"), ("Mesh",)
    ),
    "GatewayRoute": ("Mesh", "VirtualGateway"),
}
_REFERENCES_TO = {"Mesh": "meshRef", "VirtualGateway": "virtualGatewayRef"}
# A namespace has its own name for a label, whoever made it.
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


class _TooManySelectionsError(Exception):
    def __init__(self) -> None:
        super().__init__(f"the source makes more than {limits.MAX_SELECTIONS:,} selections")


class KubernetesResource(NamedTuple):
    """One object on its sheet; a mesh has the namespace ``""``.

    ``namespaces`` and ``routes`` are the selectors in its spec, if it has them.
    """

    context: DocumentContext
    kind: str
    namespace: str
    name: str
    namespaces: Selector | None
    routes: Selector | None

    @property
    def is_named(self) -> bool:
        """Whether its name in App Mesh can be told, if that of what contains it can."""
        _, own_name = find(self.context.root, ("spec", "awsName"))
        is_told = own_name is None or get_text(self.context.root, "spec", "awsName")
        return bool(self.name and is_told and (self.kind == "Mesh" or self.namespace))

    def __str__(self) -> str:
        """Return what people call it in a cluster."""
        return "/".join(filter(None, (self.namespace, self.name)))


@dataclass(slots=True)
class Cluster:
    """What the manifests of a source would put into one cluster."""

    resources: list[KubernetesResource] = field(default_factory=list)
    by_name: dict[str, dict[tuple[str, str], KubernetesResource]] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    _selections: int = 0
    _by_name: dict[str, list[KubernetesResource]] = field(default_factory=dict)
    _reaching: dict[tuple[str, str], list[KubernetesResource]] = field(default_factory=dict)
    _selected: dict[tuple[str, int], list[KubernetesResource]] = field(default_factory=dict)
    _services_in: dict[str, list[str]] = field(default_factory=dict)

    def add_namespace(self, root: MappingNode) -> None:
        """Note the labels of a Namespace."""
        name = get_text(root, "metadata", "name")
        if name is not None:
            self.labels[name] = labels_of(root)

    def add(self, context: DocumentContext) -> None:
        """Note an object, and complain where it is of no kind that can be translated."""
        root = context.substitute(context.root, skip=_NOT_SUBSTITUTED)
        kind = context.kind(root, KUBERNETES_KINDS)
        if kind is None:
            return
        namespace = "" if kind == "Mesh" else get_text(root, "metadata", "namespace") or ""
        name = get_text(root, "metadata", "name") or ""
        selectors = (
            selector_of(find(root, ("spec", selector))[1])
            for selector in ("namespaceSelector", "gatewayRouteSelector")
        )
        resource = KubernetesResource(
            replace(context, root=root), kind, namespace, name, *selectors
        )
        self.resources.append(resource)
        self.by_name.setdefault(kind, {}).setdefault((namespace, name), resource)

    def translate(
        self, resource: KubernetesResource, hidden: Collection[str]
    ) -> Iterator[DeclaredResource | Unnamed]:
        """Yield what ``resource`` asks for, and complain of what is wrong with it.

        What cannot be read may hold more resources of the ``hidden`` kinds.
        """
        context, kind = resource.context, resource.kind
        word = documents.KEY_KINDS.get(kind, kind)
        version = str(get_text(context.root, "apiVersion"))
        if kind != "Mesh" and version != KUBERNETES[0]:
            position, _ = find(context.root, ("apiVersion",))
            message = f"of a {kind} must be {KUBERNETES[0]}, not {version}"
            context.report(Code.NOT_SUPPORTED, position, message, ("apiVersion",))
            yield Unnamed(word, context.diagnostics, context.path)
            return
        model = documents.kubernetes(kind, old=version != KUBERNETES[0])
        known: Any = drop_unknown_fields(
            model, self._resolve_references(resource), context.diagnostics, context.path
        )
        document: Any = validate(model, known, context.diagnostics, context.path)
        fields = _fields(resource, known, model)
        key = None if kind == "BackendGroup" else self._key(resource, fields, hidden)
        if document is None or key is None:
            yield context.invalid(fields, word, key)
            return
        spec = _to_api_spec(kind, document.spec)
        if kind == "Mesh":
            _warn_of_namespace(resource, document)
        if kind == "VirtualNode":
            spec |= self._backends(resource, document, spec, hidden)
        yield context.declare(fields, key, spec)
        if kind == "VirtualRouter":
            for index, route in enumerate(document.spec.routes or ()):
                where = ("spec", "routes", index)
                names = (*fields.names, (*where, "name"))
                inside = replace(fields, names=names, spec=where, form=type(route))
                own_key = Key("route", (*key.path, route.name))
                yield context.declare(inside, own_key, _to_api_spec("Route", route))

    def keep(
        self,
        resource: KubernetesResource,
        kept: dict[tuple[Key, Origin], Fields],
        hidden: Collection[str],
    ) -> None:
        """Keep the fields of what ``resource`` asks for; report nothing a second time."""
        silent = DiagnosticList(resource.context.diagnostics.source)
        context = replace(resource.context, diagnostics=silent, kept=kept)
        with suppress(TooManyDiagnosticsError):
            list(self.translate(resource._replace(context=context), hidden))

    def _key(
        self, resource: KubernetesResource, fields: Fields, hidden: Collection[str]
    ) -> Key | None:
        """Return the key of ``resource``, valid or not; None if its names cannot be told."""
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
            message = f"is too long with its namespace: {len(name)} characters"
            hint = "give a shorter one in spec.awsName"
            position, path = fields.name()
            resource.context.diagnostics.add(Code.NAME, position, message, path=path, hint=hint)
            return None
        return Key(documents.KEY_KINDS[resource.kind], (*map(str, parents), name))

    def _select_parent(
        self, kind: str, resource: KubernetesResource, fields: Fields, hidden: Collection[str]
    ) -> str | None:
        """Return the name of what of ``kind`` contains ``resource``; None where that is unclear."""
        root, member = resource.context.root, _REFERENCES_TO[kind]
        _, reference = find(root, ("spec", member))
        if reference is not None:
            name = get_text(reference, "name")
            namespace = get_text(reference, "namespace") or resource.namespace
            return self._name(kind, "" if kind == "Mesh" else namespace, name) if name else None
        try:
            matching = self._selecting(kind, resource)
        except _TooManySelectionsError as error:
            which = str(error)
        else:
            if len(matching) == 1:
                return self._name(kind, matching[0].namespace, matching[0].name)
            if documents.KEY_KINDS[kind] in hidden:
                return None
            which = one_of(map(str, matching)) if matching else "none is declared here"
        message = f"belongs to a {kind} that cannot be told: {which}"
        hint = f"give its name in spec.{member}.name"
        position, path = fields.name()
        resource.context.diagnostics.add(
            Code.NO_MESH, position, escaped(message), path=path, hint=hint
        )
        return None

    def _selecting(self, kind: str, resource: KubernetesResource) -> list[KubernetesResource]:
        """Return the objects of ``kind`` that select ``resource``, or all of them if none does."""
        # Kept by document, because ``keep`` asks again and must not count the selections twice.
        asked = kind, id(resource.context.root)
        if asked not in self._selected:
            self._selected[asked] = self._select(kind, resource)
        return self._selected[asked]

    def _select(self, kind: str, resource: KubernetesResource) -> list[KubernetesResource]:
        if kind not in self._by_name:
            self._by_name[kind] = sorted(self.by_name.get(kind, {}).values(), key=str)
        everything, namespace = self._by_name[kind], resource.namespace
        if (kind, namespace) not in self._reaching:
            of_namespace = self.labels.get(namespace, {}) | {_NAMESPACE_LABEL: namespace}
            self._reaching[kind, namespace] = [
                item
                for item in everything
                if item.namespaces is not None and self._matches(item.namespaces, of_namespace)
            ]
        labels = labels_of(resource.context.root)
        return [
            item
            for item in self._reaching[kind, namespace]
            if item.routes is None or self._matches(item.routes, labels)
        ] or everything

    def _matches(self, selector: Selector, labels: Mapping[str, str]) -> bool:
        self._count(selector.size)
        return selector.matches(labels)

    def _count(self, selections: int) -> None:
        self._selections += selections
        if self._selections > limits.MAX_SELECTIONS:
            raise _TooManySelectionsError

    def _name(self, kind: str, namespace: str, name: str) -> str:
        """Return what App Mesh calls the object that Kubernetes calls so."""
        found = self.by_name.get(kind, {}).get((namespace, name))
        given = get_text(found.context.root, "spec", "awsName") if found else None
        if given is not None:
            return given
        if kind == "Mesh":
            return name
        return f"{name}.{namespace}" if kind == "VirtualService" else f"{name}_{namespace}"

    def _backends(
        self, node: KubernetesResource, document: Any, spec: Spec, hidden: Collection[str]
    ) -> Spec:
        """Return the backends of a node with those of its groups; nothing where it has none."""
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
                message = f"cannot be filled in: {error}"
                node.context.report(
                    Code.NOT_ALLOWED, position, message, path, "name fewer services"
                )
                break
        return {"backends": backends} if backends else {}

    def _services(
        self,
        node: KubernetesResource,
        expected: tuple[str, str],
        path: Path,
        hidden: Collection[str],
    ) -> Iterator[str]:
        """Yield the names of the virtual services in a group, or in a namespace for ``*``."""
        namespace, name = expected
        if name == "*":
            if not self._services_in:
                for place, service_name in sorted(self.by_name.get("VirtualService", {})):
                    own_name = self._name("VirtualService", place, service_name)
                    self._services_in.setdefault(place, []).append(own_name)
            of_namespace = self._services_in.get(namespace, [])
            self._count(len(of_namespace))
            yield from of_namespace
            return
        group = self.by_name.get("BackendGroup", {}).get(expected)
        if group is None:
            if "BackendGroup" not in hidden:
                message = f"names {namespace}/{name}, which is not declared"
                position, _ = find(node.context.root, path)
                node.context.report(Code.DANGLING, position, escaped(message), path)
            return
        _, services = find(group.context.root, ("spec", "virtualservices"))
        listed = services.items if isinstance(services, ListNode) else []
        self._count(len(listed))
        for service in listed:
            place = get_text(service, "namespace") or namespace
            yield self._name("VirtualService", place, get_text(service, "name") or "")

    def _resolve_references(self, resource: KubernetesResource) -> MappingNode:
        """Return the object with a name in the place of every reference to another."""
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
                message = f"names the {kind} for the second time"
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
        return self._name(kind, found.namespace or resource.namespace, found.name)


def _by_arn(resource: KubernetesResource, kind: str, node: Node, path: Path) -> str | None:
    match = _ARN.fullmatch(node.text) if isinstance(node, ScalarNode) else None
    if match and f"V{match[1]}" == kind:
        return match[2]
    if not isinstance(node, InvalidNode):
        message = f"must be the ARN of a {kind}, not {describe(node)}"
        resource.context.report(Code.NOT_ALLOWED, node.position, message, path)
    return None


def _fields(resource: KubernetesResource, root: MappingNode, model: type[BaseModel]) -> Fields:
    name = ("spec", "awsName") if find(root, ("spec", "awsName"))[1] else ("metadata", "name")
    references = (("spec", _REFERENCES_TO[kind], "name") for kind in _PARENTS[resource.kind])
    # If selectors choose the parent, no field names it.
    parents = (path if find(root, path)[1] else name for path in references)
    names = (*parents, name)
    return Fields(root, resource.context.path, names, ("spec",), documents.spec_in(model))


def _to_api_spec(kind: str, form: Any) -> Spec:
    """Return the spec in ``form``, which has fields of the controller beside it."""
    known = spec_of(kind).model_fields
    return {name: value for name, value in to_api_names(form).items() if attribute(name) in known}


def _warn_of_namespace(mesh: KubernetesResource, document: Any) -> None:
    if "namespace" in document.metadata.model_fields_set:
        where = ("metadata", "namespace")
        position, _ = find(mesh.context.root, where)
        message = "means nothing on a Mesh, which belongs to the whole cluster"
        mesh.context.report(Code.NAMESPACE, position, message, where)
