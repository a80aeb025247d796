"""From any graph to any other in one run: whatever its routers, ports and protocols become."""

import os
import random
from collections.abc import Callable, Iterator

import pytest
from builders import desired, provided_by
from journeys.worlds import World

from reconciler.core.changes import detached
from reconciler.core.resources import Desired, Json, Spec

SEEDS = 1000 if os.environ.get("RECONCILER_LONG_TESTS") == "1" else 25
WORKERS = 4
PROTOCOLS = ("http", "http2", "grpc", "tcp")
Ports = dict[int, str]


def some(draw: random.Random, letter: str, most: int, fewest: int = 0) -> list[str]:
    names = [f"{letter}{number}" for number in range(most)]
    return sorted(draw.sample(names, draw.randint(fewest, most)))


def listening_on(ports: Ports) -> Spec:
    mappings: list[Json] = [
        {"portMapping": {"port": port, "protocol": protocol}} for port, protocol in ports.items()
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


def graph(draw: random.Random) -> Iterator[Desired]:
    """Yield a mesh in which everything that is named is there, and every route is heard."""
    yield desired("m")
    nodes = some(draw, "n", 5, fewest=1)
    for node in nodes:
        found: Spec = {"dns": {"hostname": draw.choice(("a.internal", "b.internal"))}}
        by = {80: draw.choice(PROTOCOLS)}
        yield desired(f"virtual-node/m/{node}", {**listening_on(by), "serviceDiscovery": found})
    routers = {name: ports(draw, PROTOCOLS) for name in some(draw, "r", 2, fewest=1)}
    for router, by in routers.items():
        yield desired(f"virtual-router/m/{router}", listening_on(by))
        for name in some(draw, "x", 2, fewest=1):
            chosen = draw.sample(nodes, draw.randint(1, len(nodes)))
            targets: list[Json] = [{"virtualNode": node, "weight": 1} for node in chosen]
            spec = heard(draw, by, {"weightedTargets": targets})
            yield desired(f"route/m/{router}/{name}", spec)
    targets_of = {name: draw.choice([*routers, *nodes]) for name in some(draw, "s", 3)}
    for service, target in targets_of.items():
        kind = "virtualRouter" if target in routers else "virtualNode"
        yield desired(f"virtual-service/m/{service}", provided_by(kind, target))
    for gateway in some(draw, "g", 2):
        by = ports(draw, PROTOCOLS[:3])
        yield desired(f"virtual-gateway/m/{gateway}", listening_on(by))
        for name in some(draw, "y", 2) if targets_of else ():
            service = draw.choice(sorted(targets_of))
            port = min(routers.get(targets_of[service], {80: ""}))
            to: Json = {"virtualService": {"virtualServiceName": service}, "port": port}
            yield desired(f"gateway-route/m/{gateway}/{name}", heard(draw, by, {"target": to}))


@pytest.mark.parametrize("worker", range(WORKERS))
def test_one_run_leads_from_any_graph_to_any_other(
    worker: int, world: World, record_property: Callable[[str, object], None]
) -> None:
    changed = made_way = 0
    for seed in range(worker * SEEDS, (worker + 1) * SEEDS):
        draw = random.Random(seed)  # noqa: S311  # repeatable, and no secret
        world.reset()
        for wants in (list(graph(draw)), list(graph(draw)), []):
            edited = {want.key for want in wants if draw.random() < 0.5}
            report = world.cycle(wants, urgent=edited)
            assert report.converged, (seed, report.plan.withheld, report.outcomes)
            assert world.refused == [], seed
            changed += len(report.outcomes)
            made_way += sum(len(detached(change)) for change in report.plan.changes)
            assert world.plan(wants).changes == (), seed
    assert made_way
    told = f"{changed} changes, {made_way} routes made way"
    record_property("figure", f"random graphs {worker}: {SEEDS} led to another, {told}")
