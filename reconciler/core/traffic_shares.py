"""The share of traffic that a route sends to each of its targets.

A target gets its weight divided by the sum of all weights (API reference, WeightedTarget). A
weight of 0, or no sum, is no traffic.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reconciler.core.kinds import ROUTE_FIELDS
from reconciler.core.resources import Json


@dataclass(frozen=True, slots=True)
class ShareChange:
    """The shares of one target, from 0 to 1."""

    target: str
    """The virtual node, with ``:PORT`` if the route names a port of it."""
    before: Fraction
    after: Fraction


def share_changes(before: Json, after: Json) -> tuple[ShareChange, ...]:
    """Return the targets of a route whose shares differ between two sides of a difference.

    Nothing is returned unless both sides are routes with traffic.
    """
    old, new = _shares(before), _shares(after)
    if not old or not new:
        return ()
    targets = [*old, *(target for target in new if target not in old)]
    none = Fraction(0)
    changes = (ShareChange(it, old.get(it, none), new.get(it, none)) for it in targets)
    return tuple(change for change in changes if change.before != change.after)


def _shares(side: Json) -> Mapping[str, Fraction]:
    weights: dict[str, int] = {}
    for target in _weighted_targets(side):
        port = target.get("port")
        name = f"{target['virtualNode']}{'' if port is None else f':{port}'}"
        weights[name] = weights.get(name, 0) + target["weight"]
    total = sum(weights.values())
    return {name: Fraction(weight, total) for name, weight in weights.items()} if total else {}


def _weighted_targets(side: Any) -> Iterator[Mapping[str, Any]]:
    spec: Mapping[str, Any] = (side or {}).get("spec") or {}
    for name in ROUTE_FIELDS:
        yield from spec.get(name, {}).get("action", {}).get("weightedTargets", ())
