"""Resolution of the references between Kubernetes objects to names in App Mesh."""

import re

from reconciler.manifest.formats.kubernetes.objects import DeclaredObjects, KubernetesResource
from reconciler.manifest.models import documents
from reconciler.manifest.models.validation import validate
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import (
    InvalidNode,
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    ScalarNode,
    describe,
    find,
)

# The fields with references, each with its kind and the field that has the name in App Mesh.
_REFERENCES = {
    f"v{kind[1:]}{suffix}": (kind, f"v{kind[1:]}Ref")
    for kind in ("VirtualNode", "VirtualRouter", "VirtualService")
    for suffix in ("Ref", "ARN")
}
_ARN = re.compile(r"arn:[^:]+:appmesh:[^:]*:[^:]*:mesh/[^/]+/v(\w+)/(.+)")


def resolve_references(resource: KubernetesResource, objects: DeclaredObjects) -> MappingNode:
    """Return the object with each reference replaced by a name in App Mesh."""
    root = resource.context.root
    members = dict(root.members)
    if spec := members.get("spec"):
        value = _Resolution(resource, objects).without_references(spec.value, ("spec",))
        members["spec"] = KeyValue(spec.position, value)
    return MappingNode(root.position, members)


class _Resolution:
    """The resolution of the references in one object."""

    def __init__(self, resource: KubernetesResource, objects: DeclaredObjects) -> None:
        self._resource = resource
        self._context = resource.context
        self._objects = objects

    def without_references(self, node: Node, path: Path) -> Node:
        """Return ``node`` without references."""
        if isinstance(node, ListNode):
            items = [
                self.without_references(item, (*path, index))
                for index, item in enumerate(node.items)
            ]
            return ListNode(node.position, items)
        if not isinstance(node, MappingNode):
            return node
        members: dict[str, KeyValue] = {}
        for name, member in node.members.items():
            position, value = member
            here = (*path, name)
            if name in _REFERENCES:
                kind, reference = _REFERENCES[name]
                if reference in members:
                    message = f"refers to the {kind} for the second time"
                    self._context.report(Code.NOT_ALLOWED, position, message, here)
                resolve = self._by_reference if name == reference else self._by_arn
                members[reference] = KeyValue(
                    position, _name_node(value, resolve(kind, value, here))
                )
            elif isinstance(value, ScalarNode):
                members[name] = member
            else:
                members[name] = KeyValue(position, self.without_references(value, here))
        return MappingNode(node.position, members)

    def _by_reference(self, kind: str, node: Node, path: Path) -> str | None:
        where = (*self._context.path, *path)
        found = validate(documents.KubernetesReference, node, self._context.diagnostics, where)
        if found is None:
            return None
        referenced = (found.namespace or self._resource.namespace, found.name)
        return self._objects.referenced_name(self._resource, kind, referenced, path)

    def _by_arn(self, kind: str, node: Node, path: Path) -> str | None:
        match = _ARN.fullmatch(node.text) if isinstance(node, ScalarNode) else None
        if match and f"V{match[1]}" == kind:
            return match[2]
        if not isinstance(node, InvalidNode):
            message = f"must be the ARN of a {kind}, not {describe(node)}"
            self._context.report(Code.NOT_ALLOWED, node.position, message, path)
        return None


def _name_node(reference: Node, name: str | None) -> Node:
    """Return the ``name`` to which ``reference`` refers; None if the reference is not valid."""
    if name is None:
        return InvalidNode(reference.position)
    _, own_name = find(reference, ("name",))
    return ScalarNode(own_name.position if own_name else reference.position, name, name)
