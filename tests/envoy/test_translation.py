"""Rules of the translation that span fields, and parts that are refused."""

from typing import Any

import pytest
from envoy.meshes import (
    Specs,
    backend,
    dns,
    gateway_route_spec,
    lines,
    listening,
    proxy,
    route_spec,
    shop,
    to_node,
    to_router,
    translated,
)

from reconciler.envoy.messages import Message
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.tls import StoredCertificate

A, B, G = "virtual-node/m/a", "virtual-node/m/b", "virtual-gateway/m/g"
FILES = {"file": {"certificateChain": "/c.pem", "privateKey": "/k.pem"}}
TRUST = {"file": {"certificateChain": "/ca.pem"}}
ARN = "arn:aws:acm:eu-west-1:1:certificate/1"


def hosts(config: ProxyConfig, table: str) -> dict[str, list[Message]]:
    found = config.route_tables[table]["virtual_hosts"]
    return {host["domains"][0]: host["routes"] for host in found}


def chains(config: ProxyConfig, listener: str) -> list[Message]:
    return [
        chain.get("filter_chain_match", {}) for chain in config.listeners[listener]["filter_chains"]
    ]


def tls(mode: str, certificate: Any = FILES) -> Specs:
    return {"tls": {"mode": mode, "certificate": certificate}}


def policy(**more: Any) -> Specs:
    return {"clientPolicy": {"tls": {"validation": {"trust": TRUST}, **more}}}


def caller(node: Specs, client: Specs, **more: Any) -> Message:
    """Return the cluster of b as a sees it."""
    mesh = shop(virtual_node__m__b={**listening("http", 80, **node), **dns("b")})
    mesh[A] = {**backend("s.local"), **client}
    return proxy(mesh, A, **more).clusters["cds_egress_m_b_http_80"]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("server", "client", "result"),
    [
        (tls("STRICT"), policy(), "validated"),
        (tls("PERMISSIVE"), policy(), "validated"),
        ({}, policy(), "validated"),
        (tls("DISABLED"), policy(enforce=True), "validated"),
        (tls("STRICT"), policy(enforce=False), "validated"),
        (tls("DISABLED"), policy(enforce=False), "plain"),
        ({}, policy(enforce=False), "plain"),
        (tls("STRICT"), None, "unvalidated"),
        (tls("STRICT"), policy(ports=[81]), "unvalidated"),
        ({}, None, "plain"),
        ({}, policy(ports=[81]), "plain"),
        (tls("STRICT", {"acm": {"certificateArn": ARN}}), None, "refused"),
        (tls("STRICT", {"acm": {"certificateArn": ARN}}), policy(), "validated"),
    ],
)
def test_client_and_server_agree_on_tls(server: Specs, client: Specs | None, result: str) -> None:
    cluster = caller(server, {"backendDefaults": client} if client else {})
    context = cluster.get("transport_socket", {}).get("typed_config", {}).get("common_tls_context")
    if result == "refused":
        assert cluster["load_assignment"]["endpoints"] == []
    elif result == "plain":
        assert context is None
        assert cluster["load_assignment"]["endpoints"]
    else:
        assert ("validation_context" in context) == (result == "validated")


def test_a_policy_that_cannot_be_translated_makes_no_connection() -> None:
    trust = {"acm": {"certificateAuthorityArns": [ARN, ARN[:-1] + "2"]}}
    client = {"backendDefaults": {"clientPolicy": {"tls": {"validation": {"trust": trust}}}}}
    assert caller({}, client)["load_assignment"]["endpoints"] == []
    different = {ARN: StoredCertificate("/1.pem"), ARN[:-1] + "2": StoredCertificate("/2.pem")}
    assert caller({}, client, acm=different)["load_assignment"]["endpoints"] == []
    same = dict.fromkeys(different, StoredCertificate(secret_name="ca"))
    assert "transport_socket" in caller({}, client, acm=same)


