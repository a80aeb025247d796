"""Plans and parts of them as JSON values.

Encoder and decoder follow the fields of dataclasses and named tuples, so a new field of a change
needs no code here.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from reconciler.core.changes import Change, operation_name
from reconciler.core.resources import Json

# The member with the operation of a change, because fields alone do not identify its type.
OPERATION = "operation"
CHANGES = frozenset(get_args(Change))


def encode(value: Any) -> Any:
    """Return ``value``, a plan or a part of one, as a JSON value."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: encode(member) for name, member in value.items()}
    # A named tuple is a tuple too.
    if _is_record(type(value)):
        members = {name: encode(getattr(value, name)) for name in _fields(type(value))}
        return (
            {OPERATION: operation_name(value), **members} if isinstance(value, Change) else members
        )
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def decode(hint: Any, value: Any, path: str = "") -> Any:
    """Return the JSON value ``value`` as an instance of ``hint``.

    Raises:
        ValueError: ``value`` does not match ``hint``; the message has the path.
    """
    if hint == Json:
        return value
    if get_origin(hint) in (Union, UnionType):
        return _decode_choice(get_args(hint), value, path)
    if hint in CHANGES:
        return _decode_choice((hint,), value, path)
    if isinstance(value, dict | list):
        return _decode_many(hint, value, path)
    if isinstance(hint, type) and issubclass(hint, Enum):
        known = {member.value: member for member in hint}
        if value in known:
            return known[value]
    elif type(value) is (hint or NoneType) or (hint is float and type(value) is int):
        return value
    raise ValueError(f"{path} has an invalid value")


def _decode_many(hint: Any, value: dict[str, Any] | list[Any], path: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(value, list):
        if origin is tuple:
            return tuple(
                decode(arguments[0], item, f"{path}/{number}") for number, item in enumerate(value)
            )
    elif origin in (dict, Mapping):
        return {name: decode(arguments[1], value[name], f"{path}/{name}") for name in value}
    elif _is_record(hint):
        members = _fields(hint)
        for name in members.keys() ^ value.keys():
            raise ValueError(f"{path}/{name} is {'missing' if name in members else 'unknown'}")
        return hint(
            **{name: decode(members[name], value[name], f"{path}/{name}") for name in value}
        )
    raise ValueError(f"{path} has an invalid value")


def _decode_choice(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and NoneType in choices:
        return None
    by_name = {choice.__name__.lower(): choice for choice in choices if choice is not NoneType}
    if not set(by_name.values()) <= CHANGES:
        (hint,) = by_name.values()
        return decode(hint, value, path)
    if not isinstance(value, dict) or value.get(OPERATION) not in [*by_name]:
        raise ValueError(f"{path}/{OPERATION} is not one of {', '.join(by_name)}")
    members = {name: value[name] for name in value if name != OPERATION}
    return _decode_many(by_name[value[OPERATION]], members, path)


def _is_record(hint: Any) -> bool:
    """Return whether ``hint`` is a dataclass or a named tuple."""
    return isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields"))


def _fields(record: type) -> Mapping[str, Any]:
    """Return the types of the fields of a record, by name."""
    if is_dataclass(record):
        return {field.name: field.type for field in fields(record)}
    return record.__annotations__
