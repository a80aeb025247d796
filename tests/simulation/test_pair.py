"""Two reconcilers of one owner, and one beside a stranger: all orders of their calls."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from builders import NOW, OWNER

from reconciler.core.errors import TargetError
from reconciler.core.resources import OWNER_TAG, Desired, drop_empty
from reconciler.engine import ApplyOptions, apply, propose
from simulation.faults import HANDS, Wire
from simulation.pair import Work, every_order
from simulation.scenarios import ALLOW, KEPT, SYNC, A
from simulation.service import US, Service, behavior_of
from simulation.target import ModelTarget

pytestmark = pytest.mark.slow

OTHER = replace(A, spec=ALLOW)


def cycle(*wants: Desired) -> Work:
    def work(wire: Wire) -> None:
        target = ModelTarget(wire)
        try:
            plan = propose(target, wants, owner=OWNER, guards=SYNC, now=NOW)
        except TargetError:
            return
        apply(plan, target, ApplyOptions(workers=1, sleep=wire.pause))

    return work


def by_hand(act: Callable[[Service, str], object]) -> Work:
    def work(wire: Wire) -> None:
        wire.begin(reads=False)
        act(wire.service, "a")

    return work


def world(*wants: Desired, behavior: str = "tokens-36h") -> Service:
    """Return a service on which ``wants`` are live and ours."""
    service = Service(behavior_of(behavior))
    cycle(*wants)(Wire(service, {}, "a"))
    service.now += 60
    service.effects.clear()
    return service


def settled(service: Service, *wants: Desired) -> None:
    """Run one undisturbed cycle towards ``wants``, and see that another has nothing to do."""
    service.now += 60
    cycle(*wants)(Wire(service, {}, "a"))
    before = len(service.effects)
    wire = Wire(service, {}, "a")
    cycle(*wants)(wire)
    assert len(service.effects) == before
    assert {name: drop_empty(mesh.spec) for name, mesh in service.live.items()} == {
        desired_resource.key.name: desired_resource.spec for desired_resource in wants
    }


def orders(made: Sequence[Desired], works: Sequence[Work], behavior: str) -> list[Service]:
    start = world(*made, behavior=behavior)
    return list(every_order(lambda: (start.copy(), works)))


@pytest.mark.timeout(600)
@pytest.mark.sample(3)
@pytest.mark.parametrize("behavior", ["tokens-36h", "tokens-ignored", "tags-in-pages"])
@pytest.mark.parametrize(
    ("made", "wants"),
    [
        pytest.param((), (A,), id="create"),
        pytest.param((A,), (OTHER,), id="update"),
        pytest.param((A, KEPT), (KEPT,), id="delete"),
    ],
)
def test_p12_two_of_one_mind_do_nothing_twice(
    made: tuple[Desired, ...],
    wants: tuple[Desired, ...],
    behavior: str,
    record_property: Callable[[str, object], None],
) -> None:
    found = orders(made, (cycle(*wants), cycle(*wants)), behavior)
    for service in found:
        ours = [(effect.operation, effect.name) for effect in service.effects]
        if behavior != "tokens-ignored":
            assert len([item for item in ours if item[0] != "tag"]) == 1
        settled(service, *wants)
    record_property("figure", f"two reconcilers on {behavior}: {len(found)} orders of calls")


@pytest.mark.parametrize(
    ("wants", "window"),
    [
        pytest.param((KEPT,), 1, id="one call before a delete"),
        pytest.param((OTHER, KEPT), 2, id="the tags and the spec of an update"),
    ],
)
@pytest.mark.parametrize("hand", ["replaced-by-stranger", "taken-by-stranger", "mark-lost"])
def test_s13_p14_a_stranger_is_harmed_only_after_the_last_look(
    wants: tuple[Desired, ...], window: int, hand: str
) -> None:
    found = orders((A, KEPT), (cycle(*wants), by_hand(HANDS[hand])), "tokens-36h")
    harmed = [
        service
        for service in found
        if any(
            effect.actor == US and effect.before and effect.before.tags.get(OWNER_TAG) != OWNER
            for effect in service.effects
        )
    ]
    assert len(harmed) == window
    assert len(found) > 2 * window


@pytest.mark.parametrize("behavior", ["tokens-36h", "tags-in-pages"])
@pytest.mark.parametrize("hand", ["deleted-by-hand", "edited-by-hand", "retagged-by-hand"])
@pytest.mark.parametrize("wants", [(KEPT,), (OTHER, KEPT)], ids=["delete", "update"])
def test_a13_what_others_undo_at_any_moment_is_repaired(
    hand: str, wants: tuple[Desired, ...], behavior: str
) -> None:
    for service in orders((A, KEPT), (cycle(*wants), by_hand(HANDS[hand])), behavior):
        settled(service, *wants)


@pytest.mark.timeout(600)
@pytest.mark.sample(1)
@pytest.mark.parametrize("behavior", ["tokens-36h", "tags-in-pages"])
def test_p13_of_two_minds_the_later_one_prevails(behavior: str) -> None:
    found = orders((A,), (cycle(OTHER), cycle(replace(A, spec={}))), behavior)
    for service in found:
        assert all(effect.actor == US for effect in service.effects)
        settled(service, OTHER)
