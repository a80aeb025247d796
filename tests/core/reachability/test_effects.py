"""The sentences about the traffic that a change moves."""

from typing import Any

import pytest
from builders import (
    desired,
    egress,
    gateway_route,
    key,
    listening,
    plan,
    present,
    provided_by,
)

from reconciler.core.changes import detached_routes
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.traffic import traffic_by_change
from reconciler.core.reachability.effects import effects
from reconciler.core.reachability.model import Reachability
from reconciler.core.resources import LiveResource, Unlisted, Unreadable

Specs = dict[str, Any]


def node(*services: str, ports: tuple[int, ...] = (9,)) -> Any:
    backends = [{"virtualService": {"virtualServiceName": name}} for name in services]
    return {"backends": backends, **listening(*ports)}


def split(match: Any = None, priority: int | None = None, **weights: int) -> Any:
    targets = [{"virtualNode": name, "weight": weight} for name, weight in weights.items()]
    part = {"match": match or {"prefix": "/"}, "action": {"weightedTargets": targets}}
    return {"httpRoute": part, **({} if priority is None else {"priority": priority})}


BASE: Specs = {
    "mesh/m": {},
    "virtual-node/m/web": node("cart"),
    "virtual-node/m/v1": node(),
    "virtual-node/m/v2": node(),
    "virtual-router/m/r": listening(80),
    "route/m/r/all": split(v1=1),
    "virtual-service/m/cart": provided_by("virtualRouter", "r"),
    "virtual-gateway/m/edge": listening(8080),
    "gateway-route/m/edge/all": gateway_route("cart"),
}
NO_SPEC: Specs = {}


def effects_of(before: Specs, after: Specs) -> list[str]:
    changed = {key(it) for it in {*before, *after} if before.get(it) != after.get(it)}
    old, new = (
        Reachability({key(name): spec for name, spec in specs.items()}) for specs in (before, after)
    )
    return [f"{cause}: {text}" for cause, text in effects(old, new, changed)]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"route/m/r/all": split(v1=80, v2=20)},
         ["route/m/r/all: cart: v1 100 % -> 80 %, v2 0 % -> 20 %"]),
        ({"route/m/r/all": split(v2=1)}, ["route/m/r/all: cart: v1 100 % -> 0 %, v2 0 % -> 100 %"]),
        ({"route/m/r/all": split(v1=2)}, []),
        ({"route/m/r/all": split(v1=0)},
         ["route/m/r/all: cart no longer goes to v1",
          "route/m/r/all: web and edge can no longer call cart"]),
        ({"route/m/r/pay": split({"path": {"exact": "/pay"}, "method": "POST"}, v2=1)},
         ["route/m/r/pay: cart: POST /pay now goes to v2, no longer to v1"]),
        ({"route/m/r/pay": split({"prefix": "/pay"}, v1=3, v2=1)},
         ["route/m/r/pay: cart: /pay*: v1 100 % -> 75 %, v2 0 % -> 25 %"]),
        ({"route/m/r/first": split({"prefix": "/"}, 1, v2=1)},
         ["route/m/r/first: cart: v1 100 % -> 0 %, v2 0 % -> 100 %"]),
        ({"route/m/r/tie": split({"prefix": "/"}, v2=1)}, []),
        ({"route/m/r/all": split({"prefix": "/a"}, v1=1)},
         ["route/m/r/all: cart: part of /* no longer goes to v1"]),
        ({"route/m/r/all": split({"path": {"regex": "users/.*"}}, v1=1)},
         ["route/m/r/all: cart no longer goes to v1",
          "route/m/r/all: web and edge can no longer call cart"]),
        ({"route/m/r/all": split({"path": {"regex": "users"}}, v1=1)},
         ["route/m/r/all: cart no longer goes to v1",
          "route/m/r/all: web and edge can no longer call cart"]),
        ({"route/m/r/all": split({"path": {"regex": "users/[0-9]"}}, v1=1)},
         ["route/m/r/all: cart no longer goes to v1",
          "route/m/r/all: web and edge can no longer call cart"]),
        ({"mesh/m": egress("ALLOW_ALL")}, ["mesh/m: opens egress of 3 nodes"]),
        ({"mesh/m": egress("DROP_ALL")}, []),
        ({"virtual-node/m/web": node()}, ["virtual-node/m/web: web can no longer call cart"]),
        ({"virtual-node/m/v2": node("cart", "lost")},
         ["virtual-node/m/v2: v2 can now call cart"]),
        ({"virtual-node/m/web": None}, []),
        ({"virtual-node/m/v1": node(ports=())},
         ["virtual-node/m/v1: cart no longer goes to v1",
          "virtual-node/m/v1: web and edge can no longer call cart"]),
        ({"virtual-service/m/cart": None},
         ["virtual-service/m/cart: cart no longer goes to v1",
          "virtual-service/m/cart: web and edge can no longer call cart"]),
        ({"virtual-service/m/cart": provided_by("virtualNode", "v2")},
         ["virtual-service/m/cart: cart:9 now goes to v2:9",
          "virtual-service/m/cart: cart:80 no longer goes to v1",
          "virtual-service/m/cart: web and edge can now call cart on port 9",
          "virtual-service/m/cart: web and edge can no longer call cart on port 80"]),
        ({"virtual-router/m/r": listening(80, protocol="tcp")},
         ["virtual-router/m/r: web and edge can no longer call cart"]),
        ({"virtual-router/m/r": listening()}, []),
        ({"gateway-route/m/edge/all": None},
         ["gateway-route/m/edge/all: edge no longer goes to cart"]),
        ({"virtual-gateway/m/edge": listening(8081)},
         ["virtual-gateway/m/edge: edge:8080 no longer goes to cart",
          "virtual-gateway/m/edge: edge:8081 now goes to cart"]),
    ],
)  # fmt: skip
def test_an_edit_has_its_effects(edit: Specs, expected: list[str]) -> None:
    after = {name: spec for name, spec in {**BASE, **edit}.items() if spec is not None}
    assert effects_of(BASE, after) == expected


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"virtual-node/m/web": node()}, []),
        ({"virtual-node/m/v2": node("cart")}, []),
        ({"virtual-node/m/new": node("cart")}, ["virtual-node/m/new: new can now call cart"]),
        ({"mesh/m": egress("DROP_ALL"), "virtual-node/m/web": node()},
         ["mesh/m: closes egress of 3 nodes", "virtual-node/m/web: web can no longer call cart"]),
        ({"virtual-service/m/cart": None},
         ["virtual-service/m/cart: cart no longer goes to v1",
          "virtual-service/m/cart: edge can no longer call cart"]),
        ({"virtual-router/m/r": listening(81)},
         ["virtual-router/m/r: cart:80 no longer goes to v1",
          "virtual-router/m/r: cart:81 now goes to v1",
          "virtual-router/m/r: edge can now call cart on port 81",
          "virtual-router/m/r: edge can no longer call cart on port 80"]),
        ({"route/m/r/all": split(v1=0)},
         ["route/m/r/all: cart no longer goes to v1",
          "route/m/r/all: web and edge can no longer call cart"]),
    ],
)  # fmt: skip
def test_with_all_egress_a_node_calls_what_the_mesh_does_not_route(
    edit: Specs, expected: list[str]
) -> None:
    before = {**BASE, "mesh/m": egress("ALLOW_ALL")}
    after = {name: spec for name, spec in {**before, **edit}.items() if spec is not None}
    assert effects_of(before, after) == expected


