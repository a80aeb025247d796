"""The graph of a mesh: each step of a request is an edge."""

from fractions import Fraction
from typing import Any

from builders import gateway_route, key, listening, provided_by, route

from reconciler.core.topology import Edge, topology

ARN = "arn:aws:appmesh:eu-west-1:123456789012:mesh/m/virtualService/cart"


def calling(*services: str) -> dict[str, Any]:
    return {"backends": [{"virtualService": {"virtualServiceName": name}} for name in services]}


def canary(**weights: int) -> dict[str, Any]:
    targets = [{"virtualNode": name, "weight": weight} for name, weight in weights.items()]
    match = {"path": {"exact": "/pay"}, "method": "POST", "port": 80}
    action = {"weightedTargets": targets}
    return {"httpRoute": {"match": match, "action": action}, "priority": 7}


def test_edges_lead_from_the_gateway_to_the_nodes_and_on_to_their_backends() -> None:
    specs: dict[str, Any] = {
        "mesh/m": {},
        "virtual-node/m/web": calling("cart", ARN, "lost"),
        "virtual-node/m/one": {},
        "virtual-router/m/r": listening(80),
        "route/m/r/x": canary(one=3, two=1),
        "virtual-service/m/cart": provided_by("virtualRouter", "r"),
        "virtual-service/m/idle": {},
        "virtual-gateway/m/edge": listening(8080),
        "gateway-route/m/edge/all": gateway_route("cart"),
    }
    found = topology((key(name), spec) for name, spec in specs.items())
    lost = ("virtual-node/m/two", "virtual-service/m/lost")
    assert found.nodes == tuple(it for it in sorted(map(key, [*specs, *lost])) if it.name != "m")
    assert [(str(it.source), it.label, str(it.target)) for it in found.edges] == [
        ("virtual-node/m/web", "", "virtual-service/m/cart"),
        ("virtual-node/m/web", "", "virtual-service/m/lost"),
        ("virtual-router/m/r", "POST /pay :80", "route/m/r/x"),
        ("route/m/r/x", "75 %", "virtual-node/m/one"),
        ("route/m/r/x", "25 %", "virtual-node/m/two"),
        ("virtual-service/m/cart", "", "virtual-router/m/r"),
        ("virtual-gateway/m/edge", "/*", "gateway-route/m/edge/all"),
        ("gateway-route/m/edge/all", "", "virtual-service/m/cart"),
    ]


def test_edges_have_the_facts_of_their_route() -> None:
    (step, target) = topology([(key("route/m/r/x"), canary(one=2))]).edges
    assert step == Edge(
        key("virtual-router/m/r"), key("route/m/r/x"), "POST /pay", port=80, priority=7
    )
    assert target == Edge(
        key("route/m/r/x"), key("virtual-node/m/one"), weight=2, share=Fraction(1)
    )


def test_without_a_sum_there_is_a_weight_and_no_share() -> None:
    none, ported = canary(one=0, two=0), route("one")
    ported["httpRoute"]["action"]["weightedTargets"][0]["port"] = 9  # type: ignore[index,call-overload]
    edges = topology([(key("route/m/r/x"), none), (key("route/m/r/y"), ported)]).edges
    assert [it.label for it in edges] == [
        "POST /pay :80", "weight 0", "weight 0", "/*", "100 % :9",
    ]  # fmt: skip
    assert [it.share for it in edges] == [None, None, None, None, Fraction(1)]


def test_a_gateway_route_names_the_port_of_its_target() -> None:
    spec = gateway_route("cart")
    spec["httpRoute"]["action"]["target"]["port"] = 9  # type: ignore[index,call-overload]
    assert [it.label for it in topology([(key("gateway-route/m/g/x"), spec)]).edges] == ["/*", ":9"]


def test_a_manifest_without_a_spec_is_a_node_without_edges() -> None:
    found = topology([(key("virtual-service/m/cart"), None)])
    assert (found.nodes, found.edges) == ((key("virtual-service/m/cart"),), ())


def test_a_mesh_of_another_account_keeps_its_owner() -> None:
    router = key("route/m@111122223333/r/x")
    found = topology([(router, route("one"))])
    assert list(map(str, found.nodes)) == [
        "route/m@111122223333/r/x",
        "virtual-node/m@111122223333/one",
        "virtual-router/m@111122223333/r",
    ]
