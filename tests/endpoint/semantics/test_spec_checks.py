"""Every rule of the table: kept by the samples, broken here, and worded with its place."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from endpoint.samples import HTTP_ROUTE, NAMES, ORDER, SECOND, SPECS, named, parameters

from reconciler.api import ListOf, Shape, Structure, load
from reconciler.endpoint import Behavior
from reconciler.endpoint.semantics.spec_checks import RULES, Call, violations_of_rules
from reconciler.endpoint.state.tables import Scope

ACTION = HTTP_ROUTE["action"]
TARGET = SPECS["GatewayRoute"]["httpRoute"]["action"]["target"]
NODE_LISTENER = SPECS["VirtualNode"]["listeners"][0]


def complaints_of(kind: str, spec: Mapping[str, Any] | None = None, **more: Any) -> list[str]:
    operation = named("create", kind)
    values = parameters(operation) | ({"spec": spec} if spec is not None else {}) | more
    call = Call(operation, Scope("000000000000", "us-east-1"), values)
    return [words for _, words in violations_of_rules(call, Behavior())]


def route(**match: Any) -> dict[str, Any]:
    return {"httpRoute": {"action": ACTION, "match": match}}


def gateway_route(match: Mapping[str, Any], **rewrite: Any) -> dict[str, Any]:
    action = {"target": TARGET, "rewrite": rewrite}
    return {"http2Route": {"action": action, "match": match}}


def grpc(**match: Any) -> dict[str, Any]:
    return {"grpcRoute": {"action": {"target": TARGET}, "match": match}}


def grpc_route(match: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"grpcRoute": {"action": ACTION, "match": match, **more}}


def node(**changes: Any) -> dict[str, Any]:
    return {**SPECS["VirtualNode"], "listeners": [{**NODE_LISTENER, **changes}]}


def without(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: it for key, it in value.items() if key != name}


ROOT = {"prefix": "/"}
RETRY = {"maxRetries": 1, "perRetryTimeout": SECOND}
BROKEN: list[tuple[str, dict[str, Any], str]] = [
    (
        "Route",
        {"httpRoute": HTTP_ROUTE, "http2Route": HTTP_ROUTE},
        "spec: must have exactly one of grpcRoute, http2Route, httpRoute, tcpRoute",
    ),
    (
        "Route",
        {"priority": 1},
        "spec: must have exactly one of grpcRoute, http2Route, httpRoute, tcpRoute",
    ),
    (
        "GatewayRoute",
        {},
        "spec: must have exactly one of grpcRoute, http2Route, httpRoute",
    ),
    (
        "Route",
        route(prefix="/", path={"exact": "/"}),
        "spec.httpRoute.match: must not have more than one of prefix, path",
    ),
    ("Route", route(prefix="v1"), "spec.httpRoute.match: prefix must begin with /"),
    (
        "Route",
        route(path={}),
        "spec.httpRoute.match.path: must have exactly one of exact, regex",
    ),
    (
        "Route",
        {"tcpRoute": {"action": {"weightedTargets": ACTION["weightedTargets"] * 2}}},
        "spec.tcpRoute.action: the weights must sum up to at most 100, not 200",
    ),
    (
        "Route",
        {"httpRoute": {**HTTP_ROUTE, "timeout": {"idle": {"unit": "s"}}}},
        "spec.httpRoute.timeout.idle: must have both of unit, value",
    ),
    (
        "Route",
        {"httpRoute": {**HTTP_ROUTE, "retryPolicy": RETRY}},
        "spec.httpRoute.retryPolicy: must have at least one of httpRetryEvents, tcpRetryEvents",
    ),
    (
        "Route",
        {"httpRoute": {**HTTP_ROUTE, "retryPolicy": {**RETRY, "httpRetryEvents": ["any"]}}},
        (
            "spec.httpRoute.retryPolicy: httpRetryEvents must be client-error or gateway-error"
            " or server-error or stream-error, not 'any'"
        ),
    ),
    (
        "Route",
        grpc_route({}, retryPolicy=RETRY),
        (
            "spec.grpcRoute.retryPolicy: must have at least one of grpcRetryEvents,"
            " httpRetryEvents, tcpRetryEvents"
        ),
    ),
    (
        "Route",
        grpc_route({"methodName": "Get"}),
        "spec.grpcRoute.match: methodName needs serviceName",
    ),
    (
        "GatewayRoute",
        gateway_route({"method": "GET"}),
        "spec.http2Route.match: must have at least one of prefix, path, hostname",
    ),
    (
        "GatewayRoute",
        gateway_route({"prefix": "/", "path": {"regex": "."}}),
        "spec.http2Route.match: must not have more than one of prefix, path",
    ),
    (
        "GatewayRoute",
        gateway_route({"hostname": {}}),
        "spec.http2Route.match.hostname: must have exactly one of exact, suffix",
    ),
    (
        "GatewayRoute",
        gateway_route({"prefix": "/aws-appmesh/x"}),
        "spec.http2Route.match: prefix must not begin with /aws-appmesh or /aws-app-mesh: reserved",
    ),
    (
        "GatewayRoute",
        grpc(),
        ("spec.grpcRoute.match: must have at least one of serviceName, hostname, metadata, port"),
    ),
    (
        "GatewayRoute",
        grpc(serviceName="aws.appmesh.v1"),
        (
            "spec.grpcRoute.match: serviceName must not begin with aws.app-mesh or aws.appmesh:"
            " reserved"
        ),
    ),
    (
        "GatewayRoute",
        gateway_route(ROOT, prefix={"value": "/"}, path={"exact": "/"}),
        "spec.http2Route.action.rewrite: must not have more than one of prefix, path",
    ),
    (
        "GatewayRoute",
        gateway_route(ROOT, prefix={}),
        "spec.http2Route.action.rewrite.prefix: must have exactly one of defaultPrefix, value",
    ),
    (
        "GatewayRoute",
        gateway_route(ROOT, prefix={"value": "/v1"}),
        "spec.http2Route.action.rewrite.prefix: value must begin and end with a slash",
    ),
    (
        "VirtualNode",
        node(connectionPool={"grpc": {"maxRequests": 1}}),
        "spec.listeners.0: connectionPool is for grpc, but the listener's protocol is http",
    ),
    (
        "VirtualNode",
        node(timeout={"tcp": {}}),
        "spec.listeners.0: timeout is for tcp, but the listener's protocol is http",
    ),
    (
        "VirtualNode",
        without(SPECS["VirtualNode"], "listeners"),
        "Service Discovery can't be set without a listener.",
    ),
    (
        "VirtualNode",
        without(SPECS["VirtualNode"], "serviceDiscovery"),
        "Listeners can't be set without a Service Discovery.",
    ),
]


@pytest.mark.parametrize("kind", ORDER)
def test_the_samples_keep_every_rule(kind: str) -> None:
    assert complaints_of(kind) == []


@pytest.mark.parametrize(("kind", "spec", "says"), BROKEN)
def test_a_spec_that_breaks_a_rule(kind: str, spec: dict[str, Any], says: str) -> None:
    before = deepcopy(spec)
    assert complaints_of(kind, spec) == [says]
    assert spec == before


def test_other_unusual_specs_are_allowed() -> None:
    assert complaints_of("Route", grpc_route({})) == []
    assert complaints_of("Route", grpc_route({"serviceName": "s", "methodName": "m"})) == []
    for match in ({"port": 80}, {"metadata": [{"name": "m"}]}, {"hostname": {"exact": "h"}}):
        assert complaints_of("GatewayRoute", grpc(**match)) == []
    assert complaints_of("VirtualNode", {}) == []
    assert complaints_of("VirtualRouter", {}) == []
    assert complaints_of("VirtualService", {}) == []
    zero = {"weightedTargets": [{"virtualNode": "checkout", "weight": 0}]}
    assert complaints_of("Route", {"tcpRoute": {"action": zero}}) == []


def test_names_of_services_and_routers() -> None:
    assert complaints_of("VirtualService", virtualServiceName="s" * 256) == [
        "virtualServiceName: must have 1 to 255 characters, not 256"
    ]
    assert complaints_of("Route", virtualRouterName="a.b") == [
        "virtualRouterName: may contain only letters, digits, hyphens and underscores"
    ]


def test_a_rule_is_about_shapes_that_there_are() -> None:
    judged = {"Request"}
    for operation in load().operations.values():
        judged.update(names_of(operation.request))
    assert RULES.keys() <= judged


def names_of(shape: Shape) -> Iterator[str]:
    if isinstance(shape, Structure):
        yield shape.name
        for member in shape.members.values():
            yield from names_of(member.shape)
    if isinstance(shape, ListOf):
        yield shape.name
        yield from names_of(shape.item)


def test_a_call_knows_whom_it_is_about() -> None:
    for operation in load().operations.values():
        call = Call(operation, Scope("0", "r"), parameters(operation, "Route"))
        expected = NAMES[operation.kind.path[-1]] if operation.kind else "v1"
        assert call.name == ("" if operation.action == "list" else expected)
