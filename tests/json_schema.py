"""As much of JSON Schema as the schemas of a plan and a report use."""

import re
from collections.abc import Iterator
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
KNOWN = {
    "$schema", "$defs", "title", "description", "$ref", "anyOf", "const", "enum", "type", "minimum",
    "pattern", "items", "properties", "required", "additionalProperties",
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "") -> Iterator[str]:
    """Yield what of ``value`` is not as ``schema``, a part of ``root``, says."""
    assert schema.keys() <= KNOWN, f"{schema.keys() - KNOWN} is not looked at"
    if "$ref" in schema:
        yield from faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    if "anyOf" in schema and all(list(faults(value, entry, root)) for entry in schema["anyOf"]):
        yield f"{at} is none of {schema['anyOf']}"
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{at} is {value!r}"
    if "type" in schema and not _is_a(value, schema["type"]):
        yield f"{at} is no {schema['type']}"
    elif isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at} is {value!r}"
    elif isinstance(value, int) and value < schema.get("minimum", value):
        yield f"{at} is {value}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from faults(item, schema.get("items", {}), root, f"{at}/{index}")
    elif isinstance(value, dict):
        yield from _faults_of_members(value, schema, root, at)


def _faults_of_members(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> Iterator[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    yield from (
        f"{at}/{name} is missing" for name in schema.get("required", []) if name not in value
    )
    for name, member in value.items():
        wanted = properties.get(name, others)
        if wanted is False:
            yield f"{at}/{name} is not known"
        else:
            yield from faults(member, wanted, root, f"{at}/{name}")


def _is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])
