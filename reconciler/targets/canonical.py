"""How App Mesh shows a spec: what it fills in, and where order has no meaning.

One row for each such place; a kind without one is shown as it was sent.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from reconciler.core.resources import Json, Spec, canonical_json, drop_empty

# Where the service fills in what was left out (K8S ignores it, TF calls it computed; appmesh-api
# section 1). ``*`` stands for every item of a list.
FILLED = (
    "listeners/*/healthCheck/port",
    *(f"{form}/action/weightedTargets/*/port" for form in ("grpcRoute", "http2Route", "httpRoute")),
    "tcpRoute/action/weightedTargets/*/port",
)
# Lists that are sets: their order changes nothing (controller's issue 785 for backends).
UNORDERED = frozenset(
    {
        *("attributes", "backends", "headers", "metadata", "queryParameters", "weightedTargets"),
        *("certificateAuthorityArns", "exact", "grpcRetryEvents", "httpRetryEvents", "ports"),
        "tcpRetryEvents",
    }
)
LOWERED = "metadata/*/name"


def canonical(spec: Spec, reference: Spec | None) -> Spec:
    """Return ``spec`` less what it shows either way, its sets in one order.

    What the service fills in is left out where ``reference`` leaves it out.
    """
    shown = drop_empty(spec)
    assert isinstance(shown, dict)  # noqa: S101  # a spec is an object, and stays one
    if reference is not None:
        for place in FILLED:
            _drop_defaults(shown, reference, place.split("/"))
    return {name: _sort(name, member) for name, member in shown.items()}


def _drop_defaults(shown: Json, reference: Json, steps: list[str]) -> None:
    """Take out of ``shown`` the member that ``steps`` lead to, where ``reference`` has none."""
    step, *rest = steps
    if step == "*":
        for mine, theirs in _pairs(shown, reference):
            _drop_defaults(mine, theirs, rest)
    elif isinstance(shown, dict) and isinstance(reference, dict):
        if rest:
            _drop_defaults(shown.get(step), reference.get(step), rest)
        elif step not in reference:
            shown.pop(step, None)


def _pairs(shown: Json, reference: Json) -> Iterator[tuple[Json, Json]]:
    """Yield the items that belong together: of one node in their order, all else by their place."""
    if not isinstance(shown, list) or not isinstance(reference, list):
        return
    left: dict[Any, list[Json]] = defaultdict(list)
    for index, item in enumerate(reference):
        left[_node(item) or index].append(item)
    for index, item in enumerate(shown):
        alike = left[_node(item) or index]
        if alike:
            # A node may be there twice, with another port or weight: like goes with like first.
            twin = min(alike, key=lambda candidate: _without_port(candidate) != _without_port(item))
            alike.remove(twin)
            yield item, twin


def _without_port(item: Json) -> Json:
    return {k: v for k, v in item.items() if k != "port"} if isinstance(item, dict) else item


def _node(item: Json) -> Any:
    return item.get("virtualNode") if isinstance(item, dict) else None


def _sort(name: str, value: Json) -> Json:
    if isinstance(value, dict):
        inside = f"{name}/" if name == "metadata/*" else ""
        return {inner: _sort(inside + inner, member) for inner, member in value.items()}
    if isinstance(value, list):
        ordered = [_sort(f"{name}/*", item) for item in value]
        return sorted(ordered, key=canonical_json) if name in UNORDERED else ordered
    # One sample shows the name of a gRPC metadatum in lower case, one as it was sent (CLI, UG).
    return value.lower() if name == LOWERED and isinstance(value, str) else value
