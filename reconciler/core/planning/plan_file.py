"""The content of a plan file: a plan with all that apply needs, and a digest that detects edits.

This module converts bytes and does no I/O. Encoder and decoder follow the fields of the
dataclasses, so a new field of a change needs no code here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from reconciler import limits
from reconciler.core.changes import Change, Delete, detached_routes, operation_name, unlinked
from reconciler.core.errors import TargetError, UsageError
from reconciler.core.kinds import KINDS, parent_of
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import OWNER_TAG, Json, Key, canonical_json, digest

SCHEMA = 1
DIGEST = "digest"
# The member with the operation of a change, because fields alone do not identify its type.
OPERATION = "operation"
CHANGES = frozenset(get_args(Change))


@dataclass(frozen=True, slots=True)
class _Document:
    """The content of a file without its digest."""

    schema: int
    fingerprint: str
    plan: Plan


def write_plan_file(plan: Plan) -> bytes:
    """Return the canonical content of a plan file.

    Raises:
        TargetError: The account of the target is unknown, so the plan could be applied to another.
        UsageError: The file would be too large.
    """
    if plan.target.account is None:
        raise TargetError(
            f"the account behind {plan.target.url} is unknown (GetCallerIdentity was not "
            "answered), so no plan was saved: run plan again, or use apply without a saved plan"
        )
    content = _with_digest(_encode(_Document(SCHEMA, plan.fingerprint, plan)))
    if len(content) > limits.MAX_PLAN_FILE_BYTES:
        raise UsageError(
            f"the plan has {len(content) / (1 << 20):.1f} MiB, but a plan file may have at most "
            f"{limits.MAX_PLAN_FILE_BYTES >> 20} MiB: make several plans with --only"
        )
    return content


def parse_plan_file(file: str, content: bytes) -> Plan:
    """Return the plan in ``content``.

    Args:
        file: The name of the file, for messages.
        content: The bytes of the file.

    Raises:
        UsageError: The content is not a plan of this version, or was edited after it was saved.
    """
    if len(content) > limits.MAX_PLAN_FILE_BYTES:
        raise UsageError(
            f"{file} is not a saved plan: it is larger than {limits.MAX_PLAN_FILE_BYTES >> 20} MiB"
        )
    try:
        document = dict(json.loads(content))
        document.pop(DIGEST, None)
        is_unchanged = _with_digest(document) == content
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"{file} is not a complete saved plan: save it again") from error
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise UsageError(
            f"{file} was made by a newer version (schema {schema}, this version supports "
            f"{SCHEMA}): use that version, or make a new plan"
        )
    if not is_unchanged:
        raise UsageError(f"{file} was edited after it was saved: make a new plan")
    try:
        decoded: _Document = _decode(_Document, document, "")
        _validate(decoded)
    except ValueError as error:
        raise UsageError(f"{file} is not a valid plan ({error}): make a new plan") from error
    return decoded.plan


def _with_digest(document: dict[str, Json]) -> bytes:
    return f"{canonical_json({**document, DIGEST: digest(document)})}\n".encode()


def _encode(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: _encode(member) for name, member in value.items()}
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    if is_dataclass(value):
        members = {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
        return (
            {OPERATION: operation_name(value), **members} if isinstance(value, Change) else members
        )
    return value


def _decode(hint: Any, value: Any, path: str) -> Any:
    """Return ``value`` as an instance of ``hint``.

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
                _decode(arguments[0], item, f"{path}/{number}") for number, item in enumerate(value)
            )
    elif origin in (dict, Mapping):
        return {name: _decode(arguments[1], value[name], f"{path}/{name}") for name in value}
    elif isinstance(hint, type) and is_dataclass(hint):
        members = {field.name: field.type for field in fields(hint)}
        for name in members.keys() ^ value.keys():
            raise ValueError(f"{path}/{name} is {'missing' if name in members else 'unknown'}")
        return hint(
            **{name: _decode(members[name], value[name], f"{path}/{name}") for name in value}
        )
    raise ValueError(f"{path} has an invalid value")


def _decode_choice(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and NoneType in choices:
        return None
    by_name = {choice.__name__.lower(): choice for choice in choices if choice is not NoneType}
    if not set(by_name.values()) <= CHANGES:
        (hint,) = by_name.values()
        return _decode(hint, value, path)
    if not isinstance(value, dict) or value.get(OPERATION) not in [*by_name]:
        raise ValueError(f"{path}/{OPERATION} is not one of {', '.join(by_name)}")
    members = {name: value[name] for name in value if name != OPERATION}
    return _decode_many(by_name[value[OPERATION]], members, path)


def _validate(document: _Document) -> None:
    """Raise ValueError unless `make_plan` could have made the plan.

    The digest detects edits, but anyone can compute a new one for an edited file.
    """
    plan = document.plan
    routes = [(change.key, route) for change in plan.changes for route in detached_routes(change)]
    for change in (
        *plan.changes,
        *(part for _, route in routes for part in (route.detach, route.attach)),
    ):
        before = getattr(change, "before", None)
        owners = {before.owner} - {None} if before else set()
        if not isinstance(change, Delete):
            owners.add(change.tags.get(OWNER_TAG))
        if not _is_valid_key(change.key) or (before and before.key != change.key):
            raise ValueError(f"{change.key} is not a valid key")
        if owners != {plan.owner}:
            raise ValueError(f"{change.key} is not owned by {plan.owner}")
    for parent, route in routes:
        if route.attach.key != route.detach.key or parent_of(route.detach.key) != parent:
            raise ValueError(f"{route.detach.key} is not a route in {parent}")
    _validate_unlinked(plan)
    if len(set(plan.keys)) < len(plan.keys):
        raise ValueError("a resource occurs twice")
    if plan.target.account is None:
        raise ValueError("its target has no account")
    if document.fingerprint != plan.fingerprint:
        raise ValueError("its fingerprint does not match")


def _validate_unlinked(plan: Plan) -> None:
    deleted = {change.key for change in plan.changes if isinstance(change, Delete)}
    for node in (item.before for change in plan.changes for item in unlinked(change)):
        if node.key not in deleted or node.owner != plan.owner:
            raise ValueError(
                f"{node.key} is updated before its delete, but this plan does not delete it"
            )


def _is_valid_key(key: Key) -> bool:
    """Whether ``key`` has a known kind, and one name for itself and for each parent."""
    if key.kind not in KINDS or not key.path:
        return False
    parent = parent_of(key)
    return len(key.path) == 1 if parent is None else _is_valid_key(parent)
