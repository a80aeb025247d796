"""Translation of the resources of the App Mesh controller for Kubernetes.

Names and parents in App Mesh depend on other objects, so all objects are collected before the
first one is translated. Selectors match only the collected objects: no cluster is read.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

from pydantic import BaseModel

from reconciler.core.resources import Key, Origin, Spec
from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.detect import KUBERNETES, KUBERNETES_KINDS
from reconciler.manifest.formats.kubernetes.backend_groups import BackendGroups
from reconciler.manifest.formats.kubernetes.objects import (
    SET_NAMESPACE,
    DeclaredObjects,
    KubernetesResource,
)
from reconciler.manifest.formats.kubernetes.old_routers import with_listener
from reconciler.manifest.formats.kubernetes.parents import PARENTS, REFERENCES_TO, ParentSelection
from reconciler.manifest.formats.kubernetes.references import resolve_references
from reconciler.manifest.formats.kubernetes.v1beta1 import translate_old_object
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_naming import to_api_names
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.specs import spec_of
from reconciler.manifest.models.validation import drop_unknown_fields, validate
from reconciler.manifest.models.value_checks import MAX_NAME_LENGTH
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    KeyValue,
    MappingNode,
    ScalarNode,
    SourceText,
    TooManyDiagnosticsError,
    find,
    get_text,
)
from reconciler.manifest.parsing.variables import Substitution

# Variables are not replaced in these fields of a Kubernetes object, because they are not used.
_NOT_SUBSTITUTED = frozenset({"annotations", "labels", "managedFields", "podSelector", "status"})
_NOT_SUBSTITUTED_IF_SELECTED = _NOT_SUBSTITUTED - {"labels"}
_OLD_KINDS = ("Mesh", "VirtualNode", "VirtualRouter", "VirtualService")


def defer_object(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield nothing, because objects are translated when all of them are known."""
    context.defer(context)
    return iter(())


class Cluster:
    """The Kubernetes objects that a source declares, as if for one cluster."""

    def __init__(self) -> None:
        self._objects = DeclaredObjects()
        self._parents = ParentSelection(self._objects)
        self._groups = BackendGroups(self._objects)

    @property
    def resources(self) -> list[KubernetesResource]:
        """The objects, in the order in which they were added."""
        return self._objects.resources

    def add_namespace(self, root: MappingNode, inputs: Inputs) -> None:
        """Record the labels of a Namespace. A variable without a value is not an error there."""
        silent = DiagnosticList(SourceText("", "", []))
        variables = Substitution(inputs.variables, {}, silent, _NOT_SUBSTITUTED_IF_SELECTED)
        with suppress(TooManyDiagnosticsError):
            root = variables.mapping(root, ())
        self._parents.add_namespace(root)

    def add(self, context: DocumentContext) -> None:
        """Record an object, or report that its kind is not supported."""
        is_selected = get_text(context.root, "kind") == "GatewayRoute"
        skip = _NOT_SUBSTITUTED_IF_SELECTED if is_selected else _NOT_SUBSTITUTED
        root = context.substitute(context.root, skip=skip)
        kind = context.kind(root, KUBERNETES_KINDS)
        if kind is None:
            return
        if kind != "Mesh":
            root = _with_namespace(root, context.inputs.namespace)
        context = context._replace(root=root)
        if get_text(root, "apiVersion") == KUBERNETES[0] or kind == "Mesh":
            self._objects.add(context, kind)
            return
        for new_kind, new_root in translate_old_object(context, kind):
            self._objects.add(context._replace(root=new_root), new_kind)

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
            resource = with_listener(resource, self._objects)
            context = resource.context
        model = documents.kubernetes(kind, old=is_old and kind == "Mesh")
        known: Any = drop_unknown_fields(
            model, resolve_references(resource, self._objects), context.diagnostics, context.path
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
            spec |= self._groups.backends(resource, document, spec, hidden)
        yield context.declare(fields, key, spec)
        if kind == "VirtualRouter":
            yield from _routes(context, fields, key, document.spec)

    def record_fields(
        self,
        resource: KubernetesResource,
        fields_by_key: dict[tuple[Key, Origin], Fields],
        hidden: Collection[str],
    ) -> None:
        """Add the fields of the resources of ``resource`` to ``fields_by_key``; report nothing."""
        silent = DiagnosticList(resource.context.diagnostics.source)
        context = resource.context._replace(diagnostics=silent, fields_by_key=fields_by_key)
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
            self._parents.name_of(kind, resource, fields, hidden) for kind in PARENTS[resource.kind]
        ]
        if None in parents:
            return None
        name = self._objects.api_name(resource.kind, resource.namespace, resource.name)
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
        return Key(documents.KEY_KINDS[resource.kind], names, self._objects.mesh_owner(names[0]))


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
        resource.context.report(Code.MISSING_FIELD, place, "is required", where, SET_NAMESPACE)


def _fields(resource: KubernetesResource, root: MappingNode, model: type[BaseModel]) -> Fields:
    name = ("spec", "awsName") if find(root, ("spec", "awsName"))[1] else ("metadata", "name")
    references = (("spec", REFERENCES_TO[kind], "name") for kind in PARENTS[resource.kind])
    # If a selector determines the parent, no field refers to it.
    parents = (path if find(root, path)[1] else name for path in references)
    names = (*parents, name)
    return Fields(root, resource.context.path, names, ("spec",), documents.spec_in(model))


def _routes(
    context: DocumentContext, fields: Fields, router: Key, spec: Any
) -> Iterator[DeclaredResource | Unnamed]:
    for index, route in enumerate(spec.routes or ()):
        where = ("spec", "routes", index)
        names = (*fields.names, (*where, "name"))
        inside = fields._replace(names=names, spec=where, model=type(route))
        key = Key("route", (*router.path, route.name), router.mesh_owner)
        yield context.declare(inside, key, _to_api_spec("Route", route))


def _to_api_spec(kind: str, spec: Any) -> Spec:
    """Return the API's form of ``spec``, without the fields that only the controller has."""
    return to_api_names(spec, spec_of(kind).model_fields)


def _warn_of_namespace(mesh: KubernetesResource, document: Any) -> None:
    if "namespace" in document.metadata.model_fields_set:
        where = ("metadata", "namespace")
        position, _ = find(mesh.context.root, where)
        message = "is ignored, because a Mesh is a cluster-wide resource"
        mesh.context.report(Code.NAMESPACE, position, message, where)
