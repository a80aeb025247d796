"""The models of specs say what the API's description says, and refuse what the API refuses."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from endpoint.samples import NAMES, SCOPE, SPECS

from reconciler.api import Boolean, ListOf, Member, Number, Shape, Structure, Text, load, violations
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.spec_checks import Call
from reconciler.endpoint.semantics.spec_checks import violations_of_rules as refusals
from reconciler.endpoint.state.tables import Scope
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.models import specs
from reconciler.manifest.models.fields import api_name
from reconciler.manifest.models.manifest_schema import manifest_schema

API = load()
SCHEMA = manifest_schema()["$defs"]
STRICTER = {"ResourceName": {"pattern": "^[^/]+$"}}
"""What we ask of a text beside what the description does."""


def differences(shape: Shape, schema: dict[str, Any], place: str) -> Iterator[str]:
    """Yield where ``schema`` does not say what ``shape`` does."""
    if "$ref" in schema:
        schema = SCHEMA[schema["$ref"].rpartition("/")[2]]
    for word, wanted in words(shape).items():
        if schema.get(word) != wanted:
            yield f"{place}: {word} is {schema.get(word)} and not {wanted}"
    if isinstance(shape, Structure):
        if schema["properties"].keys() != shape.members.keys():
            yield f"{place}: has other fields"
        for name in schema["properties"].keys() & shape.members.keys():
            member = shape.members[name]
            yield from differences(member.shape, schema["properties"][name], f"{place}.{name}")
    if isinstance(shape, ListOf):
        yield from differences(shape.item, schema["items"], f"{place}[]")


def words(shape: Shape) -> dict[str, Any]:
    """Return what a JSON Schema says of ``shape``; None for what it must not say."""
    said: dict[str, Any] = {}
    match shape:
        case Structure(members=members, union=union):
            required = [name for name, member in members.items() if member.required]
            item = 1 if union else None
            said = {"type": "object", "additionalProperties": False, "required": required or None}
            said |= {"minProperties": item, "maxProperties": item}
        case ListOf(min_items=fewest, max_items=most):
            said = {"type": "array", "minItems": fewest, "maxItems": most}
        case Text(values=[value]):
            said = {"const": value}
        case Text(values=values) if values:
            said = {"enum": list(values)}
        case Text(min_length=shortest, max_length=longest, pattern=pattern):
            said = {"type": "string", "minLength": shortest, "maxLength": longest}
            said |= {"pattern": pattern.pattern if pattern else None}
        case Number(minimum=lowest, maximum=highest):
            said = {"type": "integer", "minimum": lowest, "maximum": highest}
        case Boolean():
            said = {"type": "boolean"}
    assert said, shape
    return said | STRICTER.get(shape.name, {})


@pytest.mark.parametrize("kind", API.kinds)
def test_every_field_and_every_bound_is_the_descriptions(kind: str) -> None:
    schema = SCHEMA[f"Native{kind}"]
    assert list(differences(API.shapes[f"{kind}Spec"], schema["properties"]["spec"], "spec")) == []
    create = API.operations[f"Create{kind}"].request.members
    assert ("spec" in schema["required"]) is create["spec"].required


def test_the_comparison_sees_a_field_a_bound_and_a_union_that_differ() -> None:
    schema = deepcopy(SCHEMA["Listener"])
    del schema["properties"]["tls"]
    schema["required"] = []
    assert sorted(differences(API.shapes["Listener"], schema, "l")) == [
        "l: has other fields",
        "l: required is [] and not ['portMapping']",
    ]
    other = API.shapes["Duration"]
    assert len(list(differences(other, SCHEMA["Backend"], "d"))) == 3
    number = {"type": "integer", "minimum": 2}
    assert len(list(differences(API.shapes["PercentInt"], number, "p"))) == 2


def test_every_field_has_an_attribute_that_leads_back_to_it() -> None:
    for shape in API.shapes.values():
        for name in shape.members if isinstance(shape, Structure) else ():
            assert api_name(specs.attribute(name)) == name


def test_what_is_in_no_spec_has_no_model() -> None:
    odd = Structure("Odd", {"at": Member(API.shapes["Timestamp"], required=True)})
    with pytest.raises(TypeError, match="Timestamp is in no spec"):
        specs.structure_of(odd, {})


def manifest(kind: str, spec: Any) -> LoadResult:
    names = [NAMES[name] for name in API.kinds[kind].path]
    places = (name.removesuffix("Name") for name in API.kinds[kind].path[:-1])
    metadata = dict(zip(places, names, strict=False)) | {"name": names[-1]}
    document = {
        "apiVersion": "mesh-reconciler/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }
    return load_manifests([("m.json", json.dumps(document).encode())])


@pytest.mark.parametrize("kind", API.kinds)
def test_what_the_service_takes_is_taken_as_it_is(kind: str) -> None:
    loaded = manifest(kind, SPECS[kind])
    assert loaded.valid
    assert loaded.desired[0].spec == SPECS[kind]


def changes(value: Any) -> Iterator[Any]:
    """Yield ``value`` with one thing changed, anywhere in it."""
    if isinstance(value, dict):
        yield value | {"unheardOf": 1}
        for name, member in value.items():
            yield {other: value[other] for other in value if other != name}
            for changed in changes(member):
                yield value | {name: changed}
    elif isinstance(value, list):
        yield []
        yield value * 11
        for changed in changes(value[0]):
            yield [changed, *value[1:]]
    else:
        yield from ("", "x", "/", "x" * 1025, "http", "tcp", 0, -1, 1, 70_000, True, 1.5, [], {})


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", API.kinds)
def test_what_the_service_refuses_is_refused_before(kind: str) -> None:
    operation = API.operations[f"Create{kind}"]
    refused = 0
    for spec in changes(SPECS[kind]):
        faults = [str(fault) for fault in violations(API.shapes[f"{kind}Spec"], spec)]
        if not faults:
            names = {name: NAMES[name] for name in API.kinds[kind].path}
            call = Call(operation, Scope(*SCOPE), {**names, "spec": spec})
            faults = [words for _, words in refusals(call, Behavior())]
        if faults:
            refused += 1
            assert not manifest(kind, spec).valid, faults
    assert refused > 3
