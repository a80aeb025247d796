"""A plan or a report as the one comment of a pull request, which each new run replaces.

Text from outside stands in code spans, fences and ``<code>`` only, where nothing in it is markup,
a link or a mention.
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
from reconciler.render.terminal import plural
from reconciler.render.text import headline

# Room for the sentences on what is not shown.
RESERVED_CHARACTERS = 1_000
# A name takes no more than this where it stands outside the blocks, which are left out whole.
MAX_VALUE_LENGTH = 300
MAX_HEADLINE_LENGTH = 2_000
KEYS_PER_BLOCK = 50
_NOTHING = "**This change asks for nothing else than its base.**"
_REVIEWED = "<!-- mesh-reconciler:reviewed "
_REVIEWED_LINE = re.compile(rf"{_REVIEWED}([\w-]{{43}}) -->\r?")
_TICKS = re.compile("`+")


class Block(NamedTuple):
    """A piece that is shown whole or not at all, and the number of resources it is about."""

    text: str
    resources: int


def render_plan(
    plan: Plan, calls: Mapping[str, int] = {}, *, note: str = "", three_way: ThreeWay | None = None
) -> str:
    """Return the plan; ``calls`` counts the API calls that it took, by operation.

    ``note`` is what to know before anything else, ``three_way`` what of the plan is due to whom.
    """
    noted = [Block(f"**Note:** {_code(escaped(note), MAX_HEADLINE_LENGTH)}", 0)] if note else []
    blocks = _owner_note(plan) + noted + (list(_three_way(three_way)) if three_way else [])
    return _comment(plan, phrases.plan_counts(plan), blocks, calls)


def render_report(report: Report, calls: Mapping[str, int] = {}) -> str:
    """Return what became of the plan, and the plan; ``calls`` counts those that both took."""
    # What was applied may have made it untrue.
    noted = [] if report.outcomes else _owner_note(report.plan)
    blocks = noted + _outcomes(report.outcomes)
    return _comment(report.plan, phrases.report_counts(report), blocks, calls)


def render_message(title: str, text: str) -> str:
    """Return ``text`` that is not about a plan, cut where a comment holds no more."""
    cut = text.encode()[: limits.MAX_COMMENT_BYTES // 2].decode(errors="ignore")
    return f"### {title}\n\n{_fence(cut.splitlines(), '')}\n"


def marker(target: str, owner: str) -> str:
    """Return the invisible first line, by which a later run finds the comment of this one."""
    names = (quote(text, safe="", errors="surrogatepass") for text in (target, owner))
    return f"<!-- mesh-reconciler:plan {'/'.join(names)} -->"


def with_reviewed(comment: str, fingerprint: str) -> str:
    """Return ``comment`` with an invisible second line: the plan that its readers agree to."""
    first, _, rest = comment.partition("\n")
    return f"{first}\n{_REVIEWED}{fingerprint} -->\n{rest}"


def reviewed_in(comment: str) -> str | None:
    """Return the fingerprint that ``with_reviewed`` put into ``comment``."""
    # No later line counts: what stands there may be of anybody's making.
    second = comment.partition("\n")[2].partition("\n")[0]
    found = _REVIEWED_LINE.fullmatch(second)
    return found[1] if found else None


def _comment(plan: Plan, counts: str, first: list[Block], calls: Mapping[str, int]) -> str:
    head = [
        f"{marker(plan.target.name, plan.owner)}\n### {counts}",
        _code(headline(plan), MAX_HEADLINE_LENGTH),
        *_warnings(plan.changes),
    ]
    small = [f"fingerprint {plan.fingerprint}", *([phrases.call_counts(calls)] if calls else [])]
    foot = [f"<sub>{' · '.join(map(_code, small))}</sub>"]
    unlisted = [Block("**Could not be read:**", 0), *_unlisted(plan)] if plan.unlisted else []
    withheld = [Block("**Withheld:**", 0), *_withheld(plan)] if plan.withheld else []
    changes = [_change(group) for group in phrases.groups(plan.changes)]
    sections = [first, unlisted, withheld, changes]
    left = limits.MAX_COMMENT_BYTES - RESERVED_CHARACTERS - _size(head) - _size(foot)
    for turn, blocks in enumerate(sections):
        # What a section leaves of its share goes to those after it.
        shown = list(_fit(blocks, left // (len(sections) - turn)))
        left -= _size(shown)
        head += shown
    return "\n\n".join([*head, *foot]) + "\n"


def _fit(blocks: Iterable[Block], room: int) -> Iterator[str]:
    hidden = 0
    for text, resources in blocks:
        if _size([text]) <= room:
            room -= _size([text])
            yield text
        else:
            hidden += resources
    if hidden:
        yield (
            f"**{plural(hidden, 'resource')} not shown here**: a comment holds no more. "
            "As text or JSON the plan is whole."
        )


def _size(texts: Iterable[str]) -> int:
    return sum(len(text.encode()) + len("\n\n") for text in texts)


def _warnings(changes: Iterable[Change]) -> Iterator[str]:
    keys: dict[TrafficEffect, list[str]] = {
        TrafficEffect.OPENS: [],
        TrafficEffect.CLOSES: [],
        TrafficEffect.INTERRUPTS: [],
    }
    for change in changes:
        if change.traffic in keys:
            keys[change.traffic].append(_code(escaped(str(change.key))))
    lines = [f"> **{traffic}**: {shorten_list(found)}" for traffic, found in keys.items() if found]
    if lines:
        yield "> [!WARNING]\n" + "  \n".join(lines)


def _owner_note(plan: Plan) -> list[Block]:
    note = phrases.owner_note(plan)
    return [Block(f"**Note:** {_code(note, MAX_HEADLINE_LENGTH)}", 0)] if note else []


def _outcomes(outcomes: Iterable[Outcome]) -> list[Block]:
    alike: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if not isinstance(outcome, Applied):
            what = f"{operation_name(outcome.change)} {outcome_name(outcome)}"
            alike.setdefault((what, outcome.reason), []).append(escaped(str(outcome.change.key)))
    return [
        item
        for (what, reason), keys in alike.items()
        for item in _items(what, escaped(reason), keys)
    ]


def _three_way(three_way: ThreeWay) -> Iterator[Block]:
    yield Block("**What this change does:**" if three_way.proposed else _NOTHING, 0)
    yield from (_field_diff(moved) for moved in three_way.proposed)
    if three_way.reverted:
        yield Block("**Applying it would also undo where live differs from the base:**", 0)
        yield from (_field_diff(moved) for moved in three_way.reverted)
    if three_way.conflicts:
        yield Block("> [!CAUTION]\n> **Changed here and on the live side too:**", 0)
        yield from map(_conflict, three_way.conflicts)


def _field_diff(moved: FieldDiff) -> Block:
    fields = [phrases.field_of(field) for field in moved.fields]
    if not fields[0].pointer:
        sign = phrases.SYMBOLS[Create if fields[0].before is None else Delete]
        return Block(f"- {sign} {_code(escaped(str(moved.key)))}", 1)
    lines = [
        f"  - {_code(field.label)}: {_side(field.before)} → {_side(field.after)}"
        for field in fields
    ]
    return Block("\n".join([f"- ~ {_code(escaped(str(moved.key)))}", *lines]), 1)


def _conflict(conflict: MergeConflict) -> Block:
    sides = {"base": conflict.base, "live": conflict.live, "here": conflict.head}
    sides_text = ", ".join(f"{word} {_side(phrases.value(side))}" for word, side in sides.items())
    place = _code(phrases.label(conflict.pointer))
    return Block(f"- {_code(escaped(str(conflict.key)))} {place}: {sides_text}", 1)


def _side(value: str | None) -> str:
    return "absent" if value is None else _code(value)


def _withheld(plan: Plan) -> Iterator[Block]:
    for alike in phrases.reasons(plan.withheld):
        yield from _items(alike.reason.value, alike.why, alike.keys)
        yield from (_change(group, "withheld: ") for group in alike.pending)


def _unlisted(plan: Plan) -> Iterator[Block]:
    for unlisted in plan.unlisted:
        yield from _items("unlisted", escaped(unlisted.message), [escaped(str(unlisted))])


def _items(what: str, reason: str, keys: list[str]) -> Iterator[Block]:
    """Yield every one of ``keys``, a bounded number to a block: one that is too large is hidden."""
    for start in range(0, len(keys), KEYS_PER_BLOCK):
        some = keys[start : start + KEYS_PER_BLOCK]
        yield Block(
            f"- **{what}** {', '.join(map(_code, some))}: {_code(reason, len(reason))}", len(some)
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


def _code(text: str, longest: int = MAX_VALUE_LENGTH) -> str:
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[-longest // 2 :]}"
    ticks = "`" * (_longest_run(text) + 1)
    # Of a space at both ends one each is taken off again; it keeps a tick apart from ours.
    pad = " " if text.strip("` ") != text or not text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
