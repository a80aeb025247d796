"""Backends of virtual nodes that backend groups contribute."""

from collections.abc import Collection, Iterator
from typing import Any

from reconciler.core.escaping import escaped
from reconciler.core.resources import Spec
from reconciler.manifest.formats.kubernetes.objects import (
    DeclaredObjects,
    KubernetesResource,
    TooManySelectionsError,
)
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import ListNode, Path, find, get_text


class BackendGroups:
    """Expands the backend groups of virtual nodes."""

    def __init__(self, objects: DeclaredObjects) -> None:
        self._objects = objects
        self._services_in: dict[str, list[str]] = {}
        self._services_of: dict[tuple[str, str], list[str]] = {}

    def backends(
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
            except TooManySelectionsError as error:
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
    ) -> list[str]:
        """Return the virtual services of a backend group; ``*`` means all of its namespace."""
        namespace, name = expected
        if name == "*":
            return self._all_services(namespace)
        group = self._objects.by_name.get("BackendGroup", {}).get(expected)
        if group is None:
            if "BackendGroup" not in hidden:
                message = f"refers to {namespace}/{name}, which is not declared"
                position, _ = find(node.context.root, path)
                node.context.report(Code.BACKEND_GROUP, position, escaped(message), path)
            return []
        if expected not in self._services_of:
            self._services_of[expected] = list(self._listed_services(group))
        services = self._services_of[expected]
        self._objects.count_selections(len(services))
        return services

    def _listed_services(self, group: KubernetesResource) -> Iterator[str]:
        _, services = find(group.context.root, ("spec", "virtualservices"))
        for service in services.items if isinstance(services, ListNode) else ():
            namespace = get_text(service, "namespace") or group.namespace
            name = get_text(service, "name") or ""
            yield self._objects.api_name("VirtualService", namespace, name)

    def _all_services(self, namespace: str) -> list[str]:
        if not self._services_in:
            for own_namespace, name in sorted(self._objects.by_name.get("VirtualService", {})):
                own_name = self._objects.api_name("VirtualService", own_namespace, name)
                self._services_in.setdefault(own_namespace, []).append(own_name)
        services = self._services_in.get(namespace, [])
        self._objects.count_selections(len(services))
        return services
