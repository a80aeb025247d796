"""Specs of nodes and routes for live checks, with few words each."""

from typing import Any

from envoy.meshes import Specs, listening

POLICY = {"maxRetries": 3, "perRetryTimeout": {"unit": "s", "value": 60}}


def node(name: str, protocol: str = "http", port: int = 80, **more: Any) -> Specs:
    """Return a node that is found by DNS."""
    host = f"{name}.internal"
    return {
        **listening(protocol, port, **more),
        "serviceDiscovery": {"dns": {"hostname": host}},
    }


def http(*targets: str, priority: int | None = None, **more: Any) -> Specs:
    """Return the spec of an http route to nodes; ``more`` is its match.

    Each node is NAME, NAME:WEIGHT or NAME@PORT. The members timeout and retryPolicy belong to the
    route.
    """
    return route("http", *targets, priority=priority, **more)


def route(protocol: str, *targets: str, priority: int | None = None, **more: Any) -> Specs:
    """Return the spec of a route like ``http``."""
    weighted = [_weighted_target(target) for target in targets]
    part: Specs = {name: more.pop(name) for name in ("timeout", "retryPolicy") if name in more}
    part["action"] = {"weightedTargets": weighted}
    if protocol in ("http", "http2") and "path" not in more:
        # The API needs a prefix or a path.
        more = {"prefix": "/", **more}
    if protocol != "tcp" or more:
        part["match"] = more
    return {f"{protocol}Route": part, **({} if priority is None else {"priority": priority})}


def _weighted_target(text: str) -> Specs:
    name, _, weight = text.partition(":")
    name, _, port = name.partition("@")
    return {
        "virtualNode": name,
        "weight": int(weight or 1),
        **({"port": int(port)} if port else {}),
    }


def retrying(*events: str, kind: str = "http", **more: Any) -> Specs:
    """Return a retry policy for events, as a member of a route."""
    return {"retryPolicy": {**POLICY, f"{kind}RetryEvents": [*events], **more}}


def once(*nodes: str, **more: Any) -> Specs:
    """Return a route that retries nothing."""
    return http(*nodes, **retrying("server-error", maxRetries=0), **more)


def timeout(field: str, value: int, unit: str = "ms") -> Specs:
    """Return a timeout, as a member of a route."""
    return {"timeout": {field: {"unit": unit, "value": value}}}
