"""Routes as live Envoys follow them: weights, matches, order, and what has no route."""

from collections.abc import Callable

import pytest
from envoy.live.checks import Request, Service, failures, mesh_of
from envoy.live.network import CLIENT, Network, live_mesh
from envoy.live.specs import http
from envoy.meshes import Specs, to_node

pytestmark = pytest.mark.unmeasured

A, B, NONE = {"status": 200, "node": "a"}, {"status": 200, "node": "b"}, {"status": 404}


def get(path: str, **headers: str) -> Request:
    return Request(path, headers={name.replace("_", "-"): it for name, it in headers.items()})


def header(name: str, kind: str = "", value: object = None, *, invert: bool = False) -> Specs:
    match = {"match": {kind: value}} if kind else {}
    return {"headers": [{"name": name, **match, **({"invert": True} if invert else {})}]}


MATCHES = [
    Service(
        "A prefix is matched by character",
        {"x": http("a", prefix="/pre")},
        [(get("/pre"), A), (get("/prefix"), A), (get("/pre/x?y=/"), A), (get("/pr"), NONE)],
    ),
    Service(
        "An exact path is the whole path without the query",
        {"x": http("a", path={"exact": "/one"})},
        [(get("/one"), A), (get("/one?two"), A), (get("/one/"), NONE), (get("/on"), NONE)],
    ),
    Service(
        "A regular expression is for the whole path",
        {"x": http("a", path={"regex": "/v[0-9]+"})},
        [(get("/v12"), A), (get("/v12?q=x"), A), (get("/v12/x"), NONE), (get("/x/v1"), NONE)],
    ),
    Service(
        "A method",
        {"x": http("a", method="POST")},
        [(Request(method="POST", body=b"x"), A | {"body": "x"}), (get("/"), NONE)],
    ),
    Service(
        "A scheme",
        {"x": http("a", scheme="https")},
        [(get("/", x_forwarded_proto="https"), A), (get("/"), NONE)],
    ),
    Service(
        "A query parameter",
        {
            "x": http("a", queryParameters=[{"name": "one", "match": {"exact": "1"}}], priority=1),
            "y": http("b", queryParameters=[{"name": "two"}], priority=2),
        },
        [(get("/?one=1"), A), (get("/?one=2"), NONE), (get("/?two"), B), (get("/?z=1&two=x"), B)],
    ),
    Service(
        "An exact header",
        {"x": http("a", **header("X-Stage", "exact", "one"))},
        [(get("/", x_stage="one"), A), (get("/", x_stage="One"), NONE), (get("/"), NONE)],
    ),
    Service(
        "The prefix of a header",
        {"x": http("a", **header("x-stage", "prefix", "on"))},
        [(get("/", x_stage="one"), A), (get("/", x_stage="o"), NONE)],
    ),
    Service(
        "The suffix of a header",
        {"x": http("a", **header("x-stage", "suffix", "ne"))},
        [(get("/", x_stage="one"), A), (get("/", x_stage="n"), NONE)],
    ),
    Service(
        "A regular expression is for the whole header",
        {"x": http("a", **header("x-stage", "regex", "v[0-9]"))},
        [(get("/", x_stage="v1"), A), (get("/", x_stage="v12"), NONE)],
    ),
    Service(
        "A range of a header excludes its end",
        {"x": http("a", **header("x-stage", "range", {"start": 5, "end": 8}))},
        [
            (get("/", x_stage="5"), A),
            (get("/", x_stage="7"), A),
            (get("/", x_stage="8"), NONE),
            (get("/", x_stage="4"), NONE),
            (get("/", x_stage="x"), NONE),
        ],
    ),
    Service(
        "A header that is present",
        {"x": http("a", **header("x-stage"))},
        [(get("/", x_stage="x"), A), (get("/"), NONE)],
    ),
    Service(
        "A header that is absent",
        {"x": http("a", **header("x-stage", invert=True))},
        [(get("/", x_stage="x"), NONE), (get("/"), A)],
    ),
    Service(
        "An inverted header needs the header",
        {"x": http("a", **header("x-stage", "exact", "one", invert=True))},
        [(get("/", x_stage="two"), A), (get("/", x_stage="one"), NONE), (get("/"), NONE)],
    ),
    Service(
        "Paths are normalized",
        {"x": http("a", prefix="/in/")},
        [(get("/out/../in/x"), A | {"path": "/in/x"}), (get("//in///x"), A | {"path": "/in/x"})],
    ),
]

ORDER = [
    Service(
        "A lower priority number is first",
        {"x": http("a", priority=1), "y": http("b", prefix="/long", priority=2)},
        [(get("/long"), A)],
    ),
    Service(
        "A route without a priority is last",
        {"x": http("a", prefix="/long/path"), "y": http("b", priority=1000)},
        [(get("/long/path"), B)],
    ),
    Service(
        "At equal priority the longer path is first",
        {"x": http("a"), "y": http("b", prefix="/long")},
        [(get("/long"), B), (get("/lon"), A)],
    ),
    Service(
        "At equal paths more conditions are first",
        {"x": http("a"), "y": http("b", **header("x-stage"))},
        [(get("/", x_stage="x"), B), (get("/"), A)],
    ),
    Service(
        "Priority 0 is first",
        {"x": http("a", priority=0), "y": http("b", prefix="/x", priority=1)},
        [(get("/x"), A)],
    ),
    Service(
        "An exact path and a longer prefix",
        {"x": http("a", path={"exact": "/one"}), "y": http("b", prefix="/")},
        [(get("/one"), A), (get("/one/two"), B)],
    ),
]

EDGES = [
    Service("A router without routes", {}, [(get("/"), NONE)]),
    Service(
        "A weight of 0 gets nothing",
        {"x": http("a:0", "b:1")},
        [(get("/"), B)] * 8,
    ),
    Service("Weights that are all 0", {"x": http("a:0", "b:0")}, [(get("/"), {"status": 503})]),
    Service(
        "A service of a node",
        {},
        [(get("/x?y"), A | {"path": "/x?y"})],
        provider=to_node("a"),
    ),
    Service(
        "A host with its port",
        {"x": http("a")},
        [(Request(host="a-host-with-its-port.local:80"), A)],
    ),
]


@pytest.mark.process
@pytest.mark.sample(1)
def test_routes(network: Network, record_property: Callable[[str, object], None]) -> None:
    services = [*MATCHES, *ORDER, *EDGES]
    checks = [check for service in services for check in service.checks]
    with live_mesh(network, mesh_of(services), CLIENT) as mesh:
        assert failures(mesh, checks) == []
    record_property("figure", f"envoy live by {network}: {len(checks)} checks of routes")
