"""Services that answer no request, and routes that get none."""

from typing import Any

import pytest
from builders import gateway_route, key, listening, provided_by
from core.reachability.test_effects import BASE, node, split

from reconciler.core.reachability.checks import covered_routes, unprovided_services
from reconciler.core.reachability.model import Reachability

CART, WEB = "virtual-service/m/cart", "virtual-node/m/web"


def reachability(edit: dict[str, Any]) -> Reachability:
    specs = {**BASE, WEB: node("cart"), **edit}
    return Reachability({key(name): spec for name, spec in specs.items()})


def covered(edit: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(it.key), str(it.other)) for it in covered_routes(reachability(edit))]


def header(name: str, **match: Any) -> Any:
    return {"headers": [{"name": name, **match}]}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({}, []),
        ({CART: {}}, [(CART, WEB)]),
        ({CART: {}, WEB: node()}, [(CART, "virtual-gateway/m/edge")]),
        ({CART: None}, []),
        ({"virtual-service/m/idle": {}}, []),
    ],
)
def test_a_service_without_a_provider_is_found_if_it_is_called(
    edit: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = unprovided_services(reachability(edit))
    assert [(str(service), str(caller)) for service, caller in found] == expected


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({}, []),
        ({"route/m/r/first": split(priority=1, v1=1)}, [("route/m/r/all", "route/m/r/first")]),
        ({"route/m/r/longer": split({"prefix": "/a"}, v1=1)}, []),
        ({"route/m/r/same": split(v1=1)}, [("route/m/r/same", "route/m/r/all")]),
        ({"route/m/r/post": split({"prefix": "/", "method": "POST"}, v1=1)}, []),
        ({"route/m/r/x": split({"prefix": "/", **header("a")}, 1, v1=1),
          "route/m/r/y": split({"prefix": "/b", **header("A", match={"exact": "1"})}, 2, v1=1)},
         [("route/m/r/y", "route/m/r/x")]),
    ],
)  # fmt: skip
def test_a_route_whose_requests_another_route_gets_is_found(
    edit: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert covered(edit) == expected


def test_ports_and_hosts_keep_routes_apart() -> None:
    two = {
        "virtual-router/m/r": listening(80, 81),
        "route/m/r/all": split({"prefix": "/", "port": 80}, v1=1),
        "route/m/r/other": split({"prefix": "/", "port": 81}, 1, v1=1),
    }
    assert covered(two) == []
    host, anywhere = gateway_route("cart"), gateway_route("cart")
    host["httpRoute"]["match"]["hostname"] = {"exact": "Shop.example"}  # type: ignore[index,call-overload]
    assert covered({"gateway-route/m/edge/host": host, "gateway-route/m/edge/all": anywhere}) == []
    suffix = gateway_route("cart")
    suffix["httpRoute"]["match"]["hostname"] = {"suffix": "*.example"}  # type: ignore[index,call-overload]
    both = {"gateway-route/m/edge/host": host, "gateway-route/m/edge/suffix": suffix}
    assert covered({**both, CART: provided_by("virtualNode", "v1")}) == []
