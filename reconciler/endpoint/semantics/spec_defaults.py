"""The members of a spec that the service fills in or changes."""

from collections.abc import Callable
from typing import Any

from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.references import weighted_targets

Spec = dict[str, Any]


def with_defaults(
    kind: str, spec: Spec, behavior: Behavior, node: Callable[[str], Spec | None]
) -> Spec:
    """Return a spec as the service stores it.

    All other members are returned as they were sent, without defaults (CLI samples, UG).

    Args:
        kind: The kind of the resource.
        spec: The spec in the request.
        behavior: The behaviors of the endpoint.
        node: Returns the spec of the virtual node with the given name.
    """
    spec = _copied(spec)
    if kind == "VirtualNode" and behavior.backends == "filled":
        spec.setdefault("backends", [])
    if behavior.health_check_port == "filled":
        for listener in spec.get("listeners", ()):
            if "healthCheck" in listener:
                listener["healthCheck"].setdefault("port", listener["portMapping"]["port"])
    if kind == "Route" and behavior.target_port == "filled":
        for target in weighted_targets(spec):
            listeners = (node(target["virtualNode"]) or {}).get("listeners", [])
            if len(listeners) == 1:
                target.setdefault("port", listeners[0]["portMapping"]["port"])
    if behavior.grpc_metadata_names == "lowered":
        for metadata in spec.get("grpcRoute", {}).get("match", {}).get("metadata", ()):
            metadata["name"] = metadata["name"].lower()
    return spec


def with_backends(spec: Spec, behavior: Behavior) -> Spec:
    """Return the spec of a virtual node as reads and deletes return it (CLI samples, UG)."""
    return {"backends": [], **spec} if behavior.backends == "read" else spec


def _copied(value: Any) -> Any:
    # `copy.deepcopy`, which copies any object, takes several times as long.
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
