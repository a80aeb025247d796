"""Selection of the mesh or gateway that a Kubernetes object belongs to."""

from collections.abc import Collection, Mapping

from reconciler.core.escaping import escaped
from reconciler.manifest.formats.kubernetes.labels import Selector, labels_of
from reconciler.manifest.formats.kubernetes.objects import (
    DeclaredObjects,
    KubernetesResource,
    TooManySelectionsError,
)
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.parsing.diagnostics import Code, one_of
from reconciler.manifest.parsing.nodes import MappingNode, find, get_text

PARENTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Mesh", "BackendGroup"), ()),
    **dict.fromkeys(
        ("VirtualNode", "VirtualRouter", "VirtualService", "VirtualGateway"), ("Mesh",)
    ),
    "GatewayRoute": ("Mesh", "VirtualGateway"),
}
"""The kinds of the parents of each kind."""
REFERENCES_TO = {"Mesh": "meshRef", "VirtualGateway": "virtualGatewayRef"}
"""The field that refers to a parent of each kind."""
# Kubernetes gives each namespace this label with its own name.
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


class ParentSelection:
    """Finds parents by reference, by selectors, or because there is only one."""

    def __init__(self, objects: DeclaredObjects) -> None:
        self._objects = objects
        self._labels: dict[str, dict[str, str]] = {}
        self._by_name: dict[str, list[KubernetesResource]] = {}
        self._reaching: dict[tuple[str, str], list[KubernetesResource]] = {}
        self._selected: dict[tuple[str, int], list[KubernetesResource]] = {}

    def add_namespace(self, root: MappingNode) -> None:
        """Record the labels of a Namespace."""
        name = get_text(root, "metadata", "name")
        if name is not None:
            self._labels[name] = labels_of(root)

    def name_of(
        self, kind: str, resource: KubernetesResource, fields: Fields, hidden: Collection[str]
    ) -> str | None:
        """Return the name of the parent of ``kind``, or None if it is not clear."""
        root, member = resource.context.root, REFERENCES_TO[kind]
        _, reference = find(root, ("spec", member))
        if reference is not None:
            name = get_text(reference, "name")
            namespace = get_text(reference, "namespace") or resource.namespace
            referenced = ("" if kind == "Mesh" else namespace, name or "")
            where = ("spec", member)
            return (
                self._objects.referenced_name(resource, kind, referenced, where) if name else None
            )
        try:
            matching = self._selecting(kind, resource)
        except TooManySelectionsError as error:
            reason = str(error)
        else:
            if len(matching) == 1:
                return self._objects.api_name(kind, matching[0].namespace, matching[0].name)
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
            self._by_name[kind] = sorted(self._objects.by_name.get(kind, {}).values(), key=str)
        all_objects, namespace = self._by_name[kind], resource.namespace
        if (kind, namespace) not in self._reaching:
            namespace_labels = self._labels.get(namespace, {}) | {_NAMESPACE_LABEL: namespace}
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
        self._objects.count_selections(selector.size)
        return selector.matches(labels)
