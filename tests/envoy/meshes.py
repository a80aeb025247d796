"""Small meshes for tests of the translation."""

from collections.abc import Mapping
from typing import Any

from builders import key

from reconciler.envoy.losses import Loss
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.snapshot import Instance, Instances, Snapshot
from reconciler.envoy.tls import StoredCertificate
from reconciler.envoy.translate import TranslateOptions, Translator

Specs = dict[str, Any]

INSTANCES: Instances = {
    ("one", "one"): (
        Instance("10.0.0.1", "fd00::1", {"one": "one"}),
        Instance("10.0.0.2", "", {"two": "one"}),
        Instance("", "fd00::3", {"one": "two"}),
    )
}


def dns(name: str, **more: Any) -> Specs:
    return {"serviceDiscovery": {"dns": {"hostname": f"{name}.local", **more}}}


def listening(protocol: str, *ports: int, **more: Any) -> Specs:
    mappings = [{"portMapping": {"port": port, "protocol": protocol}, **more} for port in ports]
    return {"listeners": mappings}


def backend(*services: str, **more: Any) -> Specs:
    return {"backends": [{"virtualService": {"virtualServiceName": it, **more}} for it in services]}


def route_spec(protocol: str, *nodes: str, **more: Any) -> Specs:
    targets = [{"virtualNode": node, "weight": 1} for node in nodes]
    match = {"match": {"prefix": "/"}} if protocol.startswith("http") else {}
    match = {"match": {}} if protocol == "grpc" else match
    return {f"{protocol}Route": {**match, "action": {"weightedTargets": targets}, **more}}


def to_router(name: str) -> Specs:
    return {"provider": {"virtualRouter": {"virtualRouterName": name}}}


def to_node(name: str) -> Specs:
    return {"provider": {"virtualNode": {"virtualNodeName": name}}}


def gateway_route_spec(protocol: str, service: str, **more: Any) -> Specs:
    match: Specs = {"prefix": "/"} if protocol.startswith("http") else {}
    match |= more.pop("match", {})
    target = {"virtualService": {"virtualServiceName": service}, **more.pop("target", {})}
    return {f"{protocol}Route": {"match": match, "action": {"target": target, **more}}}


def shop(protocol: str = "http", **changes: Specs) -> Specs:
    """Return a mesh: a calls s.local, which the router r leads to b, and t.local, which is c.

    The gateway g leads to s.local.
    """
    http = protocol if protocol != "tcp" else "http"
    # Only the first tcp route of a port has an effect.
    first = {"priority": 0} if protocol == "tcp" else {}
    return {
        "mesh/m": {},
        "virtual-node/m/a": {**listening(protocol, 80), **dns("a"), **backend("s.local")},
        "virtual-node/m/b": {**listening(protocol, 80), **dns("b")},
        "virtual-node/m/c": {**listening(protocol, 80), **dns("c")},
        "virtual-router/m/r": listening(protocol, 80),
        "virtual-router/m/q": listening(protocol, 80),
        "route/m/r/x": {**route_spec(protocol, "b"), **first},
        "route/m/r/y": {**route_spec(protocol, "c"), "priority": 1},
        "virtual-service/m/s.local": to_router("r"),
        "virtual-service/m/t.local": to_node("c"),
        "virtual-gateway/m/g": listening(http, 80),
        "gateway-route/m/g/x": gateway_route_spec(http, "s.local"),
        "gateway-route/m/g/y": {**gateway_route_spec(http, "t.local"), "priority": 1},
        **{name.replace("__", "/").replace("_", "-"): spec for name, spec in changes.items()},
    }


def translated(
    specs: Specs,
    instances: Instances = INSTANCES,
    acm: Mapping[str, StoredCertificate] | None = None,
) -> dict[str, ProxyConfig]:
    """Return the configurations of all proxies of a mesh, by the text of their keys."""
    snapshot = Snapshot.from_rows([(key(name), spec) for name, spec in specs.items()], instances)
    options = TranslateOptions(acm or {})
    found = Translator(snapshot, options).translate_all()
    return {str(proxy): config for proxy, config in found.items()}


def proxy(specs: Specs, name: str, **more: Any) -> ProxyConfig:
    """Return the configuration of one proxy of a mesh."""
    return translated(specs, **more)[name]


def lines(losses: list[Loss]) -> list[str]:
    """Return the losses as texts without their words."""
    return [f"{loss.grade.value} {loss.key}{loss.path}" for loss in losses]
