"""Validation of nodes against models: turns pydantic errors into diagnostics with positions."""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from reconciler.manifest.models.fields import Unquoted
from reconciler.manifest.models.value_checks import InvalidValue
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean, one_of
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    InvalidNode,
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    ScalarNode,
    describe,
    find,
)

M = TypeVar("M", bound=BaseModel)

# Replaces null and invalid nodes. No type accepts it, while optional fields would accept None:
# a manifest must not use null to leave a field out.
_INVALID = object()

_EXPECTED = {
    "bool_type": "true or false",
    "datetime_type": "a date and time",
    "dict_type": "a mapping",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "text",
}

# For each pydantic error about a bound: the entry of its context with the bound, and the message.
_BOUNDS = {
    "greater_than_equal": ("ge", "be at least {}"),
    "less_than_equal": ("le", "be at most {}"),
    "string_pattern_mismatch": ("pattern", "match {}"),
    "string_too_long": ("max_length", "have at most {} characters"),
    "too_long": ("max_length", "have at most {} items"),
}
# All lower bounds of lengths are 1.
_EMPTY = frozenset({"string_too_short", "too_short"})


def validate(model: type[M], node: Node, diagnostics: DiagnosticList, path: Path = ()) -> M | None:
    """Return ``node`` as a ``model``, or report all of its errors and return None.

    ``path`` is the path of ``node`` in its document.
    """
    try:
        return model.model_validate(_plain(node))
    except ValidationError as error:
        for details in error.errors(include_url=False):
            _report(details, model, node, diagnostics, path)
    return None


def given_spec(document: BaseModel) -> dict[str, Any] | None:
    """Return the fields that the manifest sets in the spec of ``document``, as plain JSON.

    The whole document is written, because pydantic builds a serializer for each model that is
    written by itself, and has one for the document already.
    """
    written = document.model_dump(by_alias=True, exclude_unset=True, include={"spec"})
    spec: dict[str, Any] | None = written.get("spec")
    return spec


def drop_unknown_fields(
    model: type[BaseModel], node: Node, diagnostics: DiagnosticList, path: Path
) -> Node:
    """Return ``node`` without the fields that ``model`` lacks; report a warning for each.

    The Kubernetes API server drops fields outside of a resource's schema in the same way.
    """
    if isinstance(node, ListNode):
        items = enumerate(node.items)
        return ListNode(
            node.position,
            [
                drop_unknown_fields(model, item, diagnostics, (*path, index))
                for index, item in items
            ],
        )
    if not isinstance(node, MappingNode):
        return node
    fields = _fields(model)
    kept: dict[str, KeyValue] = {}
    for name, member in node.members.items():
        position, value = member
        if name not in fields:
            message = "is an unknown field, which is ignored as in Kubernetes"
            hint = did_you_mean(name, fields)
            diagnostics.add(Code.PRUNED_FIELD, position, message, path=(*path, name), hint=hint)
        elif inner := fields[name]:
            value = drop_unknown_fields(inner, value, diagnostics, (*path, name))
            kept[name] = KeyValue(position, value)
        else:
            kept[name] = member
    return MappingNode(node.position, kept)


def _plain(node: Node) -> Any:
    if isinstance(node, ScalarNode):
        if node.value is None:
            return _INVALID
        if node.unquoted and not isinstance(node.value, str):
            return Unquoted(node.text, node.value)
        return node.value
    if isinstance(node, MappingNode):
        return {name: _plain(member.value) for name, member in node.members.items()}
    if isinstance(node, ListNode):
        return [_plain(item) for item in node.items]
    return _INVALID


def _report(
    details: Any, model: type[BaseModel], root: Node, diagnostics: DiagnosticList, path: Path
) -> None:
    # pydantic adds one more step to the location of an error about a key.
    about_key = details["loc"][-1:] == ("[key]",)
    steps: Path = details["loc"][:-1] if about_key else details["loc"]
    key_position, node = find(root, steps)
    here = (*path, *steps)
    if node is None:
        diagnostics.add(Code.MISSING_FIELD, key_position, "is required", path=here)
    elif details["type"] == "extra_forbidden":
        known = _fields(_model_at(model, steps[:-1]))
        message = f"is an unknown field; known fields: {', '.join(known)}"
        hint = did_you_mean(str(steps[-1]), known)
        diagnostics.add(Code.UNKNOWN_FIELD, key_position, message, path=here, hint=hint)
    elif not isinstance(node, InvalidNode):
        code, message, hint = _value_message(details, node)
        position = key_position if about_key else node.position
        diagnostics.add(code, position, message, path=here, hint=hint)


def _value_message(details: Any, node: Node) -> tuple[Code, str, str]:
    """Return the code, message and hint for an invalid value."""
    context = details.get("ctx", {})
    if isinstance(error := context.get("error"), InvalidValue):
        return error.code, str(error), error.hint
    scalar = node if isinstance(node, ScalarNode) else None
    if scalar and scalar.value is None:
        return Code.NULL, "must not be null", "set a value or remove the field"
    if details["type"] == "literal_error":
        # pydantic lists the allowed values in a sentence: 'A', 'B' or 'C'.
        allowed = context["expected"].split("'")[1::2]
        hint = did_you_mean(scalar.text, allowed) if scalar else ""
        return Code.NOT_ALLOWED, f"must be {one_of(allowed)}, not {describe(node)}", hint
    if details["type"] in _EMPTY:
        return Code.NOT_ALLOWED, "must not be empty", ""
    if details["type"] in _BOUNDS:
        name, words = _BOUNDS[details["type"]]
        found = describe(node) if scalar else context["actual_length"]
        return Code.NOT_ALLOWED, f"must {words.format(context[name])}, not {found}", ""
    expected = _EXPECTED.get(details["type"], "a value of another type")
    return Code.WRONG_TYPE, f"must be {expected}, not {describe(node)}", ""


def _model_at(model: type[BaseModel], steps: Path) -> type[BaseModel]:
    for step in steps:
        if isinstance(step, str):
            model = _fields(model)[step] or model
    return model


@cache
def _fields(model: type[BaseModel]) -> Mapping[str, type[BaseModel] | None]:
    """Return the names of the fields in manifests, each with the model of its value."""
    return {
        field.alias or name: find_model(field.annotation)
        for name, field in model.model_fields.items()
    }


def find_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model in the ``annotation`` of a field, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(find_model, get_args(annotation))), None)
