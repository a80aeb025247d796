"""The requests whose answers differ between two tables of routes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from reconciler.core.reachability.model import Answer, Rule, Table
from reconciler.core.reachability.requests import first_rules, request_classes

_RuleId: TypeAlias = tuple[int, int]
"""A rule of one of two tables: the number of the table, and of the rule in it."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Requests whose answer changes.

    Attributes:
        rule: The route that answers them after the change, or before it if none does after it.
        replaced: The route that answered them before the change.
        text: The match of `rule`; empty if they are all requests of the table.
    """

    rule: Rule
    replaced: Rule | None
    text: str
    before: Answer
    after: Answer


def compare_tables(before: Table | None, after: Table | None) -> Iterator[Flow]:
    """Yield the requests whose answers are known in both tables and differ.

    None is a port that does not exist. Nothing is known if the protocols differ.
    """
    if before and after and before.protocol != after.protocol:
        return
    tables = [table or Table("", ()) for table in (before, after)]
    requests = None if tables[0] == tables[1] else request_classes(tables)
    total, sizes = 0, Counter[_RuleId]()
    flows: dict[tuple[_RuleId, Answer, Answer], list[Flow]] = {}
    for request in requests or ():
        total += 1
        old, new = (first_rules(table, request) for table in tables)
        was, becomes = _known_answer(old), _known_answer(new)
        sizes.update(
            (side, number)
            for side, table in enumerate(tables)
            for number, rule in enumerate(table.rules)
            if rule.match.selects(request) is not False
        )
        if was is None or becomes is None or was == becomes:
            continue
        winners = [(side, rule) for side, rule in ((1, new[0]), (0, old[0])) if rule]
        for side, rule in winners[:1]:
            name = side, tables[side].rules.index(rule)
            flow = Flow(rule, old[0], rule.text, was, becomes)
            flows.setdefault((name, was, becomes), []).append(flow)
    is_whole = len({(was, becomes) for _, was, becomes in flows}) == 1 and total == sum(
        map(len, flows.values())
    )
    for (name, _, _), same in flows.items():
        if is_whole:
            yield replace(same[0], text="")
            return
        yield (
            same[0]
            if len(same) == sizes[name]
            else replace(same[0], text=f"part of {same[0].text}")
        )


def _known_answer(rules: Iterable[Rule | None]) -> Answer | None:
    answers = {rule.answer if rule else () for rule in rules}
    return answers.pop() if len(answers) == 1 else None