def test_names_of_secrets_and_hosts_must_be_usable() -> None:
    nameless = {"sds": {"secretName": ""}}
    client = {"backendDefaults": {"clientPolicy": {"tls": {"validation": {"trust": nameless}}}}}
    assert caller({}, client)["load_assignment"]["endpoints"] == []
    mesh = shop(virtual_node__m__b={**listening("http", 80), **dns("b" * 260)})
    mesh[A] = {**backend("s.local"), "backendDefaults": policy()}
    config = proxy(mesh, A)
    assert config.clusters["cds_egress_m_b_http_80"]["load_assignment"]["endpoints"] == []
    assert lines(config.losses) == [f"refuse {B}/listeners/0"]


def test_a_listener_with_a_certificate_of_acm_is_closed() -> None:
    acm = {"acm": {"certificateArn": ARN}}
    mesh = shop(virtual_node__m__a=listening("http", 80, **tls("STRICT", acm)))
    mesh[G] = listening("http", 80, **tls("STRICT", acm))
    configs = translated(mesh)
    assert not any("ingress" in name for name in [*configs[A].listeners, *configs[G].listeners])
    opened = translated(mesh, acm={ARN: StoredCertificate("/c.pem", "/k.pem")})
    assert "lds_ingress_0.0.0.0_15000" in opened[A].listeners


def test_two_policies_for_a_node_make_two_clusters() -> None:
    mesh = shop(virtual_service__m__u=to_node("b"))
    other = {"virtualService": {"virtualServiceName": "u", **policy()}}
    plain = {"virtualService": {"virtualServiceName": "s.local"}}
    mesh[A] = {"backends": [plain, other, {"virtualService": {"virtualServiceName": "s.local"}}]}
    config = proxy(mesh, A)
    names = [name for name in config.clusters if name.startswith("cds_egress_m_b_http_80")]
    assert len(names) == 2
    assert [name for name in names if "transport_socket" in config.clusters[name]] == names[1:]
    assert lines(config.losses) == [f"warn {A}/backends/2/virtualService"]


def test_a_port_has_one_tcp_service_or_http_services() -> None:
    mesh = shop(
        virtual_node__m__d={**listening("tcp", 80), **dns("d")},
        virtual_service__m__d=to_node("d"),
        virtual_node__m__e={**listening("tcp", 81), **dns("e")},
        virtual_service__m__e=to_node("e"),
    )
    mesh[A] = backend("s.local", "d", "e")
    config = proxy(mesh, A)
    assert lines(config.losses) == [f"refuse {A}/backends/1/virtualService"]
    assert "cds_egress_m_d_tcp_80" not in config.clusters
    assert {"destination_port": 81} in chains(config, "lds_egress_0.0.0.0_15001")


@pytest.mark.parametrize(("egress", "is_open"), [("ALLOW_ALL", True), ("DROP_ALL", False)])
def test_the_egress_filter_decides_about_the_rest(egress: str, *, is_open: bool) -> None:
    config = proxy(shop(mesh__m={"egressFilter": {"type": egress}}), A)
    assert ("*" in hosts(config, "rds_egress_http_80")) == is_open
    assert ("default_filter_chain" in config.listeners["lds_egress_0.0.0.0_15001"]) == is_open


def test_tcp_weights_of_zero_close_the_connection_even_under_allow_all() -> None:
    mesh = shop("tcp", mesh__m={"egressFilter": {"type": "ALLOW_ALL"}})
    mesh["route/m/r/x"]["tcpRoute"]["action"]["weightedTargets"][0]["weight"] = 0
    config = proxy(mesh, A)
    (chain, *_) = config.listeners["lds_egress_0.0.0.0_15001"]["filter_chains"]
    cluster = chain["filters"][0]["typed_config"]["cluster"]
    assert config.clusters[cluster]["load_assignment"]["endpoints"] == []
    assert lines(config.losses) == [
        "warn route/m/r/y/tcpRoute",
        "warn route/m/r/x/tcpRoute/action",
    ]


def test_a_tcp_service_may_be_a_node() -> None:
    mesh = shop("tcp", virtual_service__m__s_local=to_node("b"))
    mesh["virtual-service/m/s.local"] = to_node("b")
    mesh[B] = {
        **listening("tcp", 80, timeout={"tcp": {"idle": {"unit": "s", "value": 3}}}),
        **dns("b"),
    }
    (chain, *_) = proxy(mesh, A).listeners["lds_egress_0.0.0.0_15001"]["filter_chains"]
    fields = chain["filters"][0]["typed_config"]
    assert (fields["cluster"], fields["idle_timeout"]) == ("cds_egress_m_b_tcp_80", "3s")


