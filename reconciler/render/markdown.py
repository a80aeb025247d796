"""Plan or report as a comment on a pull request, which each new run replaces.

Untrusted text appears only in code spans, code fences and `<code>`, so that it cannot become
markup, a link or a mention.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from reconciler import limits
from reconciler.core.changes import Change, Create, Delete, TrafficEffect, operation_name
from reconciler.core.escaping import escaped
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.three_way import FieldDiff, MergeConflict, ThreeWay
from reconciler.core.report import Applied, Outcome, Report, outcome_name
from reconciler.core.resources import shorten_list
from reconciler.render import phrases
from reconciler.render.formats import OutputContext
from reconciler.render.graph.mermaid import render_mermaid
from reconciler.render.graph.model import Graph
from reconciler.render.terminal import plural
from reconciler.render.text import headline

# Reserved for the sentences that count omitted changes.
RESERVED_CHARACTERS = 1_000
# Names outside the blocks are cut at this length. A block is omitted as a whole.
MAX_VALUE_LENGTH = 300
MAX_HEADLINE_LENGTH = 2_000
KEYS_PER_BLOCK = 50
_NOTHING = "**This change has the same desired state as its base.**"
GRAPH_TITLE = "Graph of the changed resources and their neighbors"
_NO_GRAPH = "**The graph is not shown**: the comment would be too long."
_REVIEWED = "<!-- mesh-reconciler:reviewed "
_REVIEWED_LINE = re.compile(rf"{_REVIEWED}([\w-]{{43}}) -->\r?")
_TICKS = re.compile("`+")


class Block(NamedTuple):
    """A part of the comment that is shown completely or not at all, and its number of resources."""

    text: str
    resources: int


def format_plan(plan: Plan, context: OutputContext) -> str:
    """Return the plan as a comment."""
    return render_plan(plan, context.calls)


def format_report(report: Report, context: OutputContext) -> str:
    """Return the report and its plan as a comment."""
    return render_report(report, context.calls)


def render_plan(
    plan: Plan,
    calls: Mapping[str, int] = {},
    *,
    note: str = "",
    three_way: ThreeWay | None = None,
    graph: Graph | None = None,
) -> str:
    """Return the plan as a comment.

    Args:
        plan: The plan.
        calls: Number of API calls by operation.
        note: Text that is shown before everything else.
        three_way: Comparison of base, live and this change; shown before the plan.
        graph: The part of the meshes that the plan changes; shown after the plan.
    """
    notes = [Block(f"**Note:** {code_span(escaped(note), MAX_HEADLINE_LENGTH)}", 0)] if note else []
    blocks = _owner_note(plan) + notes + (list(_three_way(three_way)) if three_way else [])
    return _comment(plan, phrases.plan_counts(plan), blocks, calls, graph)


def render_report(report: Report, calls: Mapping[str, int] = {}) -> str:
    """Return the report and its plan; `calls`: number of API calls by operation, of both."""
    # Applied changes may have made the note wrong.
    notes = [] if report.outcomes else _owner_note(report.plan)
    blocks = notes + _outcomes(report.outcomes)
    return _comment(report.plan, phrases.report_counts(report), blocks, calls)


def render_message(title: str, text: str) -> str:
    """Return a comment without a plan; `text` is cut to the maximum length."""
    cut = text.encode()[: limits.MAX_COMMENT_BYTES // 2].decode(errors="ignore")
    return f"### {title}\n\n{_fence(cut.splitlines(), '')}\n"


def marker(target: str, owner: str) -> str:
    """Return the invisible first line, by which a later run finds the comment."""
    names = (quote(text, safe="", errors="surrogatepass") for text in (target, owner))
    return f"<!-- mesh-reconciler:plan {'/'.join(names)} -->"


def with_reviewed(comment: str, fingerprint: str) -> str:
    """Return `comment` with an invisible second line: the fingerprint that reviewers approve."""
    first, _, rest = comment.partition("\n")
    return f"{first}\n{_REVIEWED}{fingerprint} -->\n{rest}"


def reviewed_in(comment: str) -> str | None:
    """Return the fingerprint from `with_reviewed`, or None if `comment` has none."""
    # Read only the second line: later lines may contain untrusted text.
    second = comment.partition("\n")[2].partition("\n")[0]
    found = _REVIEWED_LINE.fullmatch(second)
    return found[1] if found else None


def _comment(
    plan: Plan,
    counts: str,
    first: list[Block],
    calls: Mapping[str, int],
    graph: Graph | None = None,
) -> str:
    head = [
        f"{marker(plan.target.name, plan.owner)}\n### {counts}",
        code_span(headline(plan), MAX_HEADLINE_LENGTH),
        *([code_span(phrases.commit_line(plan.revision))] if plan.revision else []),
        *_warnings(plan.changes),
    ]
    small = [f"fingerprint {plan.fingerprint}", *([phrases.call_counts(calls)] if calls else [])]
    foot = [f"<sub>{' · '.join(map(code_span, small))}</sub>"]
    sections = [first, *_verdicts(plan)]
    available = limits.MAX_COMMENT_BYTES - RESERVED_CHARACTERS - size_of(head) - size_of(foot)
    for index, blocks in enumerate(sections):
        # The rest of the share of a section is available to later sections.
        shown = list(fit(blocks, available // (len(sections) - index)))
        available -= size_of(shown)
        head += shown
    if graph and graph.nodes:
        head.append(graph_details(GRAPH_TITLE, graph, available) or _NO_GRAPH)
    return "\n\n".join([*head, *foot]) + "\n"


def graph_details(title: str, graph: Graph, available: int) -> str:
    """Return ``graph`` folded under ``title``; it is empty if it does not fit."""
    before = f"<details><summary>{title}</summary>\n\n```mermaid\n"
    after = "```\n\n</details>"
    room = min(available - size_of([before, after]), limits.MAX_COMMENT_GRAPH_CHARACTERS)
    # The text is ASCII without backticks, so it has as many bytes and cannot end the fence.
    text = render_mermaid(graph, max(room, 1))
    return f"{before}{text}{after}" if len(text) <= room else ""


def plan_blocks(plan: Plan) -> list[Block]:
    """Return the blocks of the plan, which fit under the heading of its target."""
    warnings = [Block(warning, 0) for warning in _warnings(plan.changes)]
    return [*warnings, *(block for blocks in _verdicts(plan) for block in blocks)]


def _verdicts(plan: Plan) -> tuple[list[Block], ...]:
    """Return the blocks of unread lists, of withheld resources, and of changes."""
    unlisted = [Block("**Could not be read:**", 0), *_unlisted(plan)] if plan.unlisted else []
    withheld = [Block("**Withheld:**", 0), *_withheld(plan)] if plan.withheld else []
    changes = [_change(group) for group in phrases.groups(plan.changes, plan.traffic)]
    return unlisted, withheld, changes


def report_blocks(report: Report) -> list[Block]:
    """Return the blocks of the changes that were not made."""
    return _outcomes(report.outcomes)


def fit(blocks: Iterable[Block], available: int, noun: str = "resource") -> Iterator[str]:
    """Yield the blocks that fit, and a sentence with the number of ``noun`` in the others."""
    hidden = 0
    for text, resources in blocks:
        if size_of([text]) <= available:
            available -= size_of([text])
            yield text
        else:
            hidden += resources
    if hidden:
        yield (
            f"**{plural(hidden, noun)} not shown**: the comment would be too long. "
            "The text and JSON formats have the complete plan."
        )


def size_of(texts: Iterable[str]) -> int:
    """Return the bytes of ``texts`` with their separators."""
    return sum(len(text.encode()) + len("\n\n") for text in texts)


def _warnings(changes: Iterable[Change]) -> Iterator[str]:
    keys: dict[TrafficEffect, list[str]] = {
        TrafficEffect.OPENS: [],
        TrafficEffect.CLOSES: [],
        TrafficEffect.INTERRUPTS: [],
    }
    for change in changes:
        if change.traffic in keys:
            keys[change.traffic].append(code_span(escaped(str(change.key))))
    lines = [f"> **{traffic}**: {shorten_list(found)}" for traffic, found in keys.items() if found]
    if lines:
        yield "> [!WARNING]\n" + "  \n".join(lines)


def _owner_note(plan: Plan) -> list[Block]:
    note = phrases.owner_note(plan)
    return [Block(f"**Note:** {code_span(note, MAX_HEADLINE_LENGTH)}", 0)] if note else []


def _outcomes(outcomes: Iterable[Outcome]) -> list[Block]:
    by_reason: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if not isinstance(outcome, Applied):
            title = f"{operation_name(outcome.change)} {outcome_name(outcome)}"
            by_reason.setdefault((title, outcome.reason), []).append(
                escaped(str(outcome.change.key))
            )
    return [
        item
        for (title, reason), keys in by_reason.items()
        for item in _items(title, escaped(reason), keys)
    ]


def _three_way(three_way: ThreeWay) -> Iterator[Block]:
    yield Block("**Effect of this change:**" if three_way.proposed else _NOTHING, 0)
    yield from map(_field_diff, three_way.proposed)
    if three_way.reverted:
        yield Block("**Applying it also reverts these differences between live and base:**", 0)
        yield from map(_field_diff, three_way.reverted)
    if three_way.conflicts:
        yield Block("> [!CAUTION]\n> **Changed both here and live:**", 0)
        yield from map(_conflict, three_way.conflicts)


def _field_diff(diff: FieldDiff) -> Block:
    fields = [phrases.field_of(field) for field in diff.fields]
    if not fields[0].pointer:
        sign = phrases.SYMBOLS[Create if fields[0].before is None else Delete]
        return Block(f"- {sign} {code_span(escaped(str(diff.key)))}", 1)
    lines = [
        f"  - {code_span(field.label)}: {_side(field.before)} → {_side(field.after)}"
        for field in fields
    ]
    return Block("\n".join([f"- ~ {code_span(escaped(str(diff.key)))}", *lines]), 1)


def _conflict(conflict: MergeConflict) -> Block:
    sides = {"base": conflict.base, "live": conflict.live, "here": conflict.head}
    sides_text = ", ".join(f"{word} {_side(phrases.value(side))}" for word, side in sides.items())
    label = code_span(phrases.label(conflict.pointer))
    return Block(f"- {code_span(escaped(str(conflict.key)))} {label}: {sides_text}", 1)


def _side(value: str | None) -> str:
    return "absent" if value is None else code_span(value)


def _withheld(plan: Plan) -> Iterator[Block]:
    for withheld in phrases.reasons(plan.withheld):
        yield from _items(withheld.reason_code.value, withheld.reason, withheld.keys)
        yield from (_change(group, "withheld: ") for group in withheld.pending)


def _unlisted(plan: Plan) -> Iterator[Block]:
    for unlisted in plan.unlisted:
        yield from _items("unlisted", escaped(unlisted.message), [escaped(str(unlisted))])


def _items(title: str, reason: str, keys: list[str]) -> Iterator[Block]:
    """Yield all `keys` in blocks of limited size, because a block that is too large is hidden."""
    for start in range(0, len(keys), KEYS_PER_BLOCK):
        some = keys[start : start + KEYS_PER_BLOCK]
        yield Block(
            f"- **{title}** {', '.join(map(code_span, some))}: {code_span(reason, len(reason))}",
            len(some),
        )


def _change(group: phrases.ChangeGroup, prefix: str = "") -> Block:
    change = group.example
    keys = [f"<code>{html.escape(escaped(str(item.key)))}</code>" for item in group.changes]
    traffic = f", <b>{change.traffic}</b>" if change.traffic else ""
    symbol = phrases.SYMBOLS[type(change)]
    summary = f"{prefix}{symbol} {operation_name(change)} {shorten_list(keys)}: {change.cause}"
    text = (
        f"<details><summary>{summary}{traffic}</summary>\n\n{_fence(_detail(group))}\n\n</details>"
    )
    return Block(text, len(group.changes))


def _detail(group: phrases.ChangeGroup) -> Iterator[str]:
    yield from (f"  {key}  {origin}".rstrip() for key, origin in group.titles)
    if group.rest:
        yield f"  {group.rest}"
    yield from _sides(group.fields)
    yield from (f"! traffic: {effect}" for effect in group.traffic)
    for route in group.detached:
        yield f"! {route.title}"
        yield from _sides(route.fields)


def _sides(fields: Sequence[phrases.Field]) -> Iterator[str]:
    for field, gap in zip(fields, phrases.column_gaps(fields), strict=True):
        sides = (("-", field.before), ("+", field.after))
        yield from (
            f"{sign} {field.label}{gap}{value}" for sign, value in sides if value is not None
        )


def _fence(lines: Iterable[str], language: str = "diff") -> str:
    text = "\n".join(lines)
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def code_span(text: str, max_length: int = MAX_VALUE_LENGTH) -> str:
    """Return ``text`` as code, cut in its middle if it is too long."""
    if len(text) > max_length:
        text = f"{text[: max_length // 2]}…{text[-max_length // 2 :]}"
    ticks = "`" * (_longest_run(text) + 1)
    # A padding space separates backticks in the text from ours; Markdown removes one at each end.
    pad = " " if text.strip("` ") != text or not text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
