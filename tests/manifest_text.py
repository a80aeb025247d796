"""Manifests as text."""

import json


def mesh_yaml(
    name: str, egress: str | None = "DROP_ALL", *, reconcile: str = "", **tags: str
) -> str:
    """Return the native manifest of a mesh; no ``egress`` is no spec."""
    text = f"apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata:\n  name: {name}\n"
    if tags:
        text += f"  tags: {json.dumps(tags)}\n"
    if reconcile:
        text += f"reconcile: {reconcile}\n"
    if egress is not None:
        text += f"spec:\n  egressFilter: {{type: {egress}}}\n"
    return text
