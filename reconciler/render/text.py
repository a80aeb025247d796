"""A plan or a report for people, in the symbols that Terraform made familiar."""

from collections.abc import Iterable, Iterator, Mapping

from reconciler.core.changes import (
    Adopt,
    Change,
    Create,
    Delete,
    ReasonCode,
    Update,
    operation_name,
)
from reconciler.core.escaping import escaped
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, Stale, outcome_name
from reconciler.core.resources import TargetId
from reconciler.render import phrases
from reconciler.render.next_steps import render_advice
from reconciler.render.terminal import Layout, Span, Style, styled, wrap_words

STYLES: dict[type[Change], Style] = {
    Create: Style.GREEN,
    Update: Style.YELLOW,
    Adopt: Style.CYAN,
    Delete: Style.RED,
}
OUTCOME_STYLES: dict[type[Outcome], Style] = {
    Applied: Style.GREEN,
    Failed: Style.RED,
    Skipped: Style.YELLOW,
    Stale: Style.YELLOW,
}
INDENT = " " * 6


def render_plan(
    plan: Plan, *, color: bool, width: int | None = None, calls: Mapping[str, int] = {}
) -> str:
    """Return the whole plan: where it goes, each change, what is withheld or unread, counts.

    ``width`` is that of a terminal in cells, None for lines of any length. ``calls`` counts the
    API calls that the plan took by operation; nothing is said of them where there are none.
    """
    layout = Layout(color, width)
    blocks: list[Iterable[list[Span]]] = [[wrap_words(headline(plan))]]
    blocks += [_block(group, layout) for group in phrases.groups(plan.changes)]
    blocks += [_withheld(plan, layout)] if plan.withheld else []
    blocks += [_unlisted(plan)] if plan.unlisted else []
    counts = "\n".join(filter(None, (phrases.owner_note(plan), phrases.plan_counts(plan))))
    written = ("\n".join(map(layout.write, block)) for block in blocks)
    return "\n\n".join([*written, _footer(counts, "", calls, layout)])


def render_report(
    report: Report, *, color: bool, width: int | None = None, calls: Mapping[str, int] = {}
) -> str:
    """Return counts and advice; the outcomes were printed one by one as they came."""
    counts = phrases.report_counts(report)
    return _footer(counts, render_advice(report), calls, Layout(color, width))


def render_outcome(outcome: Outcome, *, color: bool) -> str:
    """Return one line on what became of a change."""
    style = OUTCOME_STYLES[type(outcome)]
    key = escaped(str(outcome.change.key))
    if isinstance(outcome, Applied):
        return styled(f"{key}: {phrases.DONE[type(outcome.change)]}", style, on=color)
    text_line = f"{key}: {operation_name(outcome.change)} {outcome_name(outcome)}"
    return f"{styled(text_line, style, on=color)}: {escaped(outcome.reason)}"


def render_intent(change: Change) -> str:
    """Return one line on what a change would do, for a log."""
    endless = Layout(color=False)
    fields = ", ".join(
        endless.write(_field(field, "  ")).strip() for field in phrases.visible(change)
    )
    return f"{escaped(str(change.key))}: {operation_name(change)}, {change.cause}: {fields or 'as it is'}"


def headline(plan: Plan) -> str:
    """Return the first line of every plan and report: target, URL, account, region and owner."""
    return f"{target_line(plan.target)}, owner {escaped(plan.owner)}"


def target_line(target: TargetId) -> str:
    """Return where a run goes."""
    name = target.name if target.name == target.url else f"{target.name} ({target.url})"
    return escaped(f"target {name}, account {target.account or 'unknown'}, region {target.region}")


def _block(group: phrases.ChangeGroup, layout: Layout, indent: str = "  ") -> Iterator[list[Span]]:
    change = group.example
    kind = type(change)
    for key, origin in group.titles:
        title = Span(f"{phrases.SYMBOLS[kind]} {key}", (STYLES[kind], Style.BOLD), indent)
        where = [Span(origin, (Style.DIM,))] if origin else []
        yield [title, Span(change.cause), *where]
    if group.rest:
        yield wrap_words(group.rest, gap="    ")
    most = phrases.MAX_LABEL_WIDTH if layout.width is None else layout.width // 2
    for field, gap in zip(group.fields, phrases.column_gaps(group.fields, most), strict=True):
        yield _field(field, gap)
    for route in group.detached:
        yield [Span(f"! {route.title}", (Style.BOLD,), INDENT)]
        yield from (_field(field, "  ", INDENT + "  ") for field in route.fields)
    if change.traffic is not None:
        yield [Span(f"! {change.traffic}", (Style.BOLD,), INDENT)]


def _field(field: phrases.Field, gap: str, indent: str = INDENT) -> list[Span]:
    symbol, style = _mark(field)
    label = Span(f"{symbol} {field.label}", (style,), indent)
    values = [value for value in (field.before, field.after) if value is not None]
    arrows = [Span(f"-> {value}", (style,), " ") for value in values[1:]]
    return [label, Span(values[0], (style,), gap), *arrows]


def _mark(field: phrases.Field) -> tuple[str, Style]:
    if field.before is None:
        return "+", Style.GREEN
    return ("-", Style.RED) if field.after is None else ("~", Style.YELLOW)


def _withheld(plan: Plan, layout: Layout) -> Iterator[list[Span]]:
    yield wrap_words("Withheld:")
    for alike in phrases.reasons(plan.withheld):
        style = Style.DIM if alike.reason is ReasonCode.ORPHAN else Style.YELLOW
        title = wrap_words(f"! {', '.join(alike.keys)}", style, gap="  ")
        yield [*title, *wrap_words(f"{alike.reason.value}: {alike.why}", gap="  ")]
        for group in alike.pending:
            yield from _block(group, layout, "    ")


def _unlisted(plan: Plan) -> Iterator[list[Span]]:
    yield wrap_words("Could not be read:")
    for unlisted in plan.unlisted:
        title = Span(f"! {escaped(str(unlisted))}", (Style.RED,))
        yield [title, *wrap_words(escaped(unlisted.message), gap="  ")]


def _footer(counts: str, advice: str, calls: Mapping[str, int], layout: Layout) -> str:
    lines = [wrap_words(line, Style.BOLD) for line in counts.splitlines()]
    lines += map(wrap_words, advice.splitlines())
    if calls:
        lines.append(wrap_words(phrases.call_counts(calls), Style.DIM))
    return "".join(f"{layout.write(line)}\n" for line in lines)