def test_an_unknown_mesh_may_allow_all_egress() -> None:
    before = {**BASE, "mesh/m": None}
    assert effects_of(before, {**before, "virtual-node/m/web": node()}) == []


def test_a_new_mesh_says_where_its_traffic_goes() -> None:
    assert effects_of({}, BASE) == [
        "gateway-route/m/edge/all: edge now goes to cart",
        "route/m/r/all: cart now goes to v1",
        "virtual-node/m/web: web can now call cart",
    ]
    shared = {**BASE, "route/m/r/all": split(v1=1, v2=3)}
    assert "route/m/r/all: cart now goes to v1 25 % and v2 75 %" in effects_of({}, shared)


def test_routes_for_both_schemes_are_for_all_requests() -> None:
    def specs(target: str) -> Specs:
        http, https = ({"prefix": "/", "scheme": scheme} for scheme in ("http", "https"))
        edit = {
            "route/m/r/all": split(http, **{target: 1}),
            "route/m/r/tls": split(https, **{target: 1}),
        }
        return {**BASE, **edit}

    assert effects_of(specs("v1"), specs("v2")) == [
        "route/m/r/all: cart: v1 100 % -> 0 %, v2 0 % -> 100 %"
    ]


def test_many_callers_are_counted() -> None:
    before = {**BASE, **{f"virtual-node/m/n{it}": node("cart") for it in range(9)}}
    after = {**before, "virtual-service/m/cart": {}}
    assert effects_of(before, after)[-1] == (
        "virtual-service/m/cart: n0, n1, n2, n3, n4 and 6 more can no longer call cart"
    )


def test_unread_specs_have_no_effects() -> None:
    edit = {"route/m/r/all": split(v2=1)}
    for unread in ("virtual-router/m/r", "virtual-service/m/cart"):
        before = {**BASE, unread: None}
        assert effects_of(before, {**before, **edit}) == []
    before = {**BASE, "route/m/r/other": None}
    assert effects_of(before, {**before, **edit}) == []
    before = {**BASE, "mesh/m": None}
    assert effects_of(before, {**before, "mesh/m": egress("ALLOW_ALL")}) == []
    before = {**BASE, "virtual-node/m/web": None}
    assert effects_of(before, {**before, "virtual-service/m/cart": {}})[-1] == (
        "virtual-service/m/cart: edge can no longer call cart"
    )


