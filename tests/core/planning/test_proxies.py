"""The proxies that a change concerns, by the references between specs."""

from typing import Any

from builders import desired, key, listening, plan, present, provided_by, route

from reconciler.core.changes import Create, Difference, ReasonCode, Withheld
from reconciler.core.planning.proxies import proxies_by_change
from reconciler.core.resources import LiveResource, Unreadable

A, B, C, G = "virtual-node/m/a", "virtual-node/m/b", "virtual-node/m/c", "virtual-gateway/m/g"


def calling(*services: str) -> dict[str, Any]:
    return {"backends": [{"virtualService": {"virtualServiceName": name}} for name in services]}


SHOP: dict[str, Any] = {
    "m": {},
    A: calling("s", "t"),
    B: calling("u"),
    C: {},
    "virtual-router/m/r": listening(80),
    "route/m/r/x": route("b"),
    "virtual-service/m/s": provided_by("virtualRouter", "r"),
    "virtual-service/m/t": provided_by("virtualNode", "c"),
    "virtual-service/m/u": provided_by("virtualNode", "c"),
    G: listening(80),
    "gateway-route/m/g/x": {
        "grpcRoute": {
            "match": {},
            "action": {"target": {"virtualService": {"virtualServiceName": "s"}}},
        }
    },
}
RESOURCES = [desired(name, spec) for name, spec in SHOP.items()]


def creating(name: str) -> Create:
    resource = desired(name, {})
    return Create(resource.key, {}, {}, resource.origin, Difference(None, {}))


def test_each_kind_concerns_the_proxies_that_lead_to_it() -> None:
    assert proxies_by_change(map(creating, SHOP), RESOURCES, ()) == {
        "mesh/m": (G, A, B, C),
        A: (A,),
        B: (G, A, B),
        C: (A, B, C),
        "virtual-router/m/r": (G, A),
        "route/m/r/x": (G, A),
        "virtual-service/m/s": (G, A),
        "virtual-service/m/t": (A,),
        "virtual-service/m/u": (B,),
        G: (G,),
        "gateway-route/m/g/x": (G,),
    }


def test_a_change_of_tags_concerns_none() -> None:
    before = desired(A, SHOP[A])
    after = desired(A, SHOP[A], tags={"team": "web"})
    live = present(A, SHOP[A], applied=before)
    changes = plan(after, live, desired("m"), present("m")).changes
    assert [change.key for change in changes] == [key(A)]
    assert proxies_by_change(changes, RESOURCES, ()) == {}
    moved = plan(desired(A, calling("t")), live, desired("m"), present("m")).changes
    assert proxies_by_change(moved, RESOURCES, ()) == {A: (A,)}


def test_references_of_the_live_state_count_too() -> None:
    change = creating("virtual-service/m/s")
    live: list[LiveResource | Unreadable] = [
        present(C, calling("s")),
        Unreadable(key(B), "timeout"),
    ]
    assert proxies_by_change([change], RESOURCES, live) == {"virtual-service/m/s": (G, A, C)}


def test_a_backend_by_arn_is_one_by_name() -> None:
    arn = "arn:aws:appmesh:eu-west-1:111122223333:mesh/m/virtualService/s"
    change = creating("virtual-service/m/s")
    caller = desired(C, calling(arn))
    assert proxies_by_change([change], [caller], ()) == {"virtual-service/m/s": (C,)}


def test_a_withheld_change_has_its_proxies() -> None:
    withheld = Withheld(key(C), "why", ReasonCode.GUARD, change=creating(C))
    unread = Withheld(key(B), "why", ReasonCode.UNREADABLE)
    assert proxies_by_change([withheld, unread], RESOURCES, ()) == {C: (A, B, C)}
