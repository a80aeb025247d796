"""Base class and field types of the models of manifests.

The models know no positions; ``validation`` adds the positions to their errors.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from reconciler.manifest.models import value_checks


class Unquoted(NamedTuple):
    """An unquoted YAML scalar that is not a string in YAML, such as ``010`` or ``true``."""

    text: str
    value: int | float | bool


def _source_text(value: object) -> object:
    return value.text if isinstance(value, Unquoted) else value


def _resolved_value(value: object) -> object:
    return value.value if isinstance(value, Unquoted) else value


def _parse_moment(value: object) -> object:
    text = _source_text(value)
    return value_checks.parse_moment(text) if isinstance(text, str) else text


def _check_item_count(items: object) -> object:
    # Checked before the items, because pydantic reports an error for each of them.
    if isinstance(items, list | dict):
        value_checks.check_item_count(len(items))
    return items


def _check_tag_count(tags: dict[str, str]) -> dict[str, str]:
    value_checks.check_tag_count(len(tags))
    return tags


def _with_schema(**limits: object) -> WithJsonSchema:
    """Return the JSON Schema of a text with the limits that ``value_checks`` checks."""
    return WithJsonSchema({"type": "string", **limits})


@cache
def api_name(attribute: str) -> str:
    """Return the API's name of the field that is ``attribute`` in a model."""
    return to_camel(attribute.rstrip("_"))


class Model(BaseModel):
    """Base of all models: camel-case fields, no undeclared fields, no type conversion."""

    model_config = ConfigDict(
        alias_generator=api_name,
        extra="forbid",
        frozen=True,
        strict=True,
        validate_by_name=False,
        # Most runs need the models of only a few kinds.
        defer_build=True,
    )


Ignored = Any
ItemLimit = BeforeValidator(_check_item_count)
FromSource = BeforeValidator(_source_text)
Resolved = BeforeValidator(_resolved_value)
Text = Annotated[str, FromSource]
Flag = Annotated[bool, Resolved]
Name = Annotated[
    Text,
    AfterValidator(value_checks.check_name),
    _with_schema(minLength=1, maxLength=value_checks.MAX_NAME_LENGTH, pattern="^[^/]+$"),
]
Account = Annotated[
    Text,
    AfterValidator(value_checks.check_account),
    _with_schema(minLength=12, maxLength=12, pattern="^[0-9]{12}$"),
]
TagKey = Annotated[Text, AfterValidator(value_checks.check_tag_key)]
TagValue = Annotated[
    Text,
    AfterValidator(value_checks.check_tag_value),
    _with_schema(maxLength=value_checks.MAX_TAG_VALUE_LENGTH),
]
Tags = Annotated[
    dict[TagKey, TagValue],
    ItemLimit,
    AfterValidator(_check_tag_count),
    Field(json_schema_extra={"maxProperties": value_checks.MAX_TAGS}),
]
Pointer = Annotated[Text, AfterValidator(value_checks.check_pointer), _with_schema(pattern="^/")]
Moment = Annotated[datetime, BeforeValidator(_parse_moment)]


class TagRef(Model):
    """One tag in the API's format."""

    key: TagKey
    value: TagValue


def _check_tag_list(tags: list[TagRef]) -> list[TagRef]:
    value_checks.check_tag_count(len(tags))
    value_checks.check_distinct_tag_keys([tag.key for tag in tags])
    return tags


TagList = Annotated[list[TagRef], ItemLimit, AfterValidator(_check_tag_list)]

Rule = Callable[[Model], None]
"""A check of several fields of a model; it raises InvalidValue."""