def test_http_weights_of_zero_answer_503() -> None:
    mesh = shop()
    mesh["route/m/r/x"]["httpRoute"]["action"]["weightedTargets"][0]["weight"] = 0
    (_, last) = hosts(proxy(mesh, A), "rds_egress_http_80")["s.local"]
    assert last["direct_response"] == {"status": 503}


def test_a_refused_target_keeps_its_share() -> None:
    targets = [
        {"virtualNode": "b", "weight": 90},
        {"virtualNode": "gone", "weight": 5},
        {"virtualNode": "b", "weight": 0, "port": 99},
        {"virtualNode": "two", "weight": 4},
        {"virtualNode": "b", "weight": 1},
    ]
    mesh = shop(virtual_node__m__two={**listening("http", 1, 2), **dns("two")})
    mesh["route/m/r/x"] = {"httpRoute": {"match": {}, "action": {"weightedTargets": targets}}}
    config = proxy(mesh, A)
    route = hosts(config, "rds_egress_http_80")["s.local"][1]["route"]
    assert [(it["name"], it["weight"]) for it in route["weighted_clusters"]["clusters"]] == [
        ("cds_egress_m_b_http_80", 91),
        ("cds_egress_m_gone_refused", 5),
        ("cds_egress_m_b_refused", 0),
        ("cds_egress_m_two_refused", 4),
    ]
    assert config.clusters["cds_egress_m_gone_refused"]["load_assignment"]["endpoints"] == []
    at = "refuse route/m/r/x/httpRoute/action/weightedTargets"
    assert lines(config.losses) == [f"{at}/1/virtualNode", f"{at}/2/port", f"{at}/3"]


def test_routes_are_ordered_by_priority_then_by_the_length_of_their_path() -> None:
    mesh = shop()
    del mesh["route/m/r/y"]
    for name, prefix, priority in (
        ("d", "/a", None), ("c", "/aaa", None), ("b", "/", 0), ("a", "/aa", 7), ("e", "/a", None),
    ):  # fmt: skip
        spec = route_spec("http", "b", match={"prefix": prefix})
        mesh[f"route/m/r/{name}"] = {**spec, **({} if priority is None else {"priority": priority})}
    mesh["route/m/r/e"]["httpRoute"]["match"]["method"] = "GET"
    routes = hosts(proxy(mesh, A), "rds_egress_http_80")["s.local"]
    assert [route["name"] for route in routes] == ["b", "a", "c", "e", "d", "x"]


def test_routes_belong_to_the_ports_of_their_router() -> None:
    mesh = shop(virtual_router__m__r=listening("http", 80, 81))
    mesh["route/m/r/y"]["httpRoute"]["match"]["port"] = 81
    mesh["route/m/r/z"] = route_spec("http", "b", match={"prefix": "/", "port": 9})
    mesh["route/m/r/t"] = route_spec("tcp", "b")
    config = proxy(mesh, A)
    assert [it["name"] for it in hosts(config, "rds_egress_http_81")["s.local"]] == ["y"]
    assert hosts(config, "rds_egress_http_80")["s.local"] == []
    assert lines(config.losses) == [
        "warn route/m/r/t/tcpRoute",
        "warn route/m/r/z/httpRoute/match/port",
        "refuse route/m/r/t/tcpRoute/match",
        "refuse route/m/r/x/httpRoute/match",
    ]


def test_a_router_without_listeners_has_the_ports_of_its_targets() -> None:
    mesh = shop(virtual_router__m__r={})
    mesh["route/m/r/y"] = route_spec("http", "gone")
    assert "rds_egress_http_80" in proxy(mesh, A).route_tables


@pytest.mark.parametrize(
    ("service", "loss"),
    [
        ({}, "warn virtual-service/m/s.local/provider"),
        (to_node("gone"), "warn virtual-service/m/s.local/provider"),
        (to_router("gone"), "warn virtual-service/m/s.local/provider"),
    ],
)
def test_a_service_without_a_provider_cannot_be_reached(service: Specs, loss: str) -> None:
    mesh = shop()
    mesh["virtual-service/m/s.local"] = service
    configs = translated(mesh)
    at = f"{A}/backends/0/virtualService/virtualServiceName"
    assert lines(configs[A].losses) == [loss, f"warn {at}"]
    assert "warn gateway-route/m/g/x/httpRoute/action/target/virtualService/virtualServiceName" in (
        lines(configs[G].losses)
    )


