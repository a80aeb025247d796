"""The Kubernetes objects that a source declares, and their names in App Mesh."""

from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler import limits
from reconciler.manifest.formats.context import DocumentContext
from reconciler.manifest.formats.kubernetes.labels import Selector, selector_of
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import Path, find, get_text

SET_NAMESPACE = "pass --namespace NAME, or set namespace in the target's table"


class TooManySelectionsError(Exception):
    """The objects of a source ask for too many comparisons and services."""

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
class DeclaredObjects:
    """The Kubernetes objects that a source declares, as if for one cluster."""

    resources: list[KubernetesResource] = field(default_factory=list)
    by_name: dict[str, dict[tuple[str, str], KubernetesResource]] = field(default_factory=dict)
    _selections: int = 0
    _nodes: dict[str, KubernetesResource] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)

    def add(self, context: DocumentContext, kind: str) -> None:
        """Record the object in ``context``."""
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

    def count_selections(self, selections: int) -> None:
        """Raise TooManySelectionsError if the source asks for too many ``selections``."""
        self._selections += selections
        if self._selections > limits.MAX_SELECTIONS:
            raise TooManySelectionsError

    def mesh_owner(self, mesh: str) -> str:
        """Return the account that owns the mesh with this name; empty if it is our own."""
        if not self._owners:
            for (_, name), found in self.by_name.get("Mesh", {}).items():
                owner = get_text(found.context.root, "spec", "meshOwner") or ""
                self._owners[self.api_name("Mesh", "", name)] = owner
        return self._owners.get(mesh, "")

    def node(self, name: str) -> KubernetesResource | None:
        """Return the virtual node with this name in App Mesh, or None if there is none."""
        if not self._nodes:
            for (namespace, own_name), node in self.by_name.get("VirtualNode", {}).items():
                self._nodes[self.api_name("VirtualNode", namespace, own_name)] = node
        return self._nodes.get(name)

    def api_name(self, kind: str, namespace: str, name: str) -> str:
        """Return the name in App Mesh of the Kubernetes object with this name."""
        found = self.by_name.get(kind, {}).get((namespace, name))
        given = get_text(found.context.root, "spec", "awsName") if found else None
        if given is not None:
            return given
        if kind == "Mesh":
            return name
        return f"{name}.{namespace}" if kind == "VirtualService" else f"{name}_{namespace}"

    def referenced_name(
        self, resource: KubernetesResource, kind: str, referenced: tuple[str, str], path: Path
    ) -> str | None:
        """Return the name in App Mesh of a ``referenced`` namespace and name, or report it."""
        if kind != "Mesh" and not referenced[0] and referenced not in self.by_name.get(kind, {}):
            where = (*path, "namespace")
            position, _ = find(resource.context.root, path)
            message = "is required, because the object has no namespace itself"
            resource.context.report(Code.MISSING_FIELD, position, message, where, SET_NAMESPACE)
            return None
        return self.api_name(kind, *referenced)
