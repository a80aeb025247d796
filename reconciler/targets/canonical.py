"""The form in which App Mesh returns a spec: fields that it fills in, and lists that are sets.

Each such field is one row. Kinds without a row are returned as they were sent.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from reconciler.core.resources import Json, Spec, canonical_json, drop_empty

# Fields that the service fills in if they are missing: the Kubernetes controller ignores them and
# the Terraform provider calls them computed. ``*`` stands for every item of a list.
FILLED = (
    "listeners/*/healthCheck/port",
    *(
        f"{protocol}/action/weightedTargets/*/port"
        for protocol in ("grpcRoute", "http2Route", "httpRoute")
    ),
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
    """Return `spec` without empty members and with its sets sorted.

    Fields that the service fills in are removed if `reference` does not have them.
    """
    shown = drop_empty(spec)
    assert isinstance(shown, dict)  # noqa: S101  # a spec is an object, and stays one
    if reference is not None:
        for path in FILLED:
            _drop_defaults(shown, reference, path.split("/"))
    return {name: _sort(name, member) for name, member in shown.items()}


def _drop_defaults(shown: Json, reference: Json, steps: list[str]) -> None:
    """Remove the member at the path `steps` from `shown` if `reference` does not have it."""
    step, *rest = steps
    if step == "*":
        for shown_item, reference_item in _pairs(shown, reference):
            _drop_defaults(shown_item, reference_item, rest)
    elif isinstance(shown, dict) and isinstance(reference, dict):
        if rest:
            _drop_defaults(shown.get(step), reference.get(step), rest)
        elif step not in reference:
            shown.pop(step, None)


def _pairs(shown: Json, reference: Json) -> Iterator[tuple[Json, Json]]:
    """Yield matching items: those of the same virtual node in order, all others by index."""
    if not isinstance(shown, list) or not isinstance(reference, list):
        return
    unmatched: dict[Any, list[Json]] = defaultdict(list)
    for index, item in enumerate(reference):
        unmatched[_node(item) or index].append(item)
    for index, item in enumerate(shown):
        candidates = unmatched[_node(item) or index]
        if candidates:
            # A node may appear twice with different ports or weights: prefer the equal item.
            match = min(candidates, key=lambda other: _without_port(other) != _without_port(item))
            candidates.remove(match)
            yield item, match


def _without_port(item: Json) -> Json:
    return (
        {name: member for name, member in item.items() if name != "port"}
        if isinstance(item, dict)
        else item
    )


def _node(item: Json) -> Any:
    return item.get("virtualNode") if isinstance(item, dict) else None


def _sort(name: str, value: Json) -> Json:
    if isinstance(value, dict):
        prefix = f"{name}/" if name == "metadata/*" else ""
        return {inner: _sort(prefix + inner, member) for inner, member in value.items()}
    if isinstance(value, list):
        ordered = [_sort(f"{name}/*", item) for item in value]
        return sorted(ordered, key=canonical_json) if name in UNORDERED else ordered
    # Samples differ: one returns the name of gRPC metadata in lower case, one as sent (CLI, UG).
    return value.lower() if name == LOWERED and isinstance(value, str) else value
