"""The content of a plan file: a plan with all that apply needs, and a digest that detects edits.

This module converts bytes and does no I/O.
"""

import json
from dataclasses import dataclass

from reconciler import limits
from reconciler.core.changes import Delete, detached_routes, unlinked
from reconciler.core.errors import TargetError, UsageError
from reconciler.core.kinds import KINDS, parent_of
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.plan_json import decode, encode
from reconciler.core.resources import OWNER_TAG, Json, Key, canonical_json, digest

SCHEMA = 1
DIGEST = "digest"
START = b'{"digest":"'
"""The first bytes of each plan file: no manifest has this member."""


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
    content = _with_digest(encode(_Document(SCHEMA, plan.fingerprint, plan)))
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
        decoded: _Document = decode(_Document, document)
        _validate(decoded)
    except ValueError as error:
        raise UsageError(f"{file} is not a valid plan ({error}): make a new plan") from error
    return decoded.plan


def _with_digest(document: dict[str, Json]) -> bytes:
    return f"{canonical_json({**document, DIGEST: digest(document)})}\n".encode()


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
