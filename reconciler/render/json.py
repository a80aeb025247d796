"""A plan or a report for machines: canonical JSON, so that equal inputs give equal bytes."""

from collections.abc import Mapping
from typing import assert_never

from reconciler.core.changes import Change, Detached, Withheld, detached, verb
from reconciler.core.diff import FieldChange, Missing
from reconciler.core.exit_codes import ExitCode
from reconciler.core.plan import Plan
from reconciler.core.report import (
    Applied,
    Failed,
    Outcome,
    Report,
    Skipped,
    Stale,
)
from reconciler.core.resources import Json, Origin, canonical_json

SCHEMA = 1


def render_plan(plan: Plan, code: ExitCode, calls: Mapping[str, int] = {}) -> str:
    """Return the plan as one line of JSON; ``code`` is what the run will exit with.

    ``calls`` counts the API calls that it took, by operation.
    """
    return canonical_json({**_run(code, calls), "plan": plan_document(plan)}) + "\n"


def render_report(report: Report, code: ExitCode, calls: Mapping[str, int] = {}) -> str:
    """Return the report and its plan as one line of JSON; ``code`` is what the run exits with.

    ``calls`` counts the API calls that both took, by operation.
    """
    outcomes: list[Json] = [_outcome(outcome) for outcome in report.outcomes]
    document: Json = {
        **_run(code, calls),
        "plan": plan_document(report.plan),
        "outcomes": outcomes,
        "converged": report.converged,
    }
    return canonical_json(document) + "\n"


def plan_document(plan: Plan) -> dict[str, Json]:
    """Return the plan as plain JSON."""
    target = plan.target
    return {
        "schema": SCHEMA,
        "target": {
            "name": target.name,
            "url": target.url,
            "account": target.account,
            "region": target.region,
        },
        "owner": plan.owner,
        "fingerprint": plan.fingerprint,
        "changes": [_change(change) for change in plan.changes],
        "unchanged": [str(key) for key in plan.unchanged],
        "withheld": [_withheld(held) for held in plan.withheld],
    }


def _run(code: ExitCode, calls: Mapping[str, int]) -> dict[str, Json]:
    return {"exit_code": int(code), "exit_name": code.name.lower(), "calls": dict(calls)}


def _change(change: Change) -> Json:
    patch: list[Json] = list(change.difference.patch)
    return {
        "key": str(change.key),
        "operation": verb(change),
        "cause": change.cause.value,
        "origin": _origin(change.origin),
        "fields": [_field(field) for field in change.difference.fields],
        "patch": patch,
        "traffic": change.traffic.value if change.traffic else None,
        "detached": [_way(way) for way in detached(change)],
    }


def _way(way: Detached) -> Json:
    difference = way.attach.difference
    return {
        "key": str(way.detach.key),
        "fields": [_field(field) for field in difference.fields],
        "patch": list(difference.patch),
    }


def _field(field: FieldChange) -> Json:
    told: dict[str, Json] = {"pointer": field.pointer}
    if not isinstance(field.before, Missing):
        told["before"] = field.before
    if not isinstance(field.after, Missing):
        told["after"] = field.after
    return told


def _withheld(held: Withheld) -> Json:
    return {
        "key": str(held.key),
        "reason": held.reason.value,
        "why": held.why,
        "origin": _origin(held.origin),
        "change": _change(held.change) if held.change else None,
    }


def _origin(origin: Origin | None) -> Json:
    if origin is None:
        return None
    return {"file": origin.file, "line": origin.line, "column": origin.column}


def _outcome(outcome: Outcome) -> Json:
    told: dict[str, Json] = {"key": str(outcome.change.key), "operation": verb(outcome.change)}
    match outcome:
        case Applied():
            return {**told, "outcome": "applied"}
        case Failed(why=why):
            return {**told, "outcome": "failed", "why": why}
        case Skipped(why=why):
            return {**told, "outcome": "skipped", "why": why}
        case Stale(why=why):
            return {**told, "outcome": "stale", "why": why}
        case _:
            assert_never(outcome)
