"""A plan as a file holds it: all that apply needs, and a digest by which an edit shows.

Knows bytes and no files. The walk follows the dataclasses themselves, so a field that a change
gains is saved and read without a word here.
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
# Which of the changes it is, for they hold much the same.
OPERATION = "operation"
CHANGES = frozenset(get_args(Change))


@dataclass(frozen=True, slots=True)
class _Document:
    """What a file holds beside its digest."""

    schema: int
    fingerprint: str
    plan: Plan


def write_plan_file(plan: Plan) -> bytes:
    """Return the one spelling of ``plan`` in a file.

    Raises:
        TargetError: Its account is unknown, so it could be applied to another one.
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
            f"a saved plan holds {limits.MAX_PLAN_FILE_BYTES >> 20} MiB at most, and this one takes "
            f"{len(content) / (1 << 20):.1f}: make several plans with --only"
        )
    return content


def parse_plan_file(file: str, content: bytes) -> Plan:
    """Return the plan that ``content`` holds, exactly as it was saved.

    UsageError, in which ``file`` is named, where it is anything else.
    """
    if len(content) > limits.MAX_PLAN_FILE_BYTES:
        raise UsageError(
            f"{file} is larger than {limits.MAX_PLAN_FILE_BYTES >> 20} MiB, which no saved plan is"
        )
    try:
        rest = dict(json.loads(content))
        rest.pop(DIGEST, None)
        untouched = _with_digest(rest) == content
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"{file} is no saved plan, or not all of one: save it again") from error
    schema = rest.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise UsageError(
            f"{file} was made by a newer version: schema {schema}, this one knows {SCHEMA}"
        )
    if not untouched:
        raise UsageError(f"{file} was edited since it was saved: make a new plan")
    try:
        found: _Document = _decode(_Document, rest, "")
        _validate(found)
    except ValueError as error:
        raise UsageError(f"{file} is no plan that this version makes: {error}") from error
    return found.plan


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
    """Return the value of type ``hint`` that ``value`` stands for; ValueError names the place."""
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
    raise ValueError(f"{path} holds what it cannot")


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
    raise ValueError(f"{path} holds what it cannot")


def _decode_choice(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and NoneType in choices:
        return None
    named = {choice.__name__.lower(): choice for choice in choices if choice is not NoneType}
    if not set(named.values()) <= CHANGES:
        (hint,) = named.values()
        return _decode(hint, value, path)
    if not isinstance(value, dict) or value.get(OPERATION) not in [*named]:
        raise ValueError(f"{path}/{OPERATION} is none of {', '.join(named)}")
    rest = {name: value[name] for name in value if name != OPERATION}
    return _decode_many(named[value[OPERATION]], rest, path)


def _validate(document: _Document) -> None:
    """Raise ValueError where it says what no plan of ours can: a digest keeps nobody from lying."""
    plan = document.plan
    ways = [(change.key, way) for change in plan.changes for way in detached_routes(change)]
    for change in (*plan.changes, *(part for _, way in ways for part in (way.detach, way.attach))):
        before = getattr(change, "before", None)
        owners = {before.owner} - {None} if before else set()
        if not isinstance(change, Delete):
            owners.add(change.tags.get(OWNER_TAG))
        if not _is_valid_key(change.key) or (before and before.key != change.key):
            raise ValueError(f"the key of {change.key} is not one")
        if owners != {plan.owner}:
            raise ValueError(f"{change.key} is not of owner {plan.owner}")
    for holder, way in ways:
        if way.attach.key != way.detach.key or parent_of(way.detach.key) != holder:
            raise ValueError(f"{way.detach.key} is nothing that makes way for {holder}")
    _refuse_unsound_links(plan)
    if len(set(plan.keys)) < len(plan.keys):
        raise ValueError("one resource has two verdicts")
    if plan.target.account is None:
        raise ValueError("it is bound to no account")
    if document.fingerprint != plan.fingerprint:
        raise ValueError("its fingerprint is another one")


def _refuse_unsound_links(plan: Plan) -> None:
    deleted = {change.key for change in plan.changes if isinstance(change, Delete)}
    for node in (link.before for change in plan.changes for link in unlinked(change)):
        if node.key not in deleted or node.owner != plan.owner:
            raise ValueError(f"{node.key} is updated first, and is not deleted by this plan")


def _is_valid_key(key: Key) -> bool:
    """Whether ``key`` has a name for itself and one for each that contains it."""
    if key.kind not in KINDS or not key.path:
        return False
    parent = parent_of(key)
    return len(key.path) == 1 if parent is None else _is_valid_key(parent)
