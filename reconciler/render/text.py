"""A plan or a report for people, in the symbols that Terraform made familiar."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.core.changes import Adopt, Change, Create, Delete, Reason, Update, Withheld, verb
from reconciler.core.diff import MISSING, FieldChange, Missing, split_pointer
from reconciler.core.escaping import escaped
from reconciler.core.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, Stale
from reconciler.core.resources import OWNER_TAG, Json, TargetId, canonical_json
from reconciler.render.style import Colour, counted, paint

SYMBOLS: dict[type[Change], tuple[str, Colour]] = {
    Create: ("+", Colour.GREEN),
    Update: ("~", Colour.YELLOW),
    Adopt: ("=", Colour.CYAN),
    Delete: ("-", Colour.RED),
}
DONE = {Create: "created", Update: "updated", Adopt: "adopted", Delete: "deleted"}
VERBS = ("create", "update", "adopt", "delete")
# Of resources that are left alone for one reason, so many are named.
MOST_NAMED = 5
OUTCOMES: dict[type[Outcome], tuple[str, Colour]] = {
    Applied: ("done", Colour.GREEN),
    Failed: ("failed", Colour.RED),
    Skipped: ("skipped", Colour.YELLOW),
    Stale: ("stale", Colour.YELLOW),
}


def render_plan(plan: Plan, *, color: bool) -> str:
    """Return the whole plan: where it goes, a block for every change, what is held back, counts."""
    blocks = [headline(plan)]
    blocks += ["\n".join(_change(change, color=color)) for change in plan.changes]
    if plan.withheld:
        blocks.append("\n".join(_withheld(plan.withheld, color=color)))
    blocks.append(paint(_footer(plan), Colour.BOLD, on=color))
    return "\n\n".join(blocks) + "\n"


def render_report(report: Report, *, color: bool) -> str:
    """Return the counts of a report; its outcomes were printed one by one as they came."""
    counts = Counter(
        DONE[type(outcome.change)] if isinstance(outcome, Applied) else OUTCOMES[type(outcome)][0]
        for outcome in report.outcomes
    )
    if report.plan.withheld:
        counts["withheld"] = len(report.plan.withheld)
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    return paint(f"Applied: {told or 'nothing to do'}.", Colour.BOLD, on=color) + "\n"


def render_outcome(outcome: Outcome, *, color: bool) -> str:
    """Return one line on what became of a change."""
    word, colour = OUTCOMES[type(outcome)]
    key = escaped(str(outcome.change.key))
    if isinstance(outcome, Applied):
        return paint(f"{key}: {DONE[type(outcome.change)]}", colour, on=color)
    done = paint(f"{key}: {verb(outcome.change)} {word}", colour, on=color)
    return f"{done}: {escaped(outcome.why)}"


def render_intent(change: Change) -> str:
    """Return one line on what a change would do, for a log."""
    fields = ", ".join(_field(field, 0, color=False).strip() for field in _shown(change))
    return f"{escaped(str(change.key))}: {verb(change)}, {change.cause}: {fields or 'as it is'}"


def headline(plan: Plan) -> str:
    """Return the first line of every plan and report: target, URL, account, region and owner."""
    return f"{place(plan.target)}, owner {plan.owner}"


def place(target: TargetId) -> str:
    """Return where a run goes."""
    name = target.name if target.name == target.url else f"{target.name} ({target.url})"
    return escaped(f"target {name}, account {target.account or 'unknown'}, region {target.region}")


def _change(change: Change, *, color: bool) -> Iterator[str]:
    symbol, colour = SYMBOLS[type(change)]
    where = f"  {change.origin}" if change.origin else ""
    title = paint(f"{symbol} {escaped(str(change.key))}", colour, Colour.BOLD, on=color)
    yield f"  {title}  {change.cause}{paint(escaped(where), Colour.DIM, on=color)}"
    fields = _shown(change)
    width = max((len(_label(field)) for field in fields), default=0)
    for field in fields:
        yield _field(field, width, color=color)
    if change.traffic is not None:
        yield f"      {paint(f'! {change.traffic}', Colour.BOLD, on=color)}"


def _shown(change: Change) -> list[FieldChange]:
    # The owner stands in the headline; repeating it with every create says nothing.
    fields = change.difference.fields
    if not isinstance(change, Create | Delete):
        return list(fields)
    return [field for field in fields if split_pointer(field.pointer) != ["tags", OWNER_TAG]]


def _field(field: FieldChange, width: int, *, color: bool) -> str:
    label = _label(field).ljust(width)
    if isinstance(field.before, Missing):
        return paint(f"      + {label}  {_value(field.after)}", Colour.GREEN, on=color)
    if isinstance(field.after, Missing):
        return paint(f"      - {label}  {_value(field.before)}", Colour.RED, on=color)
    told = f"      ~ {label}  {_value(field.before)} -> {_value(field.after)}"
    return paint(told, Colour.YELLOW, on=color)


def _label(field: FieldChange) -> str:
    return escaped(".".join(split_pointer(field.pointer)))


def _value(value: Json | Missing) -> str:
    return "absent" if value is MISSING else escaped(canonical_json(value))


def _withheld(withheld: Iterable[Withheld], *, color: bool) -> Iterator[str]:
    yield "Left alone on purpose:"
    alike: dict[tuple[Reason, str], list[str]] = {}
    for held in withheld:
        alike.setdefault((held.reason, held.why), []).append(escaped(str(held.key)))
    for (reason, why), keys in alike.items():
        colour = Colour.DIM if reason is Reason.ORPHAN else Colour.YELLOW
        more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
        title = paint(f"! {', '.join(keys[:MOST_NAMED])}{more}", colour, on=color)
        yield f"  {title}  {reason.value}: {escaped(why)}"


def _footer(plan: Plan) -> str:
    held = f", {len(plan.withheld)} left alone" if plan.withheld else ""
    same = len(plan.unchanged)
    if not plan.changes:
        verb_of_same = "is" if same == 1 else "are"
        return f"No changes. {counted(same, 'resource')} {verb_of_same} as the manifests say{held}."
    counts = Counter(verb(change) for change in plan.changes)
    told = ", ".join(f"{counts[word]} to {word}" for word in VERBS)
    return f"Plan: {told}; {same} unchanged{held}."
