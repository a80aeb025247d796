"""The JSON Schema of the product's own form, for editors that help while one writes.

Made from the models that check manifests; variables and names are looked at more closely there.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from reconciler.core.kinds import KINDS
from reconciler.manifest.models import documents

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def manifest_schema() -> dict[str, Any]:
    """Return the schema of a document of any kind, draft 2020-12."""
    expected = [
        (model, "validation") for model in (documents.native(kind.title) for kind in KINDS.values())
    ]
    references, schema = models_json_schema(expected)  # type: ignore[arg-type]
    return {
        "$schema": DRAFT,
        "title": "mesh-reconciler manifest",
        "description": "One resource that mesh-reconciler keeps as it is written here.",
        "oneOf": [references[pair] for pair in expected],  # type: ignore[index]
        "$defs": _plain(schema["$defs"]),
    }


def _plain(schema: Any) -> Any:
    """Return ``schema`` without null, which no manifest may give, and without made-up titles."""
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
