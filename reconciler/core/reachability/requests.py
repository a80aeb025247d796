"""The classes of requests that tables of routes tell apart, and the answers to them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from reconciler import limits
from reconciler.core.reachability.conditions import Condition, TextClass, classes
from reconciler.core.reachability.matches import HEADER, PATH, QUERY, SCHEME, Request
from reconciler.core.reachability.model import Rule, Table


def request_classes(tables: Sequence[Table]) -> Iterator[Request] | None:
    """Return the classes of requests that ``tables`` tell apart; None if there are too many.

    Each class has one answer in each table, unless the answer is not known. A class may be empty:
    a regular expression may match no path that a request can have.
    """
    found: defaultdict[str, dict[Condition, None]] = defaultdict(dict)
    for table in tables:
        for rule in table.rules:
            for name, condition in rule.match.conditions:
                found[name][condition] = None
    texts = [_texts(name, [*conditions]) for name, conditions in found.items()]
    if prod(map(len, texts)) > limits.MAX_REQUEST_CLASSES:
        return None
    return (dict(zip(found, values, strict=True)) for values in product(*texts))


def _texts(name: str, conditions: list[Condition]) -> list[TextClass]:
    if name == SCHEME:
        # There are no others, so two routes can be for all requests.
        return [TextClass("http"), TextClass("https")]
    base = "/" if name == PATH else ""
    return [*classes(conditions, base=base, optional=name.startswith((HEADER, QUERY)))]


def first_rules(table: Table, request: Request) -> tuple[Rule | None, ...]:
    """Return the rules of ``table`` that may answer ``request``; None for no rule."""
    return table.first(
        {number: rule.match.selects(request) for number, rule in enumerate(table.rules)}
    )
