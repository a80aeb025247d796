"""The share of traffic that a route sends to each of its targets.

A target gets its weight divided by the sum of all weights (API reference, WeightedTarget). A
weight of 0, or no sum, is no traffic.
"""

from collections.abc import Mapping
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

    Nothing is returned unless both sides are routes. Without a sum of weights, no target has a
    share.
    """
    old, new = _shares(before), _shares(after)
    if not old or not new:
        return ()
    targets = [*old, *(target for target in new if target not in old)]
    none = Fraction(0)
    changes = (ShareChange(it, old.get(it, none), new.get(it, none)) for it in targets)
    return tuple(change for change in changes if change.before != change.after)


def target_weights(action: Mapping[str, Any]) -> dict[tuple[str, int | None], int]:
    """Return the weights of the targets of a route: of a node, and of a port if it has one."""
    weights: dict[tuple[str, int | None], int] = {}
    for item in action.get("weightedTargets", ()):
        target = item["virtualNode"], item.get("port")
        weights[target] = weights.get(target, 0) + item["weight"]
    return weights


def percent(share: Fraction) -> str:
    """Return ``share`` in percent with at most one decimal, which never looks like 0 or all."""
    tenths = round(share * 1000)
    if share not in (0, 1):
        tenths = min(max(tenths, 1), 999)
    return f"{tenths / 10:g} %"


def _shares(side: Any) -> Mapping[str, Fraction]:
    spec: Mapping[str, Any] = (side or {}).get("spec") or {}
    weights = {
        f"{node}{'' if port is None else f':{port}'}": weight
        for field in ROUTE_FIELDS
        for (node, port), weight in target_weights(spec.get(field, {}).get("action", {})).items()
    }
    total = sum(weights.values())
    return {name: Fraction(weight, total or 1) for name, weight in weights.items()}
