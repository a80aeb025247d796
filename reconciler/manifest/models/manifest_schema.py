"""JSON Schema of the native manifest format, for completion and checks in editors.

It is generated from the models that check manifests. The models check variables and names more
strictly than the schema can.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from reconciler.core.kinds import KINDS
from reconciler.manifest.models import documents

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def manifest_schema() -> dict[str, Any]:
    """Return the schema of a native manifest of any kind, draft 2020-12."""
    expected = [
        (model, "validation") for model in (documents.native(kind.title) for kind in KINDS.values())
    ]
    references, schema = models_json_schema(expected)  # type: ignore[arg-type]
    return {
        "$schema": DRAFT,
        "title": "mesh-reconciler manifest",
        "description": "One App Mesh resource that mesh-reconciler manages.",
        "oneOf": [references[pair] for pair in expected],  # type: ignore[index]
        "$defs": _plain(schema["$defs"]),
    }


def _plain(schema: Any) -> Any:
    """Return ``schema`` without null, which manifests must not have, and generated titles."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: _plain(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str)) and (name, value) != ("default", None)
    }
    options = [option for option in kept.pop("anyOf", []) if option != {"type": "null"}]
    return kept | (options[0] if len(options) == 1 else {"anyOf": options} if options else {})
