"""JSON Schemas of the JSON output of plans and reports.

A new member does not change the `schema` number, so readers should ignore unknown members. These
schemas describe this version only and do not allow unknown members.
"""

from typing import Any

from reconciler.core.changes import Cause, ReasonCode, TrafficEffect
from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.models.manifest_schema import DRAFT
from reconciler.render.json_output import SCHEMA, SPECS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_KEY: Schema = {"type": "string", "description": "kind/parents/name, for example mesh/payments"}
_POINTER: Schema = {"type": "string", "description": "RFC 6901, into spec, tags and protect"}
_OPERATION: Schema = {"enum": ["create", "update", "adopt", "delete"]}


def plan_schema() -> Schema:
    """Return the schema of `plan --format json`, draft 2020-12."""
    return _document("plan", {})


def report_schema() -> Schema:
    """Return the schema of `apply --format json`, draft 2020-12."""
    outcomes = {**_list("outcome"), "description": "one for each change, in the order of the plan"}
    renewed = {
        "type": "integer",
        "minimum": 0,
        "description": "last-applied records that were written to unchanged resources",
    }
    return _document(
        "report",
        {"outcomes": outcomes, "converged": {"type": "boolean"}, "renewed": renewed},
    )


def _document(name: str, members: Schema) -> Schema:
    calls = {"type": "integer", "minimum": 1}
    return {
        "$schema": DRAFT,
        "title": f"mesh-reconciler {name}",
        **_object(
            {
                "exit_code": {"enum": [int(code) for code in ExitCode]},
                "exit_name": {"enum": [code.word for code in ExitCode]},
                "calls": {
                    "type": "object",
                    "additionalProperties": calls,
                    "description": "API calls by operation",
                },
                "plan": _reference("plan"),
                **members,
            }
        ),
        "$defs": _DEFINITIONS,
    }


def _object(members: Schema, *, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**members, **(optional or {})},
        "required": list(members),
        "additionalProperties": False,
    }


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(name: str) -> Schema:
    return {"type": "array", "items": _reference(name)}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_SPEC: Schema = {
    "anyOf": [{"type": "object"}, {"type": "null"}],
    "description": "the spec that is sent, not canonical; null if none is sent",
}
_NUMBER: Schema = {"type": "integer", "minimum": 1}
_DEFINITIONS: Schema = {
    "plan": _object(
        {
            "schema": {"const": SCHEMA},
            "target": _object(
                {"name": _TEXT, "url": _TEXT, "account": _or_null(_TEXT), "region": _TEXT}
            ),
            "owner": _TEXT,
            "revision": {
                **_or_null(_reference("revision")),
                "description": "the commit of the manifests; null if it is not known",
            },
            "fingerprint": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
            "specs": {
                "const": SPECS,
                "description": "specs in fields and patches have no empty members, and the order"
                " of their lists is kept only if it has a meaning",
            },
            "changes": _list("change"),
            "unchanged": {"type": "array", "items": _KEY},
            "withheld": _list("withheld"),
            "unlisted": _list("unlisted"),
            "owned": {
                **_or_null({"type": "integer", "minimum": 0}),
                "description": "live resources of this owner; null if they were not counted",
            },
        }
    ),
    "revision": _object(
        {
            "commit": {"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"},
            "subject": _TEXT,
            "author": _TEXT,
            "dirty": {
                "type": "boolean",
                "description": "whether manifests differ from the commit",
            },
        }
    ),
    "change": _object(
        {
            "key": _KEY,
            "operation": _OPERATION,
            "cause": {"enum": [cause.value for cause in Cause]},
            "origin": _or_null(_reference("origin")),
            "fields": _list("field"),
            "patch": _list("step"),
            "spec": _SPEC,
            "traffic": _or_null({"enum": [traffic.value for traffic in TrafficEffect]}),
            "shares": _list("share"),
            "effects": {
                "type": "array",
                "items": _TEXT,
                "description": "the effects on traffic that follow from the routing rules",
            },
            "detached": _list("detached-route"),
            "unlinked": _list("link"),
            "proxies": {
                "type": "array",
                "items": _KEY,
                "description": "virtual nodes and gateways whose Envoys may get another "
                "configuration, by the references of manifests and of resources that were read",
            },
        }
    ),
    "share": {
        "description": "the share of a route's traffic that one of its targets gets, from 0 to 1",
        **_object({"target": _TEXT, "before": {"type": "number"}, "after": {"type": "number"}}),
    },
    "detached-route": {
        "description": "a route that is detached for the change and attached again after it",
        **_object(
            {
                "key": _KEY,
                "cause": _or_null({"enum": [cause.value for cause in Cause]}),
                "fields": _list("field"),
                "patch": _list("step"),
                "spec": _SPEC,
            }
        ),
    },
    "link": {
        "description": "a node that is deleted later; its references are removed first",
        **_object({"key": _KEY, "fields": _list("field"), "patch": _list("step"), "spec": _SPEC}),
    },
    "origin": _object({"file": _TEXT, "line": _NUMBER, "column": _NUMBER}),
    "field": _object(
        {"pointer": _POINTER},
        optional={
            "path": {
                "type": "string",
                "description": "for people, with the names of items of lists: weightedTargets[v2]",
            },
            "before": {"description": "any JSON; absent if the field was absent"},
            "after": {"description": "any JSON; absent if the field will be absent"},
        },
    ),
    "step": {
        "description": "an operation of RFC 6902",
        **_object(
            {"op": {"enum": ["add", "remove", "replace"]}, "path": _POINTER},
            optional={"value": {}},
        ),
    },
    "withheld": _object(
        {
            "key": _KEY,
            "reason_code": {"enum": [reason.value for reason in ReasonCode]},
            "reason": _TEXT,
            "origin": _or_null(_reference("origin")),
            "owner": _or_null(_TEXT),
            "change": _or_null(_reference("change")),
        }
    ),
    "unlisted": {
        "description": "a list that could not be read; the state of its resources is unknown",
        **_object(
            {
                "pattern": {"type": "string", "description": "for example virtual-node/payments/*"},
                "reason": _TEXT,
            }
        ),
    },
    "outcome": _object(
        {
            "key": _KEY,
            "operation": _OPERATION,
            "outcome": {"enum": ["applied", "failed", "skipped", "stale"]},
        },
        optional={"reason": _TEXT},
    ),
}