def test_an_unread_target_gets_its_share() -> None:
    before = {**BASE, "virtual-node/m/v2": None}
    assert effects_of(before, {**before, "route/m/r/all": split(v2=1)}) == [
        "route/m/r/all: cart: v1 100 % -> 0 %, v2 0 % -> 100 %"
    ]


def test_mixed_protocols_of_http_have_no_documented_effect() -> None:
    grpc: Specs = {"grpcRoute": {"match": {}, "action": {"weightedTargets": []}}}
    assert effects_of(BASE, {**BASE, "route/m/r/all": grpc}) == []


def test_too_many_classes_of_requests_are_not_compared() -> None:
    headers = [{"name": f"h{number}"} for number in range(10)]
    one = split({"prefix": "/", "headers": headers}, v1=1)
    two = split({"prefix": "/", "headers": [{"name": f"i{number}"} for number in range(10)]}, v1=1)
    before = {**BASE, "route/m/r/one": one, "route/m/r/two": two}
    assert effects_of(before, {**before, "route/m/r/one": split(v2=1)}) == []


def test_no_caller_loses_a_service_whose_answers_are_uncertain() -> None:
    regex = split({"path": {"regex": "/v[12]"}}, 1, v1=1)
    blocked = split({"path": {"regex": "/v[12x]"}}, 0, v1=0)
    before = {**BASE, "route/m/r/all": regex, "route/m/r/none": blocked}
    assert effects_of(before, {**before, "virtual-service/m/cart": {}}) == []


def live(specs: Specs) -> list[LiveResource]:
    return [present(name, spec) for name, spec in specs.items()]


def planned(*edits: tuple[str, Any]) -> Any:
    after = {**BASE, **dict(edits)}
    wanted = [desired(name, spec) for name, spec in after.items() if spec is not None]
    return plan(*wanted, *live(BASE), guards=GuardSettings(policy=Policy.SYNC))


def test_a_plan_has_the_effects_of_its_changes() -> None:
    changes = planned(
        ("route/m/r/all", split(v2=1)), ("virtual-node/m/v3", node("cart")), ("mesh/m", None)
    ).changes
    assert traffic_by_change(changes, live(BASE), (), ()) == {
        "route/m/r/all": ("cart: v1 100 % -> 0 %, v2 0 % -> 100 %",),
        "virtual-node/m/v3": ("v3 can now call cart",),
    }


def test_a_detached_route_belongs_to_the_change_of_its_parent() -> None:
    grpc = {"grpcRoute": {"match": {}, "action": split(v2=1)["httpRoute"]["action"]}}
    changes = planned(
        ("virtual-router/m/r", listening(80, protocol="grpc")), ("route/m/r/all", grpc)
    ).changes
    (router,) = changes
    assert [it.attach.key for it in detached_routes(router)] == [key("route/m/r/all")]
    assert traffic_by_change(changes, live(BASE), (), ()) == {}


def test_a_plan_says_nothing_about_a_mesh_that_was_not_listed() -> None:
    changes = planned(("route/m/r/all", split(v2=1))).changes
    unlisted = Unlisted("virtual-node", key("m"), "timeout")
    assert traffic_by_change(changes, live(BASE), (), [unlisted]) == {}


def test_unread_resources_are_not_taken_for_absent() -> None:
    changes = planned(("route/m/r/all", split(v2=1))).changes
    others = [it for it in live(BASE) if it.key.name != "r"]
    unread = Unreadable(key("virtual-router/m/r"), "timeout")
    assert traffic_by_change(changes, [*others, unread], (), ()) == {}
    assert traffic_by_change(changes, live(BASE), [key("route/m/r/x")], ()) == {}
    elsewhere = [key("route/other/r/x")]
    assert traffic_by_change(changes, live(BASE), elsewhere, ())


def test_a_delete_has_an_effect_and_a_change_of_tags_has_none() -> None:
    removed = planned(("gateway-route/m/edge/all", None)).changes
    assert traffic_by_change(removed, live(BASE), (), ()) == {
        "gateway-route/m/edge/all": ("edge no longer goes to cart",)
    }
    tagged = plan(desired("m", {}, tags={"a": "b"}), present("m", {})).changes
    assert traffic_by_change(tagged, [present("m", {})], (), ()) == {}


def test_more_effects_than_a_reader_reads_are_counted() -> None:
    specs = {
        **BASE,
        **{f"virtual-service/m/s{it:02}": provided_by("virtualRouter", "r") for it in range(12)},
    }
    wanted = [
        desired(name, split(v2=1) if name == "route/m/r/all" else spec)
        for name, spec in specs.items()
    ]
    changes = plan(*wanted, *live(specs)).changes
    (lines,) = traffic_by_change(changes, live(specs), (), ()).values()
    assert len(lines) == 11
    assert lines[-1] == "and 3 more effects on traffic"