def test_names_of_services_are_hosts_that_do_not_differ_in_case() -> None:
    mesh = shop(virtual_service__m__S=to_node("b"))
    mesh["virtual-service/m/S.local"] = to_node("b")
    mesh["virtual-service/m/no host"] = to_node("b")
    mesh[A] = backend(
        "absent", "s.local", "S.local", "no host", "arn:aws:appmesh:::mesh/m/virtualService/t.local"
    )
    config = proxy(mesh, A)
    assert [*hosts(config, "rds_egress_http_80")] == ["S.local", "t.local"]
    assert lines(config.losses)[1::2] == [
        "refuse virtual-service/m/s.local",
        "refuse virtual-service/m/no host",
    ]


def test_a_route_that_envoy_would_reject_is_left_out() -> None:
    for match, at in (
        ({"path": {"regex": "(?=a)"}}, "path/regex"),
        ({"prefix": "/", "headers": [{"name": "a b"}]}, "headers/0/name"),
        ({"prefix": "/", "queryParameters": [{"name": ""}]}, "queryParameters/0/name"),
        (
            {"prefix": "/", "headers": [{"name": "a", "match": {"regex": "("}}]},
            "headers/0/match/regex",
        ),
    ):
        mesh = shop()
        mesh["route/m/r/x"] = route_spec("http", "b", match=match)
        config = proxy(mesh, A)
        assert [it["name"] for it in hosts(config, "rds_egress_http_80")["s.local"]] == ["y"]
        assert lines(config.losses) == [f"refuse route/m/r/x/httpRoute/match/{at}"]


def test_a_grpc_method_needs_its_service() -> None:
    mesh = shop("grpc")
    mesh["route/m/r/x"] = route_spec("grpc", "b", match={"methodName": "Get"})
    assert lines(proxy(mesh, A).losses) == ["refuse route/m/r/x/grpcRoute/match"]


def test_retries_that_retry_nothing_are_left_out_and_unknown_events_are_ignored() -> None:
    timeout = {"unit": "ms", "value": 1500}
    base = {"perRetryTimeout": timeout, "maxRetries": 2}
    for retries, expected in (
        ({**base, "maxRetries": 0, "httpRetryEvents": ["server-error"]}, None),
        (base, None),
        ({**base, "httpRetryEvents": ["stream-error", "nonsense"]}, "refused-stream"),
    ):
        mesh = shop()
        mesh["route/m/r/x"] = route_spec("http", "b", retryPolicy=retries)
        config = proxy(mesh, A)
        found = hosts(config, "rds_egress_http_80")["s.local"][1]["route"].get("retry_policy")
        assert (found and found["retry_on"]) == expected
        assert len(config.losses) == ("nonsense" in str(retries))


def test_numbers_that_envoy_cannot_hold_are_bounded() -> None:
    mesh = shop()
    timeout = {"perRequest": {"unit": "s", "value": 2**62}}
    mesh["route/m/r/x"] = route_spec("http", "b", timeout=timeout)
    mesh[A]["listeners"][0]["connectionPool"] = {"http": {"maxConnections": 2**40}}
    config = proxy(mesh, A)
    route = hosts(config, "rds_egress_http_80")["s.local"][1]["route"]
    assert route["timeout"] == "315360000s"
    assert lines(config.losses) == [
        f"warn {A}/listeners/0/connectionPool/http/maxConnections",
        "warn route/m/r/x/httpRoute/timeout/perRequest",
    ]


