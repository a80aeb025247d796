"""Every leaf field of the API description has its stated effect, or a loss that names it."""

from typing import Any

import pytest
from envoy.field_table import LOSS, read_table, row_for
from envoy.leaves import Leaf, all_leaves, samples, with_value
from envoy.meshes import Specs, shop, translated

from reconciler.envoy.messages import Message
from reconciler.envoy.proxy import ProxyConfig

pytestmark = pytest.mark.unmeasured

LEAVES = all_leaves()
TABLE = read_table()
NAMES = {
    "mesh": "mesh/m",
    "virtual-node": "virtual-node/m/b",
    "virtual-router": "virtual-router/m/r",
    "virtual-service": "virtual-service/m/s.local",
    "route": "route/m/r/x",
    "virtual-gateway": "virtual-gateway/m/g",
    "gateway-route": "gateway-route/m/g/x",
}


def test_the_description_has_as_many_leaves_as_the_table_is_for() -> None:
    assert len(LEAVES) == 262


def test_each_leaf_has_a_row_and_each_row_a_leaf() -> None:
    rows = {leaf: row_for(leaf, TABLE) for leaf in LEAVES}
    assert [leaf for leaf, row in rows.items() if row is None] == []
    assert [row for row in TABLE if row not in rows.values()] == []


def test_each_leaf_has_its_effect() -> None:
    for leaf in LEAVES:
        row = row_for(leaf, TABLE)
        assert row is not None, leaf
        check_effect(leaf, row.effect)


def check_effect(leaf: Leaf, effect: str) -> None:
    """Check that another value of a leaf has its stated effect."""
    before, after = (translated(mesh_with(leaf, value)) for value in samples(leaf))
    if effect == LOSS:
        assert names_leaf(before, leaf), leaf
        return
    if samples(leaf)[0] == samples(leaf)[1]:
        # An enumeration with one value: compare with its absence.
        after = translated(mesh_with(leaf[:-1], []))
    changed = {step for proxy in before for step in changes(before[proxy], after[proxy])}
    assert effect in changed, (leaf, sorted(changed))


def mesh_with(leaf: Leaf, value: Any) -> Specs:
    """Return a mesh in which the leaf has a value, with the protocol that it is for."""
    fields = {step.removesuffix("Route") for step in leaf}
    protocol = next((it for it in ("tcp", "grpc", "http2") if it in fields), "http")
    name = NAMES[leaf[0]]
    if "backends" in leaf:
        name = "virtual-node/m/a"
    mesh = shop(protocol)
    if "clientPolicy" in leaf and leaf[0] == "virtual-node":
        name = "virtual-node/m/a"
    spec = mesh[name]
    if leaf[0] in ("route", "gateway-route") and leaf[-1] != "priority":
        first = {"priority": 0} if protocol == "tcp" else {}
        spec = {leaf[1]: spec.get(leaf[1]) or spec["httpRoute"], **first}
    if {"methodName", "weight", "perRetryTimeout", "maxRetries"} & {*leaf}:
        spec = with_companions(spec, leaf)
    if leaf[-2:] == ("path", "exact") and "rewrite" in leaf:
        spec = with_value(leaf[0], spec, (leaf[1], "match", "path", "regex"), "/.*")
        del spec[leaf[1]]["match"]["prefix"]
    if "path" in leaf and "match" in leaf:
        del spec[leaf[1]]["match"]["prefix"]
    mesh[name] = with_value(leaf[0], spec, leaf[1:], value)
    if leaf[-1] == "protocol" and "healthCheck" in leaf:
        mesh[name]["listeners"][0]["portMapping"]["protocol"] = "http"
    return mesh


def with_companions(spec: Specs, leaf: Leaf) -> Specs:
    field = leaf[1]
    if "methodName" in leaf:
        return with_value(leaf[0], spec, (field, "match", "serviceName"), "one")
    if "retryPolicy" in leaf:
        return with_value(
            leaf[0], spec, (field, "retryPolicy", "httpRetryEvents"), ["server-error"]
        )
    targets = [{"virtualNode": "b", "weight": 5}, {"virtualNode": "c", "weight": 5}]
    return with_value(leaf[0], spec, (field, "action", "weightedTargets"), targets)


def names_leaf(configs: dict[str, ProxyConfig], leaf: Leaf) -> bool:
    """Whether a loss is at the leaf, or at a part that contains it."""
    path = "/" + "/".join(leaf[1:]).replace("*", "0")
    return any(
        loss.key.kind == leaf[0] and f"{path}/".startswith(f"{loss.path}/")
        for config in configs.values()
        for loss in config.losses
    )


def changes(before: ProxyConfig, after: ProxyConfig) -> set[str]:
    """Return the names of the fields that contain a difference."""
    return {step for path in _changes(resources(before), resources(after)) for step in path}


def resources(config: ProxyConfig) -> Message:
    return {
        "clusters": config.clusters,
        "endpoints": config.endpoints,
        "listeners": config.listeners,
        "route_tables": config.route_tables,
    }


def _changes(before: Any, after: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        steps = [(name, before.get(name), after.get(name)) for name in before.keys() | after.keys()]
    elif isinstance(before, list) and isinstance(after, list):
        longest = max(len(before), len(after))
        padded = [[*items, *[None] * (longest - len(items))] for items in (before, after)]
        steps = [("", *pair) for pair in zip(*padded, strict=True)]
    else:
        return [(*path, *_names(before), *_names(after))]
    return [found for name, old, new in steps for found in _changes(old, new, (*path, name))]


def _names(value: Any) -> list[str]:
    """Return the names of all members of a value that is on one side only."""
    if isinstance(value, dict):
        return [step for name, it in value.items() for step in (name, *_names(it))]
    return [step for it in value for step in _names(it)] if isinstance(value, list) else []
