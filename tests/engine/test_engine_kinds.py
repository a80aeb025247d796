"""What fails leaves undone what needs it, and what makes way is put back whatever happens."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import NOW, OWNER, desired, key, listening, provided_by, route
from fakes import FakeTarget, Hook

from reconciler.core.changes import Update
from reconciler.core.errors import RejectedError, TargetError, UnavailableError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.last_applied import parse_last_applied
from reconciler.core.planning.plan import Plan
from reconciler.core.report import (
    Applied,
    Failed,
    Outcome,
    Report,
    Skipped,
    Stale,
    exit_code,
)
from reconciler.core.resources import Desired, Json, Key, Spec
from reconciler.engine import ApplyOptions, apply, propose

SYNC = GuardSettings(policy=Policy.SYNC, max_deletes=99, allow_empty=True)
CONDUCT = ApplyOptions(workers=1, sleep=lambda _: None, verify_timeout_seconds=1)
ROUTER, ROUTE, OTHER = key("virtual-router/m/r"), key("route/m/r/x"), key("route/m/r/y")
HTTP, GRPC = listening(80), listening(80, protocol="grpc")


def graph(router: Spec = HTTP, *, prefix: str = "/") -> list[Desired]:
    return [
        desired("m"),
        desired("virtual-node/m/n", {}),
        desired("virtual-router/m/r", router),
        desired("route/m/r/x", route("n", prefix=prefix)),
        desired("route/m/r/y", route("n")),
        desired("virtual-service/m/s", provided_by("virtualRouter", "r")),
    ]


def proposal(target: FakeTarget, wants: list[Desired]) -> Plan:
    return propose(target, wants, owner=OWNER, guards=SYNC, now=NOW)


def cycle(target: FakeTarget, wants: list[Desired]) -> Report:
    return apply(proposal(target, wants), target, CONDUCT)


def standing() -> FakeTarget:
    target = FakeTarget()
    assert cycle(target, graph()).converged
    target.calls.clear()
    return target


def refusing(operation: str, which: Key, error: TargetError | None = None) -> Hook:
    """Return a hook by which one operation on one resource is refused."""

    def hook(called: str, about: Key) -> None:
        if (called, about) == (operation, which):
            raise error or RejectedError("no")

    return hook


def outcomes(report: Report) -> dict[str, type[Outcome]]:
    return {str(outcome.change.key): type(outcome) for outcome in report.outcomes}


def test_what_needs_a_create_that_failed_is_skipped_and_says_why() -> None:
    target = FakeTarget()
    target.before = refusing("create", key("virtual-node/m/n"))
    report = cycle(target, graph())
    assert outcomes(report) == {
        "mesh/m": Applied,
        "virtual-node/m/n": Failed,
        "virtual-router/m/r": Applied,
        "route/m/r/x": Skipped,
        "route/m/r/y": Skipped,
        "virtual-service/m/s": Applied,
    }
    skipped = next(item for item in report.outcomes if isinstance(item, Skipped))
    assert skipped.reason == "it needs virtual-node/m/n, which was not created"


def test_what_holds_a_delete_that_failed_keeps_what_it_stands_in() -> None:
    target = standing()
    target.before = refusing("delete", ROUTE)
    report = cycle(target, [])
    assert outcomes(report) == {
        "virtual-service/m/s": Applied,
        "route/m/r/x": Failed,
        "route/m/r/y": Applied,
        "virtual-router/m/r": Skipped,
        "virtual-node/m/n": Skipped,
        "mesh/m": Skipped,
    }
    assert any(
        "route/m/r/x, which needs it" in getattr(item, "reason", "") for item in report.outcomes
    )


def test_a_node_stays_where_its_route_could_not_be_led_away() -> None:
    target = standing()
    target.before = refusing("update", ROUTE)
    wants = [
        desired_resource
        for desired_resource in graph()
        if desired_resource.key.kind not in ("virtual-node", "route")
    ]
    wants += [desired("virtual-node/m/new", {})]
    wants += [desired(str(name), route("new")) for name in (ROUTE, OTHER)]
    report = cycle(target, wants)
    assert outcomes(report)["route/m/r/x"] is Failed
    assert outcomes(report)["virtual-node/m/n"] is Skipped
    assert key("virtual-node/m/n") in target.resources


def test_routes_make_way_for_their_listener_and_come_back() -> None:
    target = standing()
    uids = {name: target.resources[name].uid for name in (ROUTE, OTHER)}
    report = cycle(target, graph(GRPC, prefix="/new"))
    assert outcomes(report) == {"virtual-router/m/r": Applied}
    writes = [call for call in target.calls if call[0] in ("create", "update", "delete")]
    # The token of the route's first create is remembered, so the second one goes on from there.
    assert list(dict.fromkeys(writes)) == [
        ("delete", "route/m/r/x"),
        ("delete", "route/m/r/y"),
        ("update", "virtual-router/m/r"),
        ("create", "route/m/r/x"),
        ("create", "route/m/r/y"),
    ]
    assert target.resources[ROUTE].spec == route("n", prefix="/new")
    assert target.resources[ROUTER].spec == GRPC
    assert all(target.resources[name].uid != uid for name, uid in uids.items())
    assert cycle(target, graph(GRPC, prefix="/new")).outcomes == ()


def test_a_route_that_its_record_attests_is_read_before_it_is_detached() -> None:
    target = standing()
    plan = proposal(target, graph(GRPC))
    (change,) = plan.changes
    assert isinstance(change, Update)
    assert [name for call, name in target.calls if call == "look"] == [str(ROUTE), str(OTHER)]
    for item in change.detached:
        live = target.resources[item.detach.key]
        assert (item.detach.before.attested, item.detach.before.uid) == (False, live.uid)


@pytest.mark.parametrize("refused", [False, True])
def test_the_record_of_a_route_that_came_back_attests_nothing_until_it_is_renewed(
    *, refused: bool
) -> None:
    target = standing()
    if refused:
        target.before = refusing("update", ROUTER)
    cycle(target, graph(GRPC))
    for name in (ROUTE, OTHER):
        record = parse_last_applied(target.resources[name].tags)
        assert record is not None
        assert record.version is None
    target.before = refusing("no", ROUTER)
    wants = graph() if refused else graph(GRPC)
    assert [cycle(target, wants).renewed for _ in range(2)] == [2, 0]


def led_away() -> list[Desired]:
    """Return a graph in which another node takes over, and the listener changes its protocol."""
    wants = [
        desired_resource
        for desired_resource in graph(GRPC)
        if desired_resource.key.kind not in ("virtual-node", "route")
    ]
    wants += [desired(str(name), route("new")) for name in (ROUTE, OTHER)]
    return [*wants, desired("virtual-node/m/new", {})]


def test_nothing_makes_way_that_could_not_come_back() -> None:
    target = standing()
    target.before = refusing("create", key("virtual-node/m/new"))
    assert outcomes(cycle(target, led_away())) == {
        "virtual-node/m/new": Failed,
        "virtual-router/m/r": Skipped,
        "virtual-node/m/n": Skipped,
    }
    assert not any(operation == "delete" for operation, _ in target.calls)


def test_what_routes_that_came_back_use_is_not_deleted() -> None:
    target = standing()
    target.before = refusing("update", ROUTER)
    report = cycle(target, led_away())
    assert outcomes(report)["virtual-router/m/r"] is Failed
    assert outcomes(report)["virtual-node/m/n"] is Skipped
    target.before = refusing("no", ROUTER)
    assert cycle(target, led_away()).converged


def test_a_route_waits_for_the_listener_that_would_hear_it() -> None:
    target = standing()
    target.before = refusing("update", ROUTER)
    new, heard = desired("route/m/r/new", route("n", port=81)), desired("route/m/r/z", route("n"))
    ported = [desired(str(name), route("n", port=80)) for name in (ROUTE, OTHER)]
    wants = [
        desired_resource
        for desired_resource in graph(listening(80, 81))
        if desired_resource.key.kind != "route"
    ] + ported
    report = cycle(target, [*wants, new, heard])
    assert outcomes(report) == {
        "route/m/r/x": Applied,
        "route/m/r/y": Applied,
        "virtual-router/m/r": Failed,
        "route/m/r/new": Skipped,
        "route/m/r/z": Applied,
    }
    (skipped,) = (item for item in report.outcomes if isinstance(item, Skipped))
    assert skipped.reason == "it needs the listeners of virtual-router/m/r, which were not changed"
    target.before = refusing("no", ROUTER)
    assert target.resources.keys() >= {ROUTE, OTHER}


def failed(report: Report) -> Failed:
    (outcome,) = report.outcomes
    assert isinstance(outcome, Failed)
    return outcome


def test_they_come_back_as_they_were_where_the_change_fails() -> None:
    target = standing()
    target.before = refusing("update", ROUTER)
    assert failed(cycle(target, graph(GRPC, prefix="/new"))).reason == "no"
    assert target.resources[ROUTE].spec == route("n")
    assert target.resources[OTHER].spec == route("n")
    assert target.resources[ROUTER].spec == HTTP
    target.before = refusing("no", ROUTER)
    assert cycle(target, graph(GRPC, prefix="/new")).converged


def test_where_one_cannot_make_way_those_before_it_come_back() -> None:
    target = standing()
    target.before = refusing("delete", OTHER)
    why = failed(cycle(target, graph(GRPC))).reason
    assert why == "route/m/r/y could not be detached: no"
    assert target.resources.keys() >= {ROUTE, OTHER}
    assert target.resources[ROUTER].spec == HTTP


def test_a_lost_answer_while_making_way_is_settled_by_reading() -> None:
    target = standing()
    target.after = refusing("delete", ROUTE, UnavailableError("cut"))
    target.before = refusing("no", ROUTE)
    # The fake takes the effect before the answer is lost only where the hook comes after it.
    report = cycle(target, graph(GRPC))
    assert outcomes(report) == {"virtual-router/m/r": Applied}


def test_a_route_that_moved_since_the_plan_stops_the_change() -> None:
    target = standing()
    plan = proposal(target, graph(GRPC))
    live = target.resources[OTHER]
    target.resources[OTHER] = replace(live, version=live.version + 1)
    (outcome,) = apply(plan, target, CONDUCT).outcomes
    assert isinstance(outcome, Stale)
    assert outcome.reason.startswith("route/m/r/y was not detached: it was at version")
    assert target.resources[ROUTER].spec == HTTP
    assert ROUTE in target.resources


def test_nothing_makes_way_for_a_change_that_is_stale_by_now() -> None:
    target = standing()
    plan = proposal(target, graph(GRPC))
    live = target.resources[ROUTER]
    target.resources[ROUTER] = replace(live, version=live.version + 1)
    (outcome,) = apply(plan, target, CONDUCT).outcomes
    assert isinstance(outcome, Stale)
    assert target.writes == []


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_listener_waits_for_the_route_that_goes_first(operation: str) -> None:
    target = standing()
    target.before = refusing(operation, ROUTE)
    wants = [
        desired_resource
        for desired_resource in graph(listening(80, 81))
        if desired_resource.key.kind != "route"
    ]
    ported = [ROUTE, OTHER] if operation == "update" else [OTHER]
    wants += [desired(str(name), route("n", port=80)) for name in ported]
    report = cycle(target, wants)
    assert outcomes(report)["route/m/r/x"] is Failed
    (skipped,) = (item for item in report.outcomes if isinstance(item, Skipped))
    assert skipped.reason == "route/m/r/x, which conflicts with it, could not be changed or deleted"


def without_return_of_the_route(also: bool) -> FakeTarget:
    """Return a target that does not create the route again, and may not update the router."""
    target = standing()
    refuse_create, refuse_update = refusing("create", ROUTE), refusing("update", ROUTER)

    def hook(operation: str, about: Key) -> None:
        refuse_create(operation, about)
        if also:
            refuse_update(operation, about)

    target.before = hook
    return target


@pytest.mark.parametrize("also", [False, True])
def test_what_cannot_be_put_back_is_told(also: bool) -> None:
    target = without_return_of_the_route(also)
    why = failed(cycle(target, graph(GRPC))).reason
    assert why.endswith("route/m/r/x could not be attached again: no; the next run creates it")
    assert why.startswith("no; ") == also
    target.before = refusing("no", ROUTE)
    assert cycle(target, graph(GRPC)).converged


@pytest.mark.parametrize("also", [False, True])
def test_what_was_done_all_the_same_makes_the_run_a_partial_one(also: bool) -> None:
    target = without_return_of_the_route(also)
    report = cycle(target, graph(GRPC))
    done = ("route/m/r/x was deleted",)
    assert failed(report).effects == (done if also else ("virtual-router/m/r was updated", *done))
    assert exit_code(report) is ExitCode.PARTIAL


def test_a_route_comes_back_though_a_service_keeps_the_tokens_of_its_lives() -> None:
    target = standing()
    for flip in range(40):
        router = GRPC if flip % 2 == 0 else HTTP
        target.calls.clear()
        assert cycle(target, graph(router)).converged
        creates = [about for operation, about in target.calls if operation == "create"]
        assert creates == ["route/m/r/x", "route/m/r/y"]


def test_a_refused_update_is_asked_again_before_its_routes_come_back() -> None:
    target = standing()
    left = [RejectedError("kept with the token")]

    def hook(operation: str, about: Key) -> None:
        if (operation, about) == ("update", ROUTER) and left:
            raise left.pop()

    target.before = hook
    assert cycle(target, graph(GRPC)).converged


def test_no_route_is_detached_if_what_it_needs_is_gone() -> None:
    target = standing()
    plan = proposal(target, graph(GRPC))
    del target.resources[key("virtual-node/m/n")]
    (outcome,) = apply(plan, target, CONDUCT).outcomes
    assert outcome == Failed(
        outcome.change,
        "no route was detached: attaching it again needs virtual-node/m/n, which was not found",
    )
    assert target.writes == []


def test_routes_are_detached_though_no_list_shows_the_mesh_as_one_of_another_account() -> None:
    target = standing()
    plan = proposal(target, graph(GRPC))
    del target.resources[key("mesh/m")]
    (outcome,) = apply(plan, target, CONDUCT).outcomes
    assert isinstance(outcome, Applied)


def test_no_route_is_detached_if_what_it_needs_cannot_be_read() -> None:
    target = standing()
    plan = proposal(target, graph(GRPC))
    target.before = refusing("list", key("mesh/*"), UnavailableError("cut"))
    (outcome,) = apply(plan, target, CONDUCT).outcomes
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(
        "no route was detached: the resources that it needs could not be listed: "
    )
    assert target.writes == []


def test_once_begun_it_is_brought_to_an_end_whoever_wants_to_stop() -> None:
    target = standing()
    plan = proposal(target, graph(GRPC))
    stop = stops_after(target, "delete")
    (outcome,) = apply(plan, target, replace(CONDUCT, should_stop=stop)).outcomes
    assert isinstance(outcome, Applied)
    assert target.resources.keys() >= {ROUTE, OTHER}


def stops_after(target: FakeTarget, operation: str) -> Callable[[], bool]:
    return lambda: any(called == operation for called, _ in target.calls)


def test_a_shared_plan_says_once_what_is_settled() -> None:
    target = FakeTarget()
    plan = proposal(target, graph())
    node = next(item for item in plan.changes if item.key.kind == "virtual-node")
    settled = {node.key: Stale(node, "taken")}
    report = apply(plan, target, CONDUCT, settled)
    assert outcomes(report)["virtual-node/m/n"] is Stale
    assert outcomes(report)["route/m/r/x"] is Skipped
    assert not any(isinstance(item.change, Update) for item in report.outcomes)


NODE, SERVICE = key("virtual-node/m/n"), key("virtual-service/m/s")


def in_a_circle() -> FakeTarget:
    """Return a target with a node that calls the service which it provides."""
    called: list[Json] = [{"virtualService": {"virtualServiceName": "s"}}]
    wants = [
        desired("m"),
        desired(str(NODE), {"backends": called}),
        desired(str(SERVICE), provided_by("virtualNode", "n")),
    ]
    target = FakeTarget()
    assert cycle(target, wants).converged
    target.calls.clear()
    return target


def test_a_node_is_updated_before_its_backend_goes_and_deleted_after_it() -> None:
    target = in_a_circle()
    report = cycle(target, [])
    assert [(str(it.change.key), type(it)) for it in report.outcomes] == [
        ("virtual-service/m/s", Applied),
        ("virtual-node/m/n", Applied),
        ("mesh/m", Applied),
    ]
    assert target.writes == [
        ("update", str(NODE)),
        ("delete", str(SERVICE)),
        ("delete", str(NODE)),
        ("delete", "mesh/m"),
    ]
    at = target.calls.index(("delete", str(SERVICE)))
    assert target.calls[at - 1] == ("look", str(SERVICE))
    assert target.resources == {}


def test_nothing_is_deleted_whose_node_could_not_be_updated() -> None:
    target = in_a_circle()
    target.before = refusing("update", NODE)
    report = cycle(target, [])
    assert outcomes(report) == {
        "virtual-service/m/s": Failed,
        "virtual-node/m/n": Skipped,
        "mesh/m": Skipped,
    }
    failed, skipped, _ = report.outcomes
    assert getattr(failed, "reason", "").startswith("virtual-node/m/n still refers to it: ")
    assert getattr(skipped, "reason", "").startswith("virtual-service/m/s, which needs it")
    target.before = refusing("nothing", NODE)
    assert cycle(target, []).converged
    assert target.resources == {}


def test_a_delete_that_fails_after_its_updates_says_what_was_done() -> None:
    target = in_a_circle()
    target.before = refusing("delete", SERVICE)
    report = cycle(target, [])
    failed = report.outcomes[0]
    assert isinstance(failed, Failed)
    assert failed.effects == ("virtual-node/m/n was updated",)
    assert failed.reason.startswith("virtual-node/m/n was updated, and then: ")
    assert exit_code(report) is ExitCode.PARTIAL


def test_a_node_that_moved_since_the_plan_is_neither_updated_nor_deleted() -> None:
    target = in_a_circle()
    plan = proposal(target, [])
    target.by_hand(NODE, {"backends": []})
    report = apply(plan, target, CONDUCT)
    assert outcomes(report)["virtual-service/m/s"] is Stale
    assert {NODE, SERVICE} <= target.resources.keys()
    assert cycle(target, []).converged


def test_a_service_that_is_gone_by_itself_leaves_its_node_to_the_next_run() -> None:
    target = in_a_circle()
    plan = proposal(target, [])
    del target.resources[SERVICE]
    report = apply(plan, target, CONDUCT)
    assert outcomes(report)["virtual-node/m/n"] is Stale
    assert target.writes == []
    assert cycle(target, []).converged