def test_checks_and_detections_that_envoy_rejects_are_left_out() -> None:
    base = dict.fromkeys(
        ("healthyThreshold", "unhealthyThreshold", "intervalMillis", "timeoutMillis"), 2
    )
    duration = {"unit": "s", "value": 0}
    detection = {
        "maxServerErrors": 1,
        "maxEjectionPercent": 1,
        "interval": {"unit": "s", "value": 1},
    }
    for more, at in (
        ({"healthCheck": {**base, "protocol": "grpc"}}, "healthCheck/protocol"),
        ({"healthCheck": {**base, "protocol": "http", "path": "/\n"}}, "healthCheck/path"),
        (
            {"outlierDetection": {**detection, "baseEjectionDuration": duration}},
            "outlierDetection/baseEjectionDuration",
        ),
        (
            {
                "outlierDetection": {
                    **detection,
                    "interval": duration,
                    "baseEjectionDuration": duration,
                }
            },
            "outlierDetection/interval",
        ),
    ):
        mesh = shop(virtual_node__m__b={**listening("http", 80, **more), **dns("b")})
        config = proxy(mesh, A)
        assert f"refuse {B}/listeners/0/{at}" in lines(config.losses)
        assert not {"health_checks", "outlier_detection"} & {
            *config.clusters["cds_egress_m_b_http_80"]
        }


def test_health_checks_have_the_protocol_of_the_manifest() -> None:
    base = dict.fromkeys(
        ("healthyThreshold", "unhealthyThreshold", "intervalMillis", "timeoutMillis"), 2
    )
    for kind, field in (
        ("tcp", "tcp_health_check"), ("grpc", "grpc_health_check"), ("http2", "http_health_check"),
    ):  # fmt: skip
        check = {"healthCheck": {**base, "protocol": kind}}
        mesh = shop("grpc", virtual_node__m__b={**listening("grpc", 80, **check), **dns("b")})
        (found,) = proxy(mesh, A).clusters["cds_egress_m_b_grpc_80"]["health_checks"]
        assert field in found


def test_a_long_ejection_raises_its_maximum() -> None:
    detection = {
        "maxServerErrors": 1, "maxEjectionPercent": 1,
        "interval": {"unit": "s", "value": 1}, "baseEjectionDuration": {"unit": "s", "value": 301},
    }  # fmt: skip
    mesh = shop(
        virtual_node__m__b={**listening("http", 80, outlierDetection=detection), **dns("b")}
    )
    found = proxy(mesh, A).clusters["cds_egress_m_b_http_80"]["outlier_detection"]
    assert found["max_ejection_time"] == "301s"


def test_two_listeners_on_one_port_are_one() -> None:
    both = {"listeners": listening("http", 80)["listeners"] * 2}
    mesh = shop(virtual_node__m__a=both, virtual_gateway__m__g=both)
    configs = translated(mesh)
    assert f"refuse {A}/listeners/1/portMapping/port" in lines(configs[A].losses)
    assert f"refuse {G}/listeners/1/portMapping/port" in lines(configs[G].losses)


def test_permissive_tcp_warns_about_servers_that_send_first() -> None:
    mesh = shop("tcp", virtual_node__m__a=listening("tcp", 80, **tls("PERMISSIVE")))
    assert f"warn {A}/listeners/0/tls/mode" in lines(proxy(mesh, A).losses)


def test_a_node_without_discovery_gets_503() -> None:
    mesh = shop(virtual_node__m__b=listening("http", 80))
    config = proxy(mesh, A)
    assert config.clusters["cds_egress_m_b_http_80"]["load_assignment"]["endpoints"] == []
    assert f"warn {B}/serviceDiscovery" in lines(config.losses)


@pytest.mark.parametrize(
    ("preference", "attributes", "found"),
    [
        (None, {}, ["10.0.0.1", "10.0.0.2", "fd00::3"]),
        ("IPv4_ONLY", {}, ["10.0.0.1", "10.0.0.2"]),
        ("IPv6_ONLY", {}, ["fd00::1", "fd00::3"]),
        ("IPv6_PREFERRED", {}, ["10.0.0.2", "fd00::1", "fd00::3"]),
        ("IPv4_PREFERRED", {"one": "one"}, ["10.0.0.1"]),
        (None, {"one": "other"}, []),
    ],
)
def test_instances_are_chosen_by_attributes_and_preference(
    preference: str | None, attributes: dict[str, str], found: list[str]
) -> None:
    cloud_map: Specs = {"namespaceName": "one", "serviceName": "one"}
    cloud_map |= {"ipPreference": preference} if preference else {}
    cloud_map["attributes"] = [{"key": key, "value": value} for key, value in attributes.items()]
    mesh = shop()
    mesh[B]["serviceDiscovery"] = {"awsCloudMap": cloud_map}
    config = proxy(mesh, A)
    groups = config.endpoints["cds_egress_m_b_http_80"]["endpoints"]
    sockets = [
        it["endpoint"]["address"]["socket_address"]
        for it in (groups or [{"lb_endpoints": []}])[0]["lb_endpoints"]
    ]
    assert [socket["address"] for socket in sockets] == found
    assert (f"warn {B}/serviceDiscovery/awsCloudMap" in lines(config.losses)) == (not found)


