"""Parts of meshes that no request reaches."""

from typing import Any

import pytest
from builders import gateway_route, key, listening, provided_by
from core.reachability.test_effects import BASE, node, split

from reconciler.core.reachability.findings import FindingKind, findings
from reconciler.core.reachability.model import Reachability

K = FindingKind


def found(edit: dict[str, Any]) -> list[tuple[FindingKind, str, str]]:
    specs = {
        key(name): spec
        for name, spec in {**BASE, "virtual-node/m/web": node("cart"), **edit}.items()
    }
    return [
        (it.kind, str(it.key), str(it.other))
        for it in findings(Reachability(specs))
        if it.key.name not in ("web", "v2") or it.kind is not K.UNREACHED
    ]


def header(name: str, **match: Any) -> Any:
    return {"headers": [{"name": name, **match}]}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({}, []),
        ({"virtual-service/m/cart": {}},
         [(K.UNPROVIDED, "virtual-service/m/cart", "virtual-node/m/web"),
          (K.DEAD_END, "gateway-route/m/edge/all", "virtual-service/m/cart")]),
        ({"virtual-service/m/cart": None}, []),
        ({"virtual-service/m/idle": {}}, []),
        ({"route/m/r/first": split(priority=1, v1=1)},
         [(K.COVERED, "route/m/r/all", "route/m/r/first")]),
        ({"route/m/r/longer": split({"prefix": "/a"}, v1=1)}, []),
        ({"route/m/r/same": split(v1=1)}, [(K.COVERED, "route/m/r/same", "route/m/r/all")]),
        ({"route/m/r/post": split({"prefix": "/", "method": "POST"}, v1=1)}, []),
        ({"route/m/r/x": split({"prefix": "/", **header("a")}, 1, v1=1),
          "route/m/r/y": split({"prefix": "/b", **header("A", match={"exact": "1"})}, 2, v1=1)},
         [(K.COVERED, "route/m/r/y", "route/m/r/x")]),
        ({"route/m/r/tcp": {"tcpRoute": {"action": {"weightedTargets": []}}}},
         [(K.UNHEARD, "route/m/r/tcp", "virtual-router/m/r")]),
        ({"route/m/r/port": split({"prefix": "/a", "port": 81}, v1=1)},
         [(K.UNHEARD, "route/m/r/port", "virtual-router/m/r")]),
        ({"virtual-router/m/r": None, "route/m/r/port": split({"prefix": "/a", "port": 81}, v1=1)},
         []),
        ({"virtual-node/m/lost": node()}, [(K.UNREACHED, "virtual-node/m/lost", "None")]),
        ({"virtual-node/m/lost": None}, []),
        ({"virtual-node/m/web": node("cart", "gone")},
         [(K.UNDECLARED, "virtual-node/m/web", "virtual-service/m/gone")]),
        ({"gateway-route/m/edge/all": gateway_route("gone")},
         [(K.DEAD_END, "gateway-route/m/edge/all", "virtual-service/m/gone")]),
    ],
)  # fmt: skip
def test_an_edit_leaves_parts_without_requests(edit: dict[str, Any], expected: list[Any]) -> None:
    assert found(edit) == expected


def test_ports_and_hosts_keep_routes_apart() -> None:
    two = {
        "virtual-router/m/r": listening(80, 81),
        "route/m/r/all": split({"prefix": "/", "port": 80}, v1=1),
        "route/m/r/other": split({"prefix": "/", "port": 81}, 1, v1=1),
    }
    assert found(two) == []
    host, anywhere = gateway_route("cart"), gateway_route("cart")
    host["httpRoute"]["match"]["hostname"] = {"exact": "Shop.example"}  # type: ignore[index,call-overload]
    assert found({"gateway-route/m/edge/host": host, "gateway-route/m/edge/all": anywhere}) == []
    suffix = gateway_route("cart")
    suffix["httpRoute"]["match"]["hostname"] = {"suffix": "*.example"}  # type: ignore[index,call-overload]
    both = {"gateway-route/m/edge/host": host, "gateway-route/m/edge/suffix": suffix}
    assert found({**both, "virtual-service/m/cart": provided_by("virtualNode", "v1")}) == []
