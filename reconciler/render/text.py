"""Plan and report as text for people, with the symbols of Terraform."""

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
from reconciler.render.formats import OutputContext
from reconciler.render.next_steps import render_next_steps
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


def format_plan(plan: Plan, context: OutputContext) -> str:
    """Return the plan, and its fingerprint in the last line."""
    color, width = context.layout.color, context.layout.width
    plan_text = render_plan(plan, color=color, width=width, calls=context.calls)
    return plan_text + _fingerprint(plan, context.layout)


def target_lines(plan: Plan, layout: Layout) -> tuple[str, str]:
    """Return the first and the last line of `format_plan`, which depend on the target."""
    return f"{layout.write(wrap_words(headline(plan)))}\n", _fingerprint(plan, layout)


def _fingerprint(plan: Plan, layout: Layout) -> str:
    return styled(f"fingerprint {plan.fingerprint}", Style.DIM, on=layout.color) + "\n"


def format_report(report: Report, context: OutputContext) -> str:
    """Return counts and next steps."""
    color, width = context.layout.color, context.layout.width
    return render_report(report, color=color, width=width, calls=context.calls)


def render_plan(
    plan: Plan, *, color: bool, width: int | None = None, calls: Mapping[str, int] = {}
) -> str:
    """Return the whole plan: target, changes, withheld resources, unread lists and counts.

    Args:
        plan: The plan.
        color: Whether to use ANSI colors.
        width: Width of the terminal in cells; None if lines may have any length.
        calls: Number of API calls by operation; not printed if empty.
    """
    layout = Layout(color, width)
    counts = "\n".join(filter(None, (phrases.owner_note(plan), phrases.plan_counts(plan))))
    return f"{render_verdicts(plan, layout)}\n\n{_footer(counts, '', calls, layout)}"


def render_verdicts(plan: Plan, layout: Layout) -> str:
    """Return target, changes, withheld resources and unread lists, without the counts."""
    blocks: list[Iterable[list[Span]]] = [map(wrap_words, [headline(plan), *_commit(plan)])]
    blocks += [_block(group, layout) for group in phrases.groups(plan.changes, plan.traffic)]
    blocks += [_withheld(plan, layout)] if plan.withheld else []
    blocks += [_unlisted(plan)] if plan.unlisted else []
    return "\n\n".join("\n".join(map(layout.write, block)) for block in blocks)


def render_report(
    report: Report, *, color: bool, width: int | None = None, calls: Mapping[str, int] = {}
) -> str:
    """Return commit, counts and next steps; `render_outcome` printed the outcomes before."""
    layout = Layout(color, width)
    head = "".join(f"{layout.write(wrap_words(line))}\n" for line in _commit(report.plan))
    counts = phrases.report_counts(report)
    return head + _footer(counts, render_next_steps(report), calls, layout)


def render_outcome(outcome: Outcome, *, color: bool, title: str | None = None) -> str:
    """Return one line with the outcome of a change; ``title`` replaces its key."""
    style = OUTCOME_STYLES[type(outcome)]
    key = title or escaped(str(outcome.change.key))
    if isinstance(outcome, Applied):
        return styled(f"{key}: {phrases.done(outcome.change)}", style, on=color)
    line = f"{key}: {operation_name(outcome.change)} {outcome_name(outcome)}"
    return f"{styled(line, style, on=color)}: {escaped(outcome.reason)}"


def render_intent(change: Change) -> str:
    """Return one line with the effect of a change, for a log."""
    layout = Layout(color=False)
    fields = ", ".join(
        layout.write(_field(field, "  ")).strip() for field in phrases.visible(change)
    )
    title = f"{escaped(str(change.key))}: {operation_name(change)}, {change.cause}"
    return f"{title}: {fields or 'no field changes'}"


def headline(plan: Plan) -> str:
    """Return the first line of a plan: target, URL, account, region and owner."""
    return f"{target_line(plan.target)}, owner {escaped(plan.owner)}"


def target_line(target: TargetId) -> str:
    """Return the name, URL, account and region of a target."""
    name = target.name if target.name == target.url else f"{target.name} ({target.url})"
    return escaped(f"target {name}, account {target.account or 'unknown'}, region {target.region}")


def _commit(plan: Plan) -> list[str]:
    return [phrases.commit_line(plan.revision)] if plan.revision else []


def _block(group: phrases.ChangeGroup, layout: Layout, indent: str = "  ") -> Iterator[list[Span]]:
    change = group.example
    kind = type(change)
    for key, origin in group.titles:
        title = Span(f"{phrases.SYMBOLS[kind]} {key}", (STYLES[kind], Style.BOLD), indent)
        position = [Span(origin, (Style.DIM,))] if origin else []
        yield [title, Span(change.cause), *position]
    if group.rest:
        yield wrap_words(group.rest, gap="    ")
    max_width = phrases.MAX_LABEL_WIDTH if layout.width is None else layout.width // 2
    for field, gap in zip(group.fields, phrases.column_gaps(group.fields, max_width), strict=True):
        yield _field(field, gap)
    for effect in group.traffic:
        yield [Span("! traffic:", (Style.BOLD,), INDENT), *wrap_words(effect, gap=" ")]
    for route in group.detached:
        yield [Span(f"! {route.title}", (Style.BOLD,), INDENT)]
        yield from (_field(field, "  ", INDENT + "  ") for field in route.fields)
    if change.traffic is not None:
        yield [Span(f"! {change.traffic}", (Style.BOLD,), INDENT)]


def _field(field: phrases.Field, gap: str, indent: str = INDENT) -> list[Span]:
    symbol, style = _symbol(field)
    label = Span(f"{symbol} {field.label}", (style,), indent)
    values = [value for value in (field.before, field.after) if value is not None]
    arrows = [Span(f"-> {value}", (style,), " ") for value in values[1:]]
    return [label, Span(values[0], (style,), gap), *arrows]


def _symbol(field: phrases.Field) -> tuple[str, Style]:
    if field.before is None:
        return "+", Style.GREEN
    return ("-", Style.RED) if field.after is None else ("~", Style.YELLOW)


def _withheld(plan: Plan, layout: Layout) -> Iterator[list[Span]]:
    yield wrap_words("Withheld:")
    for withheld in phrases.reasons(plan.withheld):
        style = Style.DIM if withheld.reason_code is ReasonCode.ORPHAN else Style.YELLOW
        title = wrap_words(f"! {', '.join(withheld.keys)}", style, gap="  ")
        yield [*title, *wrap_words(f"{withheld.reason_code.value}: {withheld.reason}", gap="  ")]
        for group in withheld.pending:
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