def test_a_gateway_route_needs_the_port_of_a_service_with_several() -> None:
    mesh = shop(virtual_router__m__r=listening("http", 80, 81))
    for name in "xy":
        mesh[f"route/m/r/{name}"]["httpRoute"]["match"]["port"] = 80 if name == "x" else 81
    target = "gateway-route/m/g/x/httpRoute/action/target"
    assert f"refuse {target}" in lines(proxy(mesh, G).losses)
    mesh["gateway-route/m/g/x"] = gateway_route_spec("http", "s.local", target={"port": 7})
    assert f"refuse {target}/port" in lines(proxy(mesh, G).losses)
    mesh["gateway-route/m/g/x"] = gateway_route_spec("http", "s.local", target={"port": 81})
    config = proxy(mesh, G)
    entry = hosts(config, "rds_ingress_http_80")["*"][1]
    assert entry["request_headers_to_add"][0]["header"] == {
        "key": "x-app-mesh-target-port", "value": "81",
    }  # fmt: skip
    assert entry["request_headers_to_remove"] == ["x-app-mesh-virtual-service"]
    inside = hosts(config, "rds_egress_http_15001")["s.local"]
    assert [it["match"]["headers"][0]["string_match"]["exact"] for it in inside] == ["80", "81"]


def test_a_gateway_reaches_no_tcp_service() -> None:
    mesh = shop("tcp")
    assert "refuse gateway-route/m/g/x/httpRoute/action/target" in lines(proxy(mesh, G).losses)


def test_a_gateway_that_mixes_hosts_and_none_says_so() -> None:
    mesh = shop()
    mesh["gateway-route/m/g/x"] = gateway_route_spec(
        "http", "s.local", match={"hostname": {"exact": "A.example.com"}}
    )
    config = proxy(mesh, G)
    assert [*hosts(config, "rds_ingress_http_80")] == ["*", "a.example.com"]
    assert lines(config.losses) == ["info gateway-route/m/g/y/httpRoute/match"]


@pytest.mark.parametrize("kind", ["exact", "suffix"])
def test_a_host_that_no_request_can_have_is_refused(kind: str) -> None:
    mesh = shop()
    mesh["gateway-route/m/g/x"] = gateway_route_spec(
        "http", "s.local", match={"hostname": {kind: "a b"}}
    )
    at = f"gateway-route/m/g/x/httpRoute/match/hostname/{kind}"
    assert lines(proxy(mesh, G).losses) == [f"refuse {at}"]


@pytest.mark.parametrize(
    ("match", "rewrite", "expected"),
    [
        ({"prefix": "/x"}, {}, [("/x/", "/"), ("/x", "/")]),
        ({"prefix": "/x/"}, {}, [("/x/", "/")]),
        ({"prefix": "/x"}, {"prefix": {"value": "/y"}}, [("/x/", "/y/"), ("/x", "/y")]),
        ({"prefix": "/x"}, {"prefix": {"defaultPrefix": "DISABLED"}}, [("/x", None)]),
        ({"path": {"exact": "/x"}}, {"path": {"exact": "/y"}}, [("/x", "/y")]),
        ({"path": {"regex": "/x.*"}}, {"path": {"exact": "/y\\1"}}, [("/x.*", "/y\\\\1")]),
        ({"path": {"exact": "/x"}}, {"prefix": {"value": "/y/"}}, [("/x", None)]),
        ({"path": {"exact": "/x"}}, {}, [("/x", None)]),
    ],
)
def test_a_gateway_rewrites_paths(
    match: Specs, rewrite: Specs, expected: list[tuple[str, str | None]]
) -> None:
    mesh = shop()
    spec = gateway_route_spec("http", "s.local", rewrite=rewrite)
    spec["httpRoute"]["match"] = match
    mesh["gateway-route/m/g/x"] = spec
    routes = [it for it in hosts(proxy(mesh, G), "rds_ingress_http_80")["*"] if it["name"] == "x"]
    found = []
    for route in routes:
        path = route["match"].get("prefix") or route["match"].get("path")
        path = path or route["match"]["safe_regex"]["regex"]
        action = route["route"]
        found.append(
            (
                path,
                action.get("prefix_rewrite") or action.get("regex_rewrite", {}).get("substitution"),
            )
        )
    assert found == expected


