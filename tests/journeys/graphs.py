"""Random graphs of all seven kinds, each of which the service can hold."""

import random
from collections.abc import Iterator

from builders import desired, provided_by

from reconciler.core.resources import Desired, Json, Spec

PROTOCOLS = ("http", "http2", "grpc", "tcp")
Ports = dict[int, str]
# Its port is the listener's, which the service may fill in.
CHECK: Json = {
    "protocol": "tcp",
    "healthyThreshold": 2,
    "unhealthyThreshold": 2,
    "intervalMillis": 5000,
    "timeoutMillis": 2000,
}


def some(draw: random.Random, letter: str, most: int, fewest: int = 0) -> list[str]:
    names = [f"{letter}{number}" for number in range(most)]
    return sorted(draw.sample(names, draw.randint(fewest, most)))


def listening_on(ports: Ports, **more: Json) -> Spec:
    mappings: list[Json] = [
        {"portMapping": {"port": port, "protocol": protocol}, **more}
        for port, protocol in ports.items()
    ]
    return {"listeners": mappings}


def ports(draw: random.Random, protocols: tuple[str, ...]) -> Ports:
    return {port: draw.choice(protocols) for port in draw.sample((80, 81), draw.randint(1, 2))}


def heard(draw: random.Random, by: Ports, action: Json) -> Spec:
    """Return the spec of a route that one of these ports hears."""
    port = draw.choice(sorted(by))
    match: dict[str, Json] = {"port": port} if len(by) > 1 or draw.random() < 0.4 else {}
    if by[port] == "grpc":
        match["serviceName"] = draw.choice(("shop.Cart", "shop.Stock"))
    elif by[port] != "tcp":
        match["prefix"] = draw.choice(("/", "/items"))
    route: dict[str, Json] = {"action": action, "match": match}
    return {f"{by[port]}Route": {name: part for name, part in route.items() if part}}


def shared_among(nodes: list[str]) -> Json:
    """Return weighted targets of which the weights are exactly a hundred."""
    part = 100 // len(nodes)
    rest = 100 - part * (len(nodes) - 1)
    return [
        {"virtualNode": node, "weight": part if number else rest}
        for number, node in enumerate(nodes)
    ]


def node(draw: random.Random, services: list[str]) -> Spec:
    """Return the spec of a virtual node, which may check its health and call services."""
    more = {"healthCheck": CHECK} if draw.random() < 0.3 else {}
    spec = listening_on({80: draw.choice(PROTOCOLS)}, **more)
    spec["serviceDiscovery"] = {"dns": {"hostname": draw.choice(("a.internal", "b.internal"))}}
    called = [name for name in services if draw.random() < 0.4]
    if called:
        spec["backends"] = [{"virtualService": {"virtualServiceName": name}} for name in called]
    return spec


def graph(draw: random.Random) -> Iterator[Desired]:
    """Yield a mesh in which everything that is named is there, and every route is heard."""
    yield desired("m", tags=tags(draw))
    nodes = some(draw, "n", 4, fewest=1)
    services = some(draw, "s", 3)
    for name in nodes:
        yield desired(f"virtual-node/m/{name}", node(draw, services), tags=tags(draw))
    routers = {name: ports(draw, PROTOCOLS) for name in some(draw, "r", 2, fewest=1)}
    for router, by in routers.items():
        yield desired(f"virtual-router/m/{router}", listening_on(by), tags=tags(draw))
        for name in some(draw, "x", 2, fewest=1):
            chosen = draw.sample(nodes, draw.randint(1, len(nodes)))
            spec = heard(draw, by, {"weightedTargets": shared_among(chosen)})
            yield desired(f"route/m/{router}/{name}", spec, tags=tags(draw))
    targets_of = {name: draw.choice([*routers, *nodes]) for name in services}
    for service, target in targets_of.items():
        kind = "virtualRouter" if target in routers else "virtualNode"
        yield desired(f"virtual-service/m/{service}", provided_by(kind, target), tags=tags(draw))
    for gateway in some(draw, "g", 2):
        by = ports(draw, PROTOCOLS[:3])
        yield desired(f"virtual-gateway/m/{gateway}", listening_on(by), tags=tags(draw))
        for name in some(draw, "y", 2) if targets_of else ():
            service = draw.choice(sorted(targets_of))
            port = min(routers.get(targets_of[service], {80: ""}))
            to: Json = {"virtualService": {"virtualServiceName": service}, "port": port}
            spec = heard(draw, by, {"target": to})
            yield desired(f"gateway-route/m/{gateway}/{name}", spec, tags=tags(draw))


def tags(draw: random.Random) -> dict[str, str]:
    """Return the tags of a resource, in most cases none."""
    return {"team": draw.choice(("a", "b"))} if draw.random() < 0.2 else {}
