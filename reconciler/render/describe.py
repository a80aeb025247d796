"""All there is to know of one resource: its verdict in the plan, and both sides in full."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.core.diff import field_changes
from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import plan_exit_code
from reconciler.core.resources import (
    APPLIED_TAG,
    Desired,
    Json,
    Key,
    LiveResource,
    Unreadable,
    canonical_json,
)
from reconciler.render import json_output, phrases, text
from reconciler.render.terminal import Layout, Span, Style, wrap_words

NO_DAEMON = "no daemon of this target answers at --url"


@dataclass(frozen=True, slots=True)
class ResourceDescription:
    """One resource.

    ``plan`` is about ``key`` alone; it is empty where nobody wants the resource and it is not
    ours. ``live`` is None where it is not there. ``attempts`` is what a daemon says of its
    last outcome and next attempt, where one was asked.
    """

    key: Key
    plan: Plan
    desired: Desired | None
    live: LiveResource | Unreadable | None
    attempts: str | None = None

    @property
    def code(self) -> ExitCode:
        """What a run that only looked exits with."""
        if isinstance(self.live, Unreadable):
            return ExitCode.ERROR
        return plan_exit_code(self.plan, detailed=False)


def render_text(description: ResourceDescription, layout: Layout) -> str:
    """Return one screen: the plan for the resource, then what is known of it."""
    title = Span(escaped(str(description.key)), (Style.BOLD,), gap="")
    facts = {**_facts(description), "attempts": description.attempts or NO_DAEMON}
    rows = [[title], *(_row(name, value) for name, value in facts.items())]
    for name, side in (("desired", _desired(description)), ("live", _live(description))):
        rows += [[Span(name)], *_fields(side)] if side else []
    plan = text.render_plan(description.plan, color=layout.color, width=layout.width)
    return "\n".join([plan, *map(layout.write, rows)]) + "\n"


def render_json(description: ResourceDescription) -> str:
    """Return the same as one line of canonical JSON."""
    document: Json = {
        "schema": json_output.SCHEMA,
        "exit_code": int(description.code),
        "exit_name": description.code.word,
        "key": str(description.key),
        "plan": json_output.plan_document(description.plan),
        "facts": dict(_facts(description)),
        "desired": _desired(description),
        "live": _live(description),
        "attempts": description.attempts,
    }
    return canonical_json(document) + "\n"


def _facts(description: ResourceDescription) -> dict[str, str]:
    desired, observed = description.desired, description.live
    facts = {"manifest": str(desired.origin) if desired else "none names it"}
    if observed is None:
        return {**facts, "live": "no"}
    if isinstance(observed, Unreadable):
        return {**facts, "live": observed.message}
    created = datetime.fromtimestamp(observed.created_at, UTC)
    return {
        **facts,
        "owner": observed.owner or _without_owner(observed),
        "uid": observed.uid,
        "version": str(observed.version),
        "created": created.isoformat(timespec="seconds"),
        "arn": observed.arn,
    }


def _without_owner(live: LiveResource) -> str:
    return "none, but it has our last-applied record" if APPLIED_TAG in live.tags else "nobody"


def _desired(description: ResourceDescription) -> dict[str, Json] | None:
    desired = description.desired
    if desired is None:
        return None
    options, pause = desired.options, desired.options.suspend
    said: dict[str, Json] = {
        "spec": desired.spec,
        "tags": dict(desired.tags),
        "protect": options.protect or None,
        "adopt": options.adopt or None,
        "suspend": {"until": pause.until.isoformat(), "reason": pause.reason} if pause else None,
        "ignore": list(options.ignore) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _live(description: ResourceDescription) -> dict[str, Json] | None:
    live = description.live
    return {"spec": live.spec, "tags": dict(live.tags)} if isinstance(live, LiveResource) else None


def _fields(side: Json) -> Iterator[list[Span]]:
    added = [phrases.field_of(change) for change in field_changes({}, side)]
    for field, gap in zip(added, phrases.column_gaps(added), strict=True):
        yield [Span(field.label, gap="    "), Span(str(field.after), gap=gap)]


def _row(name: str, value: str) -> list[Span]:
    return [Span(f"{name:<9}"), *wrap_words(escaped(value), gap="  ")]
