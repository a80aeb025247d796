"""Manifests as text."""

import json
from collections.abc import Mapping
from typing import Any

from builders import key

from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key
from reconciler.wiring.envoy import render_yaml


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


def manifest_text(specs: Mapping[str, Any]) -> str:
    """Return resources by the text of their keys as manifests."""
    documents = [_document(key(text), spec) for text, spec in specs.items()]
    return "---\n".join(map(render_yaml, documents))


def _document(key: Key, spec: Mapping[str, Any]) -> dict[str, Any]:
    kind = KINDS[key.kind]
    mesh, *between, name = key.path if key.kind != "mesh" else ("", *key.path)
    metadata = {"name": name}
    if mesh:
        metadata["mesh"] = mesh
    if between:
        (parent,) = between
        metadata["virtualRouter" if kind.parent == "virtual-router" else "virtualGateway"] = parent
    return {
        "apiVersion": "mesh-reconciler/v1",
        "kind": kind.title,
        "metadata": metadata,
        "spec": spec,
    }
