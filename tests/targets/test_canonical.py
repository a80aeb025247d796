"""What the service shows in another way than it was sent is no difference."""

import pytest

from reconciler.core.resources import Json, Spec
from reconciler.targets.canonical import canonical


def route(*targets: dict[str, Json], form: str = "httpRoute", **match: Json) -> Spec:
    return {form: {"action": {"weightedTargets": list(targets)}, "match": match}}


def target(node: str, **more: Json) -> dict[str, Json]:
    return {"virtualNode": node, "weight": 1, **more}


def node(port: int | None, **more: Json) -> Spec:
    check: Json = {"protocol": "http"} if port is None else {"protocol": "http", "port": port}
    mapping: Json = {"port": 80, "protocol": "http"}
    return {"listeners": [{"portMapping": mapping, "healthCheck": check}], **more}


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (node(None), node(80)),
        (node(None), node(None, backends=[])),
        (route(target("a"), target("b")), route(target("b", port=80), target("a", port=81))),
        (route(target("a"), form="tcpRoute"), route(target("a", port=80), form="tcpRoute")),
        (
            route(headers=[{"name": "a"}, {"name": "b"}]),
            route(headers=[{"name": "b"}, {"name": "a"}]),
        ),
        (
            route(form="grpcRoute", metadata=[{"name": "myName"}]),
            route(form="grpcRoute", metadata=[{"name": "myname"}]),
        ),
        (node(None), node(None, serviceDiscovery={})),
        (
            route(target("a", port=80), {**target("a"), "weight": 0}),
            route(target("a", port=80), {**target("a", port=81), "weight": 0}),
        ),
    ],
)
def test_a20_a38_what_it_fills_in_and_reorders_is_no_drift(sent: Spec, shown: Spec) -> None:
    assert canonical(sent, None) == canonical(shown, sent)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (node(80), node(81)),
        (node(80), node(None)),
        (route(target("a", port=80)), route(target("a", port=81))),
        (route(target("a", port=80)), route(target("b", port=80))),
        (
            {"listeners": [{"portMapping": {"port": 1}}, {"portMapping": {"port": 2}}]},
            {"listeners": [{"portMapping": {"port": 2}}, {"portMapping": {"port": 1}}]},
        ),
        (route(headers=[{"name": "myName"}]), route(headers=[{"name": "myname"}])),
        (node(None), {**node(80), "listeners": []}),
        (route(target("a")), {"httpRoute": {"action": {"weightedTargets": "odd"}}}),
    ],
)
def test_a_difference_that_means_something_is_one(sent: Spec, shown: Spec) -> None:
    assert canonical(sent, None) != canonical(shown, sent)


def test_a_listener_that_the_manifest_has_not_keeps_what_was_filled_in() -> None:
    item: Json = {"healthCheck": {"port": 80}}
    without: Json = {"healthCheck": {"protocol": "http"}}
    shown = canonical({"listeners": [item, item]}, {"listeners": [without]})
    assert shown == {"listeners": [{"healthCheck": {}}, item]}


def test_what_is_given_stays_as_it_is() -> None:
    spec = node(80, backends=[{"virtualService": {"virtualServiceName": "s"}}])
    before = str(spec)
    canonical(spec, {})
    assert str(spec) == before