def test_a_kept_host_is_told_by_a_header_that_clients_cannot_set() -> None:
    mesh = shop()
    rewrite = {"hostname": {"defaultTargetHostname": "DISABLED"}}
    mesh["gateway-route/m/g/x"] = gateway_route_spec("http", "s.local", rewrite=rewrite)
    config = proxy(mesh, G)
    entry = hosts(config, "rds_ingress_http_80")["*"]
    assert [it["request_headers_to_remove"] for it in entry] == [
        ["x-app-mesh-virtual-service", "x-app-mesh-target-port"],
        ["x-app-mesh-target-port"],
    ]
    inside = hosts(config, "rds_egress_http_15001")
    assert [*inside] == ["t.local", "s.local", "*"]
    for routes in inside.values():
        assert routes[0]["match"]["headers"][0]["string_match"] == {"exact": "s.local"}
        assert routes[0]["request_headers_to_remove"] == ["x-app-mesh-virtual-service"]


@pytest.mark.parametrize(
    ("values", "timeout", "idle"),
    [
        ([None], "15s", None),
        ([{"perRequest": 20}, None], "20s", None),
        ([{"perRequest": 20, "idle": 400}, {"perRequest": 0, "idle": 9}], "0s", "400s"),
        ([{"idle": 0}, None], "15s", "0s"),
        ([{"idle": 9}, None], "15s", "300s"),
        ([], "0s", None),
    ],
)
def test_a_gateway_waits_as_long_as_the_routes_behind_it(
    values: list[dict[str, int] | None], timeout: str, idle: str | None
) -> None:
    mesh = shop()
    del mesh["route/m/r/x"], mesh["route/m/r/y"]
    for number, value in enumerate(values):
        parts = {name: {"unit": "s", "value": it} for name, it in (value or {}).items()}
        mesh[f"route/m/r/{number}"] = route_spec("http", "b", timeout=parts)
    entry = hosts(proxy(mesh, G), "rds_ingress_http_80")["*"][1]["route"]
    assert (entry["timeout"], entry.get("idle_timeout")) == (timeout, idle)


def test_the_path_of_a_rewrite_has_no_control_characters() -> None:
    mesh = shop()
    rewrite = {"prefix": {"value": "/\n"}}
    mesh["gateway-route/m/g/x"] = gateway_route_spec("http", "s.local", rewrite=rewrite)
    at = "gateway-route/m/g/x/httpRoute/action/rewrite/prefix/value"
    assert lines(proxy(mesh, G).losses) == [f"refuse {at}"]


def test_a_gateway_uses_the_http_ports_of_a_service_with_a_tcp_port_too() -> None:
    mesh = shop()
    mesh["virtual-router/m/r"]["listeners"] += listening("tcp", 81)["listeners"]
    for name in "xy":
        mesh[f"route/m/r/{name}"]["httpRoute"]["match"]["port"] = 80
    mesh["gateway-route/m/g/x"] = gateway_route_spec("http", "s.local", target={"port": 80})
    assert len(hosts(proxy(mesh, G), "rds_egress_http_15001")["s.local"]) == 2


def test_a_tcp_route_of_an_http_router_has_no_effect() -> None:
    mesh = shop()
    mesh["route/m/r/y"] = route_spec("tcp", "b")
    config = proxy(mesh, A)
    assert [it["name"] for it in hosts(config, "rds_egress_http_80")["s.local"]] == ["x"]
    assert lines(config.losses) == ["warn route/m/r/y/tcpRoute"]
