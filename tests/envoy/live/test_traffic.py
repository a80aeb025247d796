"""Requests through live Envoys: retries, timeouts, and the shares of weights."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from amounts import FULL
from envoy.live.checks import Check, Request, Service, failures, mesh_of, planned
from envoy.live.network import CLIENT, LiveMesh, Network, live_mesh
from envoy.live.specs import http, node, once, retrying, timeout
from envoy.meshes import Specs, to_node

pytestmark = pytest.mark.unmeasured


def answered(status: int, attempts: int) -> dict[str, int]:
    return {"status": status, "attempts": attempts}


RETRIES = [
    Service(
        "server-error is retried",
        {"x": http("a", **retrying("server-error"))},
        [
            (planned("500,200"), answered(200, 2)),
            (planned("511,503,200", "POST"), answered(200, 3)),
            (planned("reset,200"), answered(200, 2)),
            (planned("404,200"), answered(404, 1)),
            (planned("500"), answered(500, 4)),
        ],
    ),
    Service(
        "gateway-error is retried",
        {"x": http("a", **retrying("gateway-error"))},
        [(planned("502,504,200"), answered(200, 3)), (planned("500,200"), answered(500, 1))],
    ),
    Service(
        "client-error is retried",
        {"x": http("a", **retrying("client-error"))},
        [(planned("409,200"), answered(200, 2)), (planned("400,200"), answered(400, 1))],
    ),
    Service(
        "stream-error retries no status",
        {"x": http("a", **retrying("stream-error"))},
        [(planned("503,200"), answered(503, 1))],
    ),
    Service(
        "connection-error goes to another host",
        {"x": http("half", **retrying("connection-error", kind="tcp"))},
        [(planned("200"), answered(200, 1))] * 4 + [(planned("503,200"), answered(503, 1))],
    ),
    Service(
        "No retries and no default policy",
        {"x": once("a")},
        [(planned("503,200"), answered(503, 1))],
    ),
    Service(
        "The default policy",
        {"x": http("a")},
        [
            (planned("503,503,200"), answered(200, 3)),
            (planned("503"), answered(503, 3)),
            (planned("reset,200", "POST"), answered(200, 2)),
            (planned("500,200"), answered(500, 1)),
        ],
    ),
    Service(
        "The default policy of a service of a node",
        {},
        [(planned("503,200"), answered(200, 2))],
        provider=to_node("a"),
    ),
    Service(
        "A timeout of each attempt",
        {
            "x": http(
                "a",
                **retrying("server-error", perRetryTimeout={"unit": "s", "value": 2}),
                **timeout("perRequest", 60, "s"),
            )
        },
        [(planned("hang,200"), {"status": 200})],
    ),
]

TIMEOUTS = [
    Service(
        "The timeout of a route",
        {"x": once("a", **timeout("perRequest", 300))},
        [(planned("hang"), {"status": 504, "content": "upstream request timeout"})],
    ),
    Service(
        "The timeout of a route includes its retries",
        {"x": http("a", **retrying("server-error"), **timeout("perRequest", 2, "s"))},
        [(planned("500,hang"), {"status": 504})],
    ),
    Service(
        "The timeout of an idle stream",
        {
            "x": once(
                "a",
                timeout={
                    "perRequest": {"unit": "s", "value": 0},
                    "idle": {"unit": "s", "value": 2},
                },
            )
        },
        [(planned("headers"), {"status": 0}), (planned("hang"), {"status": 504})],
    ),
]

WEIGHTS = Service("Weights", {"x": http("a:1", "b:3")}, [])
SUM = Service("A sum of 30", {"x": http("a:10", "b:10", "c:10")}, [])
DUPLICATES = Service("A target twice", {"x": http("a:1", "a:1", "b:2")}, [])


def shares(service: Service, requests: int, **bounds: range) -> Check:
    """Return a check of shares; a right share is outside of its bounds once in a billion runs."""

    def act(mesh: LiveMesh) -> Mapping[str, Any]:
        answers = [Request().send(mesh.network, service.host) for _ in range(requests)]
        found = Counter(answer.get("node") for answer in answers)
        return {name: found[name] in bounds[name] for name in bounds} | {"found": found}

    return Check(service.name, act, dict.fromkeys(bounds, True))


DEFAULT = Service("The timeout by default", {"x": once("a")}, [])
NO_TIMEOUT = Service("No timeout", {"x": once("a", **timeout("perRequest", 0, "s"))}, [])
SLOW = [DEFAULT, NO_TIMEOUT]


def waited(service: Service, limit: float) -> Callable[[LiveMesh], Mapping[str, Any]]:
    """Return a check of a request that gets no answer from its application."""

    def act(mesh: LiveMesh) -> Mapping[str, Any]:
        started = time.monotonic()
        answer = replace(planned("hang"), timeout=limit).send(mesh.network, service.host)
        return {**answer, "early": time.monotonic() - started < DEFAULT_SECONDS - 1}

    return act


DEFAULT_SECONDS = 15
SLOW_CHECKS = [
    Check("The timeout by default", waited(DEFAULT, 60), {"status": 504, "early": False}),
    # The test ends the request, long after the timeout by default would have.
    Check("No timeout", waited(NO_TIMEOUT, 40), {"status": 0, "early": False}),
]

HALF: Specs = {
    **node("half"),
    "serviceDiscovery": {"dns": {"hostname": "half.internal", "responseType": "ENDPOINTS"}},
}


@pytest.mark.process
@pytest.mark.sample(1)
def test_traffic(network: Network, record_property: Callable[[str, object], None]) -> None:
    # No application listens on the second address.
    network.names.records["half.internal"] = ["10.77.0.21", "10.77.0.70"]
    services = [*RETRIES, *TIMEOUTS, WEIGHTS, SUM, DUPLICATES]
    checks = [
        *(check for service in services for check in service.checks),
        shares(WEIGHTS, 150, a=range(8, 75), b=range(75, 143)),
        shares(SUM, 150, a=range(14, 95), b=range(14, 95), c=range(14, 95)),
        shares(DUPLICATES, 150, a=range(37, 114), b=range(37, 114), c=range(1)),
    ]
    if FULL:
        services += SLOW
        checks += SLOW_CHECKS
    with live_mesh(network, mesh_of(services, {"virtual-node/live/half": HALF}), CLIENT) as mesh:
        assert failures(mesh, checks) == []
    record_property("figure", f"envoy live by {network}: {len(checks)} checks of traffic")
