"""The JSON Schema says what the models say, and something to the reader about each field."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Cli

from reconciler.api import load
from reconciler.core.kinds import KINDS
from reconciler.manifest.models.manifest_schema import DRAFT, manifest_schema

SCHEMA = manifest_schema()


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects(value)


def at(pointer: str) -> dict[str, Any]:
    """Return what stands at ``pointer``, a field at a time, below the schema of a mesh."""
    node: dict[str, Any] = SCHEMA["$defs"]["NativeMesh"]
    for step in pointer.split("."):
        node = node["properties"][step]
        if "$ref" in node:
            node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def test_every_object_is_described_and_every_field_that_is_not_the_apis() -> None:
    for title, model in SCHEMA["$defs"].items():
        assert model["description"]
        for name, field in model["properties"].items():
            assert title in load().shapes or field.get("description"), name


def test_it_is_of_the_draft_that_editors_read() -> None:
    assert SCHEMA["$schema"] == DRAFT
    assert SCHEMA["oneOf"] == [{"$ref": f"#/$defs/Native{kind.title}"} for kind in KINDS.values()]
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_nothing_may_be_null_and_no_field_be_made_up() -> None:
    assert "null" not in json.dumps(SCHEMA)
    found = list(objects(SCHEMA["$defs"]))
    assert all("properties" in item or item["maxProperties"] == 48 for item in found)
    assert all(item["additionalProperties"] is False for item in found if "properties" in item)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("apiVersion", {"const": "mesh-reconciler/v1"}),
        ("kind", {"const": "Mesh"}),
        ("metadata.name", {"minLength": 1, "maxLength": 255}),
        ("spec.egressFilter.type", {"enum": ["ALLOW_ALL", "DROP_ALL"]}),
        ("reconcile.protect", {"type": "boolean", "default": False}),
        ("reconcile.suspend.until", {"type": "string", "format": "date-time"}),
    ],
)
def test_what_it_says_of_a_field(field: str, words: dict[str, Any]) -> None:
    assert words.items() <= at(field).items()


@pytest.mark.unmeasured
def test_the_verb_prints_it_without_a_target(cli: Cli) -> None:
    result = cli("schema")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == SCHEMA
    assert cli("schema", "--of", "manifest").out == result.out
    assert cli("schema", "--of", "mesh").code == 64
