"""Virtual gateways as live Envoys: hosts, matches, rewrites, ports and TLS at the edge."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from envoy.live.certificates import Keys
from envoy.live.checks import FRAME, GRPC, Check, Request, failures, mesh_of
from envoy.live.network import EDGE, PLAIN, Network, live_mesh
from envoy.live.specs import http, node
from envoy.meshes import Specs, gateway_route_spec, listening, to_node

pytestmark = pytest.mark.unmeasured

ADDRESS = "10.77.0.12"
NONE = {"status": 404}


def asked(path: str = "/", host: str = "any.example.com", port: int = 8080, **more: Any) -> Request:
    """Return a request to the gateway from a task without Envoy."""
    headers = {name.replace("_", "-"): it for name, it in more.pop("headers", {}).items()}
    return Request(path, host=host, port=port, address=ADDRESS, task=PLAIN, headers=headers, **more)


def reached(node: str, path: str = "/", host: str = "", **more: Any) -> Mapping[str, Any]:
    """Return the members of an answer; ``host`` is the one that the application got."""
    return {"status": 200, "node": node, "path": path, **({"host": host} if host else {}), **more}


def to(service: str, **more: Any) -> Specs:
    """Return the spec of a gateway route; ``more`` is its match, rewrite, target and priority."""
    priority = {"priority": more.pop("priority")} if "priority" in more else {}
    match = {"port": 8080, **more.pop("match", {})}
    spec = gateway_route_spec("http", service, match=match, **more)
    if "path" in match:
        del spec["httpRoute"]["match"]["prefix"]
    return {**spec, **priority}


KEEP_HOST = {"hostname": {"defaultTargetHostname": "DISABLED"}}
KEEP_PREFIX = {"prefix": {"defaultPrefix": "DISABLED"}}


def hosted(name: str, **match: Any) -> Specs:
    return {"hostname": {"exact": f"{name}.example.com"}, **match}


ROUTES: dict[str, tuple[Specs, list[tuple[Request, Mapping[str, Any]]]]] = {
    "any-host": (
        to("a.local", match={"prefix": "/any"}),
        [
            (asked("/any/x?y=1"), reached("a", "/x?y=1", "a.local")),
            (asked("/any"), reached("a", "/", "a.local")),
            (asked("/any", "host.example.com"), NONE),
        ],
    ),
    "host": (
        to("b.local", match=hosted("host", prefix="/in")),
        [
            (asked("/in/x", "host.example.com"), reached("b", "/x", "b.local")),
            (asked("/in", "HOST.example.com:80"), reached("b")),
            (asked("/in", "other.example.com"), NONE),
        ],
    ),
    "suffix": (
        to("c.local", match={"prefix": "/", "hostname": {"suffix": "suffix.example.com"}}),
        [
            (asked("/x", "one.suffix.example.com"), reached("c", "/x")),
            (asked("/x", "a.b.suffix.example.com"), reached("c", "/x")),
            (asked("/x", "suffix.example.com"), NONE),
        ],
    ),
    "keep-host": (
        to("b.local", match=hosted("kept", prefix="/"), rewrite=KEEP_HOST),
        [(asked("/x", "kept.example.com"), reached("b", "/x", "kept.example.com"))],
    ),
    "keep-prefix": (
        to("a.local", match=hosted("rewrites", prefix="/keep"), rewrite=KEEP_PREFIX),
        [(asked("/keep/x", "rewrites.example.com"), reached("a", "/keep/x"))],
    ),
    "value": (
        to(
            "a.local",
            match=hosted("rewrites", prefix="/old/"),
            rewrite={"prefix": {"value": "/new/"}},
        ),
        [(asked("/old/x?q=/old/", "rewrites.example.com"), reached("a", "/new/x?q=/old/"))],
    ),
    "value-without-slash": (
        to(
            "a.local",
            match=hosted("rewrites", prefix="/short"),
            rewrite={"prefix": {"value": "/new/"}},
        ),
        [
            (asked("/short/x", "rewrites.example.com"), reached("a", "/new/x")),
            (asked("/short", "rewrites.example.com"), reached("a", "/new/")),
        ],
    ),
    "exact-path": (
        to(
            "a.local",
            match=hosted("rewrites", path={"exact": "/exact"}),
            rewrite={"path": {"exact": "/other"}},
        ),
        [
            (asked("/exact?q=1", "rewrites.example.com"), reached("a", "/other?q=1")),
            (asked("/exact/x", "rewrites.example.com"), NONE),
        ],
    ),
    "regex-path": (
        to(
            "a.local",
            match=hosted("rewrites", path={"regex": "/v[0-9]+/.*"}),
            rewrite={"path": {"exact": "/any-version"}},
        ),
        [(asked("/v12/x?q=1", "rewrites.example.com"), reached("a", "/any-version?q=1"))],
    ),
    "path-without-rewrite": (
        to("a.local", match=hosted("rewrites", path={"exact": "/stays"})),
        [(asked("/stays?q", "rewrites.example.com"), reached("a", "/stays?q"))],
    ),
}

MORE: dict[str, tuple[Specs, list[tuple[Request, Mapping[str, Any]]]]] = {
    "method": (
        to("a.local", match=hosted("matches", prefix="/m", method="PUT")),
        [
            (asked("/m", "matches.example.com", method="PUT"), reached("a", method="PUT")),
            (asked("/m", "matches.example.com"), NONE),
        ],
    ),
    "query": (
        to(
            "a.local",
            match=hosted(
                "matches", prefix="/q", queryParameters=[{"name": "one", "match": {"exact": "1"}}]
            ),
        ),
        [
            (asked("/q?one=1", "matches.example.com"), reached("a", "/?one=1")),
            (asked("/q?one=2", "matches.example.com"), NONE),
        ],
    ),
    "header": (
        to(
            "b.local",
            match=hosted(
                "matches", prefix="/h", headers=[{"name": "X-Stage", "match": {"exact": "one"}}]
            ),
            priority=1,
        ),
        [(asked("/h", "matches.example.com", headers={"x_stage": "one"}), reached("b"))],
    ),
    "no-header": (
        to("a.local", match=hosted("matches", prefix="/h"), priority=2),
        [(asked("/h", "matches.example.com"), reached("a"))],
    ),
    "port": (
        to("ports.local", match=hosted("ports", prefix="/one"), target={"port": 8001}),
        [(asked("/one/x", "ports.example.com"), reached("a", "/x", "ports.local"))],
    ),
    "other-port": (
        to(
            "ports.local",
            match=hosted("ports", prefix="/two"),
            target={"port": 8002},
            rewrite=KEEP_HOST,
        ),
        [
            (
                asked("/two", "ports.example.com", headers={"x_app_mesh_target_port": "8001"}),
                reached("b", "/", "ports.example.com"),
            )
        ],
    ),
    "other-listener": (
        to("c.local", match={"prefix": "/", "port": 8081}),
        [
            (asked("/x", port=8081), reached("c", "/x")),
            (asked("/x", "new.example.com", 8081), reached("c", "/x")),
        ],
    ),
    "secured": (to("c.local", match={"prefix": "/", "port": 8443}), []),
    "grpc": (
        gateway_route_spec("grpc", "grpc.local", match={"port": 8082, "serviceName": "echo.Echo"}),
        [],
    ),
}
# The API allows ten routes of a gateway by default, which is a warning only.
ALL = ROUTES | MORE


def services() -> Specs:
    """Return the services: of a node each, of two ports, and of gRPC."""
    two = {
        "listeners": [{"portMapping": {"port": port, "protocol": "http"}} for port in (8001, 8002)]
    }
    return {
        **{f"virtual-service/live/{name}.local": to_node(name) for name in "abc"},
        "virtual-router/live/ports": two,
        "route/live/ports/one": http("a", port=8001),
        "route/live/ports/two": http("b", port=8002),
        "virtual-service/live/ports.local": {
            "provider": {"virtualRouter": {"virtualRouterName": "ports"}}
        },
        "virtual-node/live/a-grpc": node("a", "grpc", 50051),
        "virtual-service/live/grpc.local": to_node("a-grpc"),
    }


def edge(keys: Keys) -> Specs:
    tls = {"tls": {"mode": "STRICT", "certificate": {"file": keys.server}}}
    parts = [
        listening("http", 8080, 8081),
        listening("grpc", 8082),
        listening("http", 8443, **tls),
    ]
    return {"listeners": [listener for part in parts for listener in part["listeners"]]}


def checks_of(name: str) -> list[Check]:
    found = []
    for number, (request, expected) in enumerate(ALL[name][1], 1):

        def act(mesh: Any, request: Request = request) -> Mapping[str, Any]:
            answer = request.send(mesh.network)
            headers = answer.get("headers", {})
            leaked = sorted(header for header in headers if header.startswith("x-app-mesh"))
            return {**answer, "host": headers.get("host"), "leaked": leaked}

        found.append(Check(f"{name} ({number})", act, {"leaked": [], **expected}))
    return found


@pytest.mark.process
@pytest.mark.sample(1)
def test_gateways(network: Network, record_property: Callable[[str, object], None]) -> None:
    keys = Keys(network.root)
    specs = mesh_of([], services())
    specs["virtual-gateway/live/edge"] = edge(keys)
    specs |= {f"gateway-route/live/edge/{name}": spec for name, (spec, _) in ALL.items()}
    secured = asked(port=8443, tls=keys.context(), server_name="server.internal")
    call = asked("/echo.Echo/Unary", port=8082, method="POST", headers=GRPC, body=FRAME)
    forged = asked("/x", headers={"x_app_mesh_virtual_service": "b.local"})

    def check(name: str, request: Request, expected: Mapping[str, Any]) -> Check:
        return Check(name, lambda mesh: request.send(mesh.network), expected)

    checks = [
        *(check for name in ALL for check in checks_of(name)),
        check("No route", asked("/none"), NONE),
        check("TLS", secured, {"status": 200, "node": "c"}),
        check("Plain text to TLS", asked(port=8443), {"status": 0}),
        check("gRPC", call, {"status": 200, "<x-node": "a"}),
        check("A forged service", forged, NONE),
        check("A forged service on another listener",
              asked("/x", port=8081, headers={"x_app_mesh_virtual_service": "b.local"}),
              {"status": 200, "node": "c"}),
        check("The inner listener", asked(port=15001, host="a.local"), {"status": 0}),
    ]  # fmt: skip
    with live_mesh(network, specs, EDGE) as mesh:
        assert failures(mesh, checks) == []
    record_property("figure", f"envoy live by {network}: {len(checks)} checks of gateways")
