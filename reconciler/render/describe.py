"""Output of the command `describe`: one resource with its plan, desired and live state."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

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

NO_DAEMON = "unknown: no daemon for this target and owner at --url"


@dataclass(frozen=True, slots=True)
class ResourceDescription:
    """One resource, as shown by `describe`."""

    key: Key
    plan: Plan
    """Contains only `key`. Empty if no manifest contains the resource and this owner has none."""
    desired: Desired | None
    live: LiveResource | Unreadable | None
    """None if the resource does not exist."""
    attempts: str | None = None
    """The last outcome and next attempt, as reported by a running daemon; None without one."""

    @property
    def code(self) -> ExitCode:
        """The exit code of the command."""
        if isinstance(self.live, Unreadable):
            return ExitCode.ERROR
        return plan_exit_code(self.plan, detailed=False)


def render_text(description: ResourceDescription, layout: Layout) -> str:
    """Return the plan of the resource, then its facts, desired fields and live fields."""
    title = Span(escaped(str(description.key)), (Style.BOLD,), gap="")
    facts = {**_facts(description), "attempts": description.attempts or NO_DAEMON}
    rows = [[title], *(_row(name, value) for name, value in facts.items())]
    for name, side in (("desired", _desired(description)), ("live", _live(description))):
        rows += [[Span(name)], *_fields(side)] if side else []
    plan = text.render_plan(description.plan, color=layout.color, width=layout.width)
    return "\n".join([plan, *map(layout.write, rows)]) + "\n"


def render_json(description: ResourceDescription) -> str:
    """Return the description as one line of canonical JSON."""
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


DESCRIPTION_FORMATS: Mapping[str, Callable[[ResourceDescription, Layout], str]] = MappingProxyType(
    {"text": render_text, "json": lambda description, _: render_json(description)}
)
"""The renderer of each format of `describe`."""


def _facts(description: ResourceDescription) -> dict[str, str]:
    desired, live = description.desired, description.live
    facts = {"manifest": str(desired.origin) if desired else "none"}
    if live is None:
        return {**facts, "live": "no"}
    if isinstance(live, Unreadable):
        return {**facts, "live": live.message}
    created = datetime.fromtimestamp(live.created_at, UTC)
    return {
        **facts,
        "owner": live.owner or _without_owner(live),
        "uid": live.uid,
        "version": str(live.version),
        "created": created.isoformat(timespec="seconds"),
        "arn": live.arn,
    }


def _without_owner(live: LiveResource) -> str:
    return "none, but it has a last-applied record" if APPLIED_TAG in live.tags else "none"


def _desired(description: ResourceDescription) -> dict[str, Json] | None:
    desired = description.desired
    if desired is None:
        return None
    options, suspend = desired.options, desired.options.suspend
    document: dict[str, Json] = {
        "spec": desired.spec,
        "tags": dict(desired.tags),
        "protect": options.protect or None,
        "adopt": options.adopt or None,
        "suspend": {"until": suspend.until.isoformat(), "reason": suspend.reason}
        if suspend
        else None,
        "ignore": list(options.ignore) or None,
    }
    return {name: value for name, value in document.items() if value is not None}


def _live(description: ResourceDescription) -> dict[str, Json] | None:
    live = description.live
    return {"spec": live.spec, "tags": dict(live.tags)} if isinstance(live, LiveResource) else None


def _fields(side: Json) -> Iterator[list[Span]]:
    added = [phrases.field_of(change) for change in field_changes({}, side)]
    for field, gap in zip(added, phrases.column_gaps(added), strict=True):
        yield [Span(field.label, gap="    "), Span(str(field.after), gap=gap)]


def _row(name: str, value: str) -> list[Span]:
    return [Span(f"{name:<9}"), *wrap_words(escaped(value), gap="  ")]
