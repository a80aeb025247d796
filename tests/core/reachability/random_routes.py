"""Random meshes whose routes overlap in every way, and edits of them."""

import copy
import random
from typing import Any

Specs = dict[str, Any]
NODES = ("one", "two", "three")
SERVICES = ("cart", "pay")


def random_mesh(draw: random.Random) -> Specs:
    """Return the specs of a mesh with two routers, two services and a gateway, by key."""
    specs: Specs = {"mesh/m": random_egress(draw)}
    for name in NODES:
        specs[f"virtual-node/m/{name}"] = random_node(draw)
    for name in ("r", "s"):
        specs[f"virtual-router/m/{name}"] = listening(draw, draw.choice((1, 1, 1, 2)), tcp=True)
        fill(draw, specs, f"virtual-router/m/{name}")
    for name in SERVICES:
        specs[f"virtual-service/m/{name}"] = random_service(draw)
    specs["virtual-gateway/m/edge"] = listening(draw, draw.choice((1, 1, 2)), tcp=False)
    fill(draw, specs, "virtual-gateway/m/edge")
    return specs


def edited(draw: random.Random, specs: Specs) -> Specs:
    """Return ``specs`` with some resources changed, deleted and created."""
    other, after = random_mesh(draw), copy.deepcopy(specs)
    for key in draw.sample(sorted({*specs, *other}), draw.randint(1, 4)):
        kind = key.partition("/")[0]
        if kind in ("route", "gateway-route"):
            if key in other and draw.random() < 0.7:
                after[key] = other[key]
            else:
                after.pop(key, None)
        elif kind in ("virtual-router", "virtual-gateway"):
            if draw.random() < 0.5:
                after = {
                    it: spec for it, spec in after.items() if f"/{key.partition('/')[2]}/" not in it
                }
                after |= {it: other[it] for it in other if f"/{key.partition('/')[2]}/" in it}
                after[key] = other[key]
        elif kind == "virtual-service" and draw.random() < 0.2:
            del after[key]
        else:
            after[key] = other[key]
    return after


def random_egress(draw: random.Random) -> Any:
    return draw.choice(({}, {"egressFilter": {"type": "ALLOW_ALL"}}))


def random_node(draw: random.Random) -> Any:
    services = draw.sample((*SERVICES, "lost"), draw.randint(0, 3))
    backends = [{"virtualService": {"virtualServiceName": name}} for name in services]
    return {**listening(draw, draw.choice((0, 1, 1, 1, 2)), tcp=True), "backends": backends}


def random_service(draw: random.Random) -> Any:
    return draw.choice((
        {},
        *({"provider": {"virtualRouter": {"virtualRouterName": it}}} for it in "rrss"),
        {"provider": {"virtualNode": {"virtualNodeName": draw.choice(NODES)}}},
    ))  # fmt: skip


def listening(draw: random.Random, number: int, *, tcp: bool) -> Any:
    """Return listeners, whose protocols may differ."""
    protocol = draw.choice(("http", "http", "http2", "grpc", *(("tcp",) if tcp else ())))
    protocols = [protocol, draw.choice((protocol, "grpc", *(("tcp",) if tcp else ())))]
    ports = draw.sample((80, 81), number)
    return {
        "listeners": [
            {"portMapping": {"port": port, "protocol": name}}
            for port, name in zip(ports, protocols, strict=False)
        ]
    }


def fill(draw: random.Random, specs: Specs, parent: str) -> None:
    """Add routes to ``parent`` for its listeners."""
    mappings = [it["portMapping"] for it in specs[parent]["listeners"]]
    kind = "route" if parent.startswith("virtual-router/") else "gateway-route"
    for name in "abcd"[: draw.randint(0, 4)]:
        mapping = draw.choice(mappings)
        match = random_match(draw, mapping["protocol"], hosts=kind == "gateway-route")
        if len(mappings) > 1 or draw.random() < 0.2:
            match["port"] = mapping["port"]
        route = {"match": match, "action": random_action(draw, kind)}
        spec: Any = {f"{mapping['protocol']}Route": route}
        if draw.random() < 0.5:
            spec["priority"] = draw.randint(0, 2)
        specs[f"{kind}/{parent.partition('/')[2]}/{name}"] = spec


def random_action(draw: random.Random, kind: str) -> Any:
    if kind == "gateway-route":
        return {"target": {"virtualService": {"virtualServiceName": draw.choice(SERVICES)}}}
    targets = [
        {"virtualNode": name, "weight": draw.choice((0, 1, 1, 3))}
        | ({"port": draw.choice((80, 81))} if draw.random() < 0.2 else {})
        for name in draw.sample(NODES, draw.randint(1, 2))
    ]
    return {"weightedTargets": targets}


def random_match(draw: random.Random, protocol: str, *, hosts: bool) -> Any:
    if protocol == "tcp":
        return {}
    match = random_call(draw) if protocol == "grpc" else random_path(draw)
    if hosts and draw.random() < 0.4:
        match["hostname"] = draw.choice((
            {"exact": "shop.example"}, {"exact": "b.example"}, {"suffix": ".example"},
            {"suffix": ".shop.example"},
        ))  # fmt: skip
    if draw.random() < 0.3:
        name = "metadata" if protocol == "grpc" else "headers"
        match[name] = [random_header(draw)]
    if protocol != "grpc":
        if draw.random() < 0.3:
            match["method"] = draw.choice(("GET", "POST"))
        if draw.random() < 0.15:
            match["scheme"] = draw.choice(("http", "https"))
        if draw.random() < 0.15:
            value = draw.choice(({}, {"match": {"exact": "1"}}))
            match["queryParameters"] = [{"name": "q", **value}]
    return match


def random_path(draw: random.Random) -> Any:
    return draw.choice((
        {"prefix": "/"}, {"prefix": "/pay"}, {"prefix": "/pay/"}, {"path": {"exact": "/pay"}},
        {"path": {"exact": "/items"}}, {"path": {"regex": "/pay/.*"}},
        {"path": {"regex": "/v[12]/.*"}},
    ))  # fmt: skip


def random_call(draw: random.Random) -> Any:
    return draw.choice((
        {}, {"serviceName": "shop.Cart"}, {"serviceName": "shop.Cart", "methodName": "Add"},
        {"serviceName": "shop.Pay"},
    ))  # fmt: skip


def random_header(draw: random.Random) -> Any:
    value = draw.choice((
        {}, {"match": {"exact": "a"}}, {"match": {"prefix": "a"}}, {"match": {"suffix": "b"}},
        {"match": {"exact": "zz"}},
    ))  # fmt: skip
    return {"name": "X-K", **value, **({"invert": True} if draw.random() < 0.2 else {})}
