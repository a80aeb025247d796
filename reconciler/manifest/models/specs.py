"""Models of the API's structures, generated from its description on first use.

Fields, bounds and unions come only from the description. ``spec_rules`` has the rules that the
description cannot express.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model, model_validator

from reconciler.api import Boolean, ListOf, Number, Shape, Structure, Text, load
from reconciler.manifest.models import fields
from reconciler.manifest.models.fields import Model, Rule
from reconciler.manifest.models.spec_rules import RULES, exactly_one

_CAPITAL = re.compile("[A-Z]")
# These types have stricter checks than the description.
_TYPES: Mapping[str, Any] = {
    "AccountId": fields.Account,
    "ResourceName": fields.Name,
    "TagList": fields.TagList,
}


@cache
def attribute(name: str) -> str:
    """Return the attribute of a model for the API's field ``name``."""
    snake = _CAPITAL.sub(lambda letter: f"_{letter[0].lower()}", name)
    return f"{snake}_" if hasattr(Model, snake) else snake


@cache
def spec_of(kind: str) -> type[Model]:
    """Return the model of the spec of a kind, such as ``VirtualNode``."""
    spec: type[Model] = _type(load().shapes[f"{kind}Spec"])
    return spec


@cache
def spec_fields(kind: str) -> frozenset[str]:
    """Return the API's fields in the spec of a kind."""
    spec = load().shapes[f"{kind}Spec"]
    assert isinstance(spec, Structure)  # noqa: S101  # each spec is one
    return frozenset(spec.members)


def needs_spec(kind: str) -> bool:
    """Return whether the API requires a spec to create a resource of this kind."""
    return load().operations[f"Create{kind}"].request.members["spec"].required


def structure_of(structure: Structure, types: Mapping[str, Any]) -> type[Model]:
    """Return the model of ``structure``; ``types`` overrides the types of its fields."""
    members: dict[str, Any] = {
        attribute(name): _field(types.get(name) or _type(member.shape), required=member.required)
        for name, member in structure.members.items()
    }
    rules = RULES.get(structure.name, ())
    options: dict[str, Any] = {"__doc__": f"{structure.name} of App Mesh 2019-01-25."}
    if structure.union:
        rules = (*rules, exactly_one(*members))
        limits = {"minProperties": 1, "maxProperties": 1}
        options["__cls_kwargs__"] = {"json_schema_extra": limits}
    if rules:
        options["__validators__"] = {"rules": _all_rules(rules)}
    return create_model(structure.name, __base__=Model, **options, **members)


@cache
def _model_of(structure: Structure) -> type[Model]:
    return structure_of(structure, {})


def _field(type_: Any, *, required: bool) -> tuple[Any, Any]:
    return (type_, ...) if required else (type_ | None, None)


def _type(shape: Shape) -> Any:
    if shape.name in _TYPES:
        return _TYPES[shape.name]
    match shape:
        case Structure():
            return _model_of(shape)
        case ListOf(item=item, min_items=min_items, max_items=max_items):
            limits = Field(min_length=min_items, max_length=max_items)
            return Annotated[list[_type(item)], limits, fields.ItemLimit]  # type: ignore[misc]
        case Text():
            return _text(shape)
        case Number(minimum=minimum, maximum=maximum):
            return Annotated[int, Field(ge=minimum, le=maximum), fields.Resolved]
        case Boolean():
            return fields.Flag
    raise TypeError(f"{shape.name} is in no spec")


def _text(shape: Text) -> Any:
    if shape.values:
        return Literal[shape.values]
    pattern = shape.pattern.pattern if shape.pattern else None
    limits = Field(min_length=shape.min_length, max_length=shape.max_length, pattern=pattern)
    return Annotated[str, limits, fields.FromSource]


def _all_rules(rules: Iterable[Rule]) -> Any:
    def check(model: Model) -> Model:
        for rule in rules:
            rule(model)
        return model

    return model_validator(mode="after")(check)
