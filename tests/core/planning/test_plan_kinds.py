"""What contains what, what names what, and in which order all of it comes and goes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import (
    NOW,
    SYNC,
    desired,
    gateway_route,
    key,
    listening,
    plan,
    present,
    provided_by,
    route,
)

from reconciler.core.changes import Adopt, Create, Delete, ReasonCode, Update
from reconciler.core.kinds import KINDS, parent_of, referenced_keys
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import (
    Desired,
    Json,
    Key,
    LiveResource,
    Spec,
    Suspension,
    Unlisted,
    Unreadable,
)

MANY = GuardSettings(policy=Policy.SYNC, max_deletes=99)
GRAPH: dict[str, Spec | None] = {
    "m": None,
    "virtual-node/m/n": {},
    "virtual-router/m/r": listening(80),
    "route/m/r/x": route("n"),
    "virtual-service/m/s": provided_by("virtualRouter", "r"),
    "virtual-gateway/m/g": listening(80),
    "gateway-route/m/g/y": gateway_route("s"),
}


def wanted(*names: str) -> list[Desired]:
    return [desired(name, GRAPH[name]) for name in names or GRAPH]


def live(*names: str) -> list[LiveResource]:
    chosen = names or tuple(GRAPH)
    return [present(name, GRAPH[name], applied=desired(name, GRAPH[name])) for name in chosen]


def keys(made: Plan) -> list[str]:
    return [str(change.key) for change in made.changes]


def test_a_graph_comes_up_from_what_holds_to_what_is_held() -> None:
    assert keys(plan(*reversed(wanted()))) == [
        "mesh/m",
        "virtual-node/m/n",
        "virtual-router/m/r",
        "route/m/r/x",
        "virtual-service/m/s",
        "virtual-gateway/m/g",
        "gateway-route/m/g/y",
    ]


def test_it_is_torn_down_the_other_way_round() -> None:
    made = plan(*live(), guards=GuardSettings(policy=Policy.SYNC, max_deletes=7, allow_empty=True))
    assert keys(made) == list(reversed(keys(plan(*wanted()))))


def test_one_delete_too_many_deletes_nothing_of_any_kind() -> None:
    withheld = plan(
        *live(), guards=GuardSettings(policy=Policy.SYNC, max_deletes=6, allow_empty=True)
    )
    assert withheld.changes == ()
    (why,) = {item.reason for item in withheld.withheld}
    assert why == ("7 deletes exceed --max-deletes 6, so nothing is deleted: pass --max-deletes 7")


def test_an_unchanged_graph_stays() -> None:
    made = plan(*wanted(), *live())
    assert (made.changes, made.withheld) == ((), ())
    assert len(made.unchanged) == 7


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        ("mesh/m", None),
        ("virtual-service/m/s", "mesh/m"),
        ("route/m/r/x", "virtual-router/m/r"),
        ("gateway-route/m/g/y", "virtual-gateway/m/g"),
    ],
)
def test_every_kind_knows_what_contains_it(text: str, parent: str | None) -> None:
    assert parent_of(key(text)) == (None if parent is None else key(parent))


def test_what_a_spec_names_is_each_named_once() -> None:
    found = referenced_keys(key("route/m/r/x"), route("a", "b", "a"))
    assert found == (key("virtual-node/m/a"), key("virtual-node/m/b"))
    assert referenced_keys(key("virtual-node/m/n"), {"backends": [{"virtualService": {}}]}) == ()
    assert (
        referenced_keys(key("route/m/r/x"), {"httpRoute": {"action": {"weightedTargets": 7}}}) == ()
    )
    assert referenced_keys(key("route/m/r/x"), {"httpRoute": "odd"}) == ()
    assert (
        referenced_keys(
            key("virtual-service/m/s"), {"provider": {"virtualNode": {"virtualNodeName": 1}}}
        )
        == ()
    )


def test_what_is_in_a_shared_mesh_names_what_is_in_it_too() -> None:
    shared = Key("route", ("m", "r", "x"), "999999999999")
    assert str(shared) == "route/m@999999999999/r/x"
    assert parent_of(shared) == Key("virtual-router", ("m", "r"), "999999999999")
    assert referenced_keys(shared, route("n")) == (Key("virtual-node", ("m", "n"), "999999999999"),)


@pytest.mark.parametrize("kind", ["virtual-gateway", "gateway-route"])
def test_s06_only_the_owner_of_a_mesh_has_gateways_in_it(kind: str) -> None:
    path = ("m", "g", "y")[: 3 if kind == "gateway-route" else 2]
    desired_resource = desired("x")
    made = plan(Desired(Key(kind, path, "999999999999"), {}, {}, desired_resource.origin))
    (withheld,) = made.withheld
    assert withheld.reason_code is ReasonCode.FOREIGN
    assert "999999999999" in withheld.reason
    assert KINDS[kind].owner_only


def test_s06_what_is_in_a_mesh_of_another_account_waits_for_that_mesh() -> None:
    shared = Desired(Key("virtual-node", ("m", "n"), "999999999999"), {}, {}, desired("x").origin)
    assert keys(plan(shared, others=("mesh/m@999999999999",))) == ["virtual-node/m@999999999999/n"]
    assert keys(plan(shared, gaps=(Unlisted("mesh", shared.key, "403"),))) == [
        "virtual-node/m@999999999999/n"
    ]
    (withheld,) = plan(shared).withheld
    assert withheld.reason_code is ReasonCode.WAITING
    assert withheld.reason == (
        "it needs mesh/m@999999999999, which does not exist: account 999999999999 has to create "
        "it and share it with this account"
    )


def test_what_lacks_what_it_needs_waits_and_so_does_what_needs_it() -> None:
    made = plan(*wanted("m", "route/m/r/x", "virtual-service/m/s", "virtual-gateway/m/g"))
    assert keys(made) == ["mesh/m", "virtual-gateway/m/g"]
    whys = {str(withheld.key): withheld.reason for withheld in made.withheld}
    assert {withheld.reason_code for withheld in made.withheld} == {ReasonCode.WAITING}
    assert whys["route/m/r/x"].startswith("it needs virtual-router/m/r, which does not exist")
    assert whys["virtual-service/m/s"].startswith("it needs virtual-router/m/r")


def test_what_others_have_is_there() -> None:
    made = plan(*wanted("route/m/r/x"), others=("m", "virtual-router/m/r", "virtual-node/m/n"))
    assert keys(made) == ["route/m/r/x"]


def test_where_lists_failed_nobody_says_what_is_not_there() -> None:
    assert keys(
        plan(*wanted("virtual-node/m/n"), gaps=(Unlisted("virtual-node", key("m"), "403"),))
    ) == ["virtual-node/m/n"]


def test_a_node_that_a_route_still_uses_is_not_deleted() -> None:
    made = plan(*wanted("m", "virtual-router/m/r", "route/m/r/x"), *live(), guards=MANY)
    (withheld,) = [item for item in made.withheld if item.key == key("virtual-node/m/n")]
    assert withheld.reason_code is ReasonCode.GUARD
    assert withheld.reason == "it is needed by route/m/r/x, which is kept"
    assert keys(made) == ["gateway-route/m/g/y", "virtual-gateway/m/g", "virtual-service/m/s"]


def test_a_node_that_a_route_is_led_away_from_is_deleted_last() -> None:
    rest = wanted("m", "virtual-router/m/r", "virtual-service/m/s")
    made = plan(
        *rest,
        desired("virtual-node/m/new", {}),
        desired("route/m/r/x", route("new")),
        *live("m", "virtual-node/m/n", "virtual-router/m/r", "route/m/r/x", "virtual-service/m/s"),
        guards=SYNC,
    )
    assert keys(made) == ["virtual-node/m/new", "route/m/r/x", "virtual-node/m/n"]
    assert [type(change) for change in made.changes] == [Create, Update, Delete]


def test_a_service_moves_from_a_node_to_a_router() -> None:
    made = plan(
        *wanted("m", "virtual-router/m/r", "virtual-service/m/s"),
        desired("virtual-node/m/kept", {}),
        desired("route/m/r/x", route("kept")),
        *live("m", "virtual-node/m/n"),
        present("virtual-service/m/s", provided_by("virtualNode", "n")),
        guards=SYNC,
    )
    assert keys(made) == [
        "virtual-node/m/kept",
        "virtual-router/m/r",
        "route/m/r/x",
        "virtual-service/m/s",
        "virtual-node/m/n",
    ]


def test_a_mesh_with_something_of_others_in_it_is_not_deleted_and_they_are_named() -> None:
    made = plan(
        *live("m"),
        desired("kept"),
        others=("virtual-node/m/a", "virtual-node/m/b"),
        guards=SYNC,
    )
    (withheld,) = made.withheld
    assert withheld.reason == "it is needed by virtual-node/m/a, virtual-node/m/b, which are kept"


def test_of_very_many_the_rest_is_counted() -> None:
    names = tuple(f"virtual-node/m/n{number:03}" for number in range(60))
    (withheld,) = plan(*live("m"), desired("kept"), others=names, guards=SYNC).withheld
    assert "n049 and 10 more, which are kept" in withheld.reason


def _list(spec: Spec) -> list[Json]:
    listeners = spec["listeners"]
    assert isinstance(listeners, list)
    return listeners


def router(*ports: int, protocol: str = "http") -> list[Desired]:
    return [
        *wanted("m", "virtual-node/m/n"),
        desired("virtual-router/m/r", listening(*ports, protocol=protocol)),
    ]


STACK = {"aws:cloudformation:stack-name": "mesh"}
STANDING = live("m", "virtual-node/m/n", "virtual-router/m/r", "route/m/r/x")


def test_a_route_that_gets_its_port_goes_before_the_second_listener() -> None:
    made = plan(*router(80, 81), desired("route/m/r/x", route("n", port=80)), *STANDING)
    assert keys(made) == ["route/m/r/x", "virtual-router/m/r"]
    assert made.changes[1].detached == ()  # type: ignore[union-attr]  # it is an update


def test_a_route_that_goes_makes_way_first() -> None:
    made = plan(*router(80, 81), *STANDING, guards=SYNC)
    assert keys(made) == ["route/m/r/x", "virtual-router/m/r"]
    assert isinstance(made.changes[0], Delete)


def test_a_listener_in_use_changes_its_protocol_around_a_detached_route() -> None:
    made = plan(*router(80, protocol="grpc"), *wanted("route/m/r/x"), *STANDING)
    (change,) = made.changes
    assert isinstance(change, Update)
    (way,) = change.detached
    assert way.detach.key == way.attach.key == key("route/m/r/x")
    assert (way.attach.spec, way.restore.spec) == (route("n"), route("n"))
    assert key("route/m/r/x") not in made.unchanged
    assert key("route/m/r/x") in made.keys
    assert len(set(made.keys)) == len(made.keys)


def test_a_detached_route_comes_back_as_its_manifest_has_it() -> None:
    new = route("n", prefix="/new")
    made = plan(*router(80, protocol="grpc"), desired("route/m/r/x", new), *STANDING)
    (change,) = made.changes
    (way,) = change.detached  # type: ignore[union-attr]  # it is an update
    assert (way.attach.spec, way.restore.spec) == (new, route("n"))
    other = plan(*router(80, protocol="grpc"), *wanted("route/m/r/x"), *STANDING)
    assert made.fingerprint != other.fingerprint


def test_a_node_that_a_detached_route_is_led_away_from_is_deleted() -> None:
    made = plan(
        *wanted("m"),
        *router(80, protocol="grpc")[-1:],
        desired("virtual-node/m/new", {}),
        desired("route/m/r/x", route("new")),
        *STANDING,
        guards=SYNC,
    )
    assert keys(made) == ["virtual-node/m/new", "virtual-router/m/r", "virtual-node/m/n"]
    assert made.withheld == ()


def test_what_could_not_be_attached_again_is_not_detached() -> None:
    made = plan(
        *router(80, protocol="grpc"), desired("route/m/r/x", route("n", "missing")), *STANDING
    )
    assert made.changes == ()
    (withheld,) = made.withheld
    assert (withheld.key, withheld.reason_code) == (key("virtual-router/m/r"), ReasonCode.WAITING)
    assert withheld.reason.startswith("it needs virtual-node/m/missing, which does not exist")
    assert key("route/m/r/x") in made.keys


def test_a_route_of_another_port_stays_where_it_is() -> None:
    there = present("route/m/r/x", route("n", port=80), applied=desired("x"))
    holder = present("virtual-router/m/r", listening(80, 81))
    both = [*_list(listening(80)), *_list(listening(81, protocol="grpc"))]
    made = plan(
        *wanted("m", "virtual-node/m/n"),
        desired("route/m/r/x", route("n", port=80)),
        desired("virtual-router/m/r", {"listeners": both}),
        *live("m", "virtual-node/m/n"),
        there,
        holder,
    )
    (change,) = made.changes
    assert isinstance(change, Update)
    assert change.detached == ()


@pytest.mark.parametrize(
    ("standing", "wish", "word"),
    [
        (
            present("route/m/r/x", route("n"), owner="other"),
            wanted("route/m/r/x"),
            "is owned by other",
        ),
        (
            present("route/m/r/x", route("n"), owner=None),
            wanted("route/m/r/x"),
            "is unowned",
        ),
        (
            live("route/m/r/x")[0],
            [desired("route/m/r/x", route("n"), protect=True)],
            "is protected",
        ),
        (
            present(
                "route/m/r/x", route("n"), applied=desired("route/m/r/x", route("n"), protect=True)
            ),
            [],
            "has no manifest",
        ),
        (live("route/m/r/x")[0], [], "has no manifest"),
        (
            replace(live("route/m/r/x")[0], tags=STACK | dict(live("route/m/r/x")[0].tags)),
            wanted("route/m/r/x"),
            "has fields or tags that only the service can write",
        ),
        (
            replace(live("route/m/r/x")[0], unknown=("/httpRoute/new",)),
            wanted("route/m/r/x"),
            "has fields or tags that only the service can write",
        ),
        (Unreadable(key("route/m/r/x"), "403"), wanted("route/m/r/x"), "could not be read"),
    ],
    ids=[
        "another's",
        "nobody's",
        "protected",
        "protected orphan",
        "orphan",
        "of a stack",
        "unknown field",
        "unreadable",
    ],
)
def test_what_cannot_make_way_withholds_the_change(
    standing: LiveResource | Unreadable, wish: list[Desired], word: str
) -> None:
    made = plan(*router(80, protocol="grpc"), *wish, *STANDING[:3], standing)
    (withheld,) = [item for item in made.withheld if item.key == key("virtual-router/m/r")]
    assert withheld.reason_code is ReasonCode.GUARD
    assert withheld.reason.startswith("its listeners cannot be changed: route/m/r/x ")
    assert word in withheld.reason


def test_a_route_that_would_match_no_port_withholds_the_second_listener() -> None:
    made = plan(*router(80, 81), *wanted("route/m/r/x"), *STANDING)
    (withheld,) = made.withheld
    assert withheld.reason.endswith("route/m/r/x has no port in its match")


def test_what_only_the_new_listeners_would_hear_waits_with_them() -> None:
    grpc: Spec = {"grpcRoute": {"action": {"weightedTargets": [{"virtualNode": "n", "weight": 1}]}}}
    made = plan(
        *router(80, 81, protocol="grpc"),
        desired("route/m/r/x", {**grpc, "priority": 1}),
        desired("route/m/r/heard", route("n", prefix="/other")),
        desired("route/m/r/of-the-second", route("n", port=81)),
        *STANDING,
        others=("route/m/r/theirs",),
    )
    assert keys(made) == ["route/m/r/heard"]
    withheld = {str(item.key): item.reason for item in made.withheld}
    assert withheld.keys() == {"virtual-router/m/r", "route/m/r/x", "route/m/r/of-the-second"}
    assert withheld["route/m/r/x"] == (
        "it needs the listeners of virtual-router/m/r, which cannot be changed"
    )


def test_a_route_that_is_left_alone_does_not_make_way() -> None:
    pause = Suspension(NOW + timedelta(days=1), "load test")
    waiting = desired("route/m/r/x", route("n", prefix="/new"), suspend=pause)
    made = plan(*router(80, protocol="grpc"), waiting, *STANDING)
    withheld = {str(item.key): item.reason for item in made.withheld}
    assert withheld["virtual-router/m/r"].endswith("route/m/r/x is withheld")


def test_a_route_that_is_to_be_adopted_does_not_make_way() -> None:
    made = plan(
        *router(80, protocol="grpc"),
        desired("route/m/r/x", route("n", prefix="/new"), adopt=True),
        *STANDING[:3],
        present("route/m/r/x", route("n"), owner=None),
    )
    withheld = {str(item.key): item.reason for item in made.withheld}
    assert "is unowned" in withheld["virtual-router/m/r"]


def test_the_priority_of_a_route_is_no_match() -> None:
    spec: Spec = {"priority": 1, **route("n", port=80)}
    made = plan(
        *router(80, 81),
        desired("route/m/r/x", spec),
        *STANDING[:3],
        present("route/m/r/x", spec, applied=desired("route/m/r/x", spec)),
    )
    assert keys(made) == ["virtual-router/m/r"]


def test_what_is_no_part_of_the_run_may_hinder_it() -> None:
    others = ("route/m/r/theirs", "route/m/another/theirs")
    made = plan(*router(80, 81), *STANDING[:3], others=others)
    (withheld,) = made.withheld
    assert withheld.reason.endswith("route/m/r/theirs is not selected in this run")
    assert plan(*router(81), *STANDING[:3], others=("route/m/r/theirs",)).withheld == ()


def test_nothing_makes_way_while_lists_are_incomplete() -> None:
    graph = [*router(80, protocol="grpc"), *wanted("route/m/r/x")]
    made = plan(*graph, *STANDING, gaps=(Unlisted("route", key("virtual-router/m/r"), "403"),))
    (withheld,) = made.withheld
    assert withheld.reason_code is ReasonCode.GUARD
    assert withheld.reason.endswith("no route is detached because route/m/r/* could not be listed")
    assert key("route/m/r/x") in made.unchanged


def test_what_is_not_ours_yet_changes_no_listeners_in_use() -> None:
    made = plan(
        *wanted("m", "virtual-node/m/n", "route/m/r/x"),
        desired("virtual-router/m/r", listening(80, protocol="grpc"), adopt=True),
        *STANDING[:2],
        STANDING[3],
        present("virtual-router/m/r", listening(80), owner=None),
    )
    (withheld,) = made.withheld
    assert "it is not owned yet" in withheld.reason


def test_a_change_of_tags_alone_moves_no_route() -> None:
    made = plan(
        *wanted("m", "virtual-node/m/n", "route/m/r/x"),
        desired("virtual-router/m/r", listening(80), tags={"team": "pay"}),
        *STANDING,
    )
    (change,) = made.changes
    assert isinstance(change, Update)
    assert (change.spec, change.detached) == (None, ())


def test_an_adopted_router_without_routes_in_the_way_is_adopted() -> None:
    made = plan(
        *wanted("m", "virtual-node/m/n"),
        desired("virtual-router/m/r", listening(80, protocol="grpc"), adopt=True),
        *STANDING[:2],
        present("virtual-router/m/r", listening(80), owner=None),
    )
    assert isinstance(made.changes[-1], Adopt)
