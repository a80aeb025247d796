"""Plan, report and status as canonical JSON: equal inputs give equal bytes."""

from collections.abc import Mapping
from dataclasses import asdict

from reconciler.core.changes import (
    Change,
    Delete,
    DetachedRoute,
    Unlinked,
    Withheld,
    detached_routes,
    operation_name,
    unlinked,
)
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Outcome, Report, outcome_name
from reconciler.core.resources import Json, Origin, Unlisted, canonical_json
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus
from reconciler.core.state.fleet_status import health_word
from reconciler.core.traffic_shares import ShareChange, share_changes
from reconciler.render.formats import OutputContext
from reconciler.render.status_table import worst_first

SCHEMA = 1
SPECS = "canonical"


def format_plan(plan: Plan, context: OutputContext) -> str:
    """Return the plan as one line of JSON."""
    return render_plan(plan, context.code, context.calls)


def format_report(report: Report, context: OutputContext) -> str:
    """Return the report and its plan as one line of JSON."""
    return render_report(report, context.code, context.calls)


def render_plan(plan: Plan, code: ExitCode, calls: Mapping[str, int] = {}) -> str:
    """Return the plan as one line of JSON.

    Args:
        plan: The plan.
        code: Exit code of the run.
        calls: Number of API calls by operation.
    """
    return canonical_json({**_run(code, calls), "plan": plan_document(plan)}) + "\n"


def render_report(report: Report, code: ExitCode, calls: Mapping[str, int] = {}) -> str:
    """Return the report and its plan as one line of JSON.

    Args:
        report: The report.
        code: Exit code of the run.
        calls: Number of API calls by operation, of planning and applying.
    """
    outcomes: list[Json] = [outcome_document(outcome) for outcome in report.outcomes]
    document: Json = {
        **_run(code, calls),
        "plan": plan_document(report.plan),
        "outcomes": outcomes,
        "converged": report.converged,
        "renewed": report.renewed,
    }
    return canonical_json(document) + "\n"


def plan_document(plan: Plan) -> dict[str, Json]:
    """Return the plan as a JSON object."""
    return {
        "schema": SCHEMA,
        "target": asdict(plan.target),
        "owner": plan.owner,
        "revision": _revision(plan.revision),
        "fingerprint": plan.fingerprint,
        "specs": SPECS,
        "changes": [change_document(change, plan) for change in plan.changes],
        "unchanged": [str(key) for key in plan.unchanged],
        "withheld": [withheld_document(withheld, plan) for withheld in plan.withheld],
        "unlisted": [_unlisted(unlisted) for unlisted in plan.unlisted],
        "owned": plan.owned,
    }


def render_status(status: DaemonStatus, *, healthy: bool) -> str:
    """Return the status of a daemon as one line of JSON; `healthy`: whether its loop responds."""
    code = status.exit_code
    lease = status.lease
    diagnostics: list[Json] = list(status.diagnostics)
    document: Json = {
        "schema": SCHEMA,
        "healthy": healthy,
        "health": health_word(status, healthy=healthy),
        "target": asdict(status.target),
        "owner": status.owner,
        "policy": status.policy,
        "started_at": status.started_at,
        "interval_seconds": status.interval_seconds,
        "recheck_seconds": status.recheck_seconds,
        "description_seconds": status.description_seconds,
        "cycle": {
            "number": status.cycle,
            "started_at": status.cycle_started_at,
            "finished_at": status.cycle_finished_at,
            "next_at": status.next_cycle_at,
            **({"exit_code": None, "exit_name": None} if code is None else _code(code)),
        },
        "source": {
            "valid": status.source_valid,
            "revision": _revision(status.revision),
            "diagnostics": diagnostics,
        },
        "error": status.error,
        "unlisted": [_unlisted(unlisted) for unlisted in status.unlisted],
        "is_leader": status.is_leader,
        "held_by": status.held_by,
        "waits_for": status.waits_for,
        "lease": asdict(lease) if lease else None,
        "calls": dict(status.calls),
        "responses": dict(status.responses),
        "resources": [_resource_status(resource) for resource in worst_first(status.resources)],
    }
    return canonical_json(document) + "\n"


def _resource_status(resource: ResourceStatus) -> Json:
    return {
        "key": str(resource.key),
        "state": resource.state.value,
        "since": resource.since,
        "origin": _origin(resource.origin),
        "owner": resource.owner,
        "cause": resource.cause.value if resource.cause else None,
        "fields": [field.document for field in resource.fields],
        "traffic": resource.traffic.value if resource.traffic else None,
        "effects": list(resource.effects),
        "reason": resource.reason,
        "outcome": resource.outcome,
        "outcome_at": resource.outcome_at,
        "attempts": resource.attempts,
        "next_attempt_at": resource.next_attempt_at,
        "last_seen_at": resource.last_seen_at,
    }


def _code(code: ExitCode) -> dict[str, Json]:
    return {"exit_code": int(code), "exit_name": code.word}


def _run(code: ExitCode, calls: Mapping[str, int]) -> dict[str, Json]:
    return {**_code(code), "calls": dict(calls)}


def change_document(change: Change, plan: Plan) -> Json:
    """Return a change of ``plan`` as a JSON object."""
    patch: list[Json] = list(change.difference.patch)
    before, after = change.difference.before, change.difference.after
    return {
        "key": str(change.key),
        "operation": operation_name(change),
        "cause": change.cause.value,
        "origin": _origin(change.origin),
        "fields": [field.document for field in change.difference.fields],
        "patch": patch,
        "spec": None if isinstance(change, Delete) else change.spec,
        "traffic": change.traffic.value if change.traffic else None,
        "shares": [_share(share) for share in share_changes(before, after)],
        "effects": list(plan.traffic.get(str(change.key), ())),
        "detached": [_detached_route(route) for route in detached_routes(change)],
        "unlinked": [_link(link) for link in unlinked(change)],
        "proxies": list(plan.proxies.get(str(change.key), ())),
    }


def _share(change: ShareChange) -> Json:
    return {
        "target": change.target,
        "before": float(change.before),
        "after": float(change.after),
    }


def _detached_route(route: DetachedRoute) -> Json:
    difference = route.attach.difference
    return {
        "key": str(route.detach.key),
        "cause": route.cause.value if route.cause else None,
        "fields": [field.document for field in difference.fields],
        "patch": list(difference.patch),
        "spec": route.attach.spec,
    }


def _link(link: Unlinked) -> Json:
    return {
        "key": str(link.before.key),
        "fields": [field.document for field in link.difference.fields],
        "patch": list(link.difference.patch),
        "spec": link.spec,
    }


def withheld_document(withheld: Withheld, plan: Plan) -> Json:
    """Return a withheld resource of ``plan`` as a JSON object."""
    return {
        "key": str(withheld.key),
        "reason_code": withheld.reason_code.value,
        "reason": withheld.reason,
        "origin": _origin(withheld.origin),
        "owner": withheld.owner,
        "change": change_document(withheld.change, plan) if withheld.change else None,
    }


def _unlisted(unlisted: Unlisted) -> Json:
    return {"pattern": str(unlisted), "reason": unlisted.reason}


def _revision(revision: SourceRevision | None) -> Json:
    return asdict(revision) if revision else None


def _origin(origin: Origin | None) -> Json:
    return origin._asdict() if origin else None


def outcome_document(outcome: Outcome) -> Json:
    """Return the outcome of a change as a JSON object."""
    return {
        "key": str(outcome.change.key),
        "operation": operation_name(outcome.change),
        "outcome": outcome_name(outcome),
        **({} if isinstance(outcome, Applied) else {"reason": outcome.reason}),
    }
