"""Twelve graphs of the kind that people run: brought up, changed, pruned, torn down, and broken.

The endpoint is the judge of order: it refuses what names what is not there, and what is in use.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from amounts import SEED, amount
from builders import ACCOUNT
from journeys.environments import HOST, TOPOLOGIES, UPSERT, Call, World, asked_for

from reconciler.api import load
from reconciler.core.changes import Change, Create, Delete, ReasonCode, detached_routes, unlinked
from reconciler.core.errors import TargetError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.kinds import KINDS
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Report, exit_code
from reconciler.core.resources import Desired
from reconciler.endpoint import Behavior, LocalEndpoint

NAMES = sorted(folder.name for folder in TOPOLOGIES.iterdir())
FAULTS = ("lost-reply", "error", "cut", "throttle")
BREAKS = amount("broken calls of each topology", test=1, full=40)
# So many runs without faults after one with: a route may have to come back before its router.
RUNS = 2


def before(name: str) -> tuple[Desired, ...]:
    return asked_for(name, "kept.yaml", "before.yaml")


def after(name: str) -> tuple[Desired, ...]:
    return asked_for(name, "kept.yaml", "after.yaml")


def arns(wants: Iterable[Desired]) -> set[str]:
    """Return what is wanted as the endpoint names it: ``mesh/m/virtualNode/n``."""
    kinds = load().kinds
    return {
        kinds[KINDS[desired_resource.key.kind].title].arn.format(
            **dict(
                zip(
                    kinds[KINDS[desired_resource.key.kind].title].path,
                    desired_resource.key.path,
                    strict=True,
                )
            )
        )
        for desired_resource in wants
    }


def calls_of(change: Change) -> Iterator[str]:
    """Yield the writes that a change takes where nothing fails, less those of its tags."""
    for each in detached_routes(change):
        yield from (*calls_of(each.detach), *calls_of(each.attach))
    for link in unlinked(change):
        yield f"Update{KINDS[link.before.key.kind].title}"
    if isinstance(change, Create | Delete) or change.spec is not None:
        yield f"{type(change).__name__}{KINDS[change.key.kind].title}"


def untagged(calls: Iterable[Call]) -> Counter[str]:
    written = (call.operation for call in calls if call.writes)
    return Counter(call for call in written if not call.endswith("agResource"))


def done(world: World, report: Report) -> Plan:
    """Return the plan of a report by which all of it was done, and no write was refused."""
    assert exit_code(report) is ExitCode.OK
    assert all(isinstance(outcome, Applied) for outcome in report.outcomes)
    assert world.refused == []
    assert untagged(world.sent) == Counter(
        call for change in report.plan.changes for call in calls_of(change)
    )
    world.forget()
    return report.plan


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    # As the user guide has it; else nobody could see what is left in a mesh of others.
    with LocalEndpoint(None, behavior=Behavior(shared_meshes="listed")) as serving:
        yield serving


Strangers = list[tuple[Any, dict[str, str]]]


def strangers(world: World) -> Strangers:
    """Make what is not ours: a mesh with a node, and a mesh of others in which we may be guests."""
    made = []
    for account, mesh in ((ACCOUNT, "elsewhere"), (HOST, "shared")):
        client = world.by_hand(account)
        client.create_mesh(meshName=mesh)
        client.create_virtual_node(meshName=mesh, virtualNodeName="theirs", spec={})
        made.append((client, {"meshName": mesh, "virtualNodeName": "theirs"}))
    return made


def untouched(of_others: Strangers) -> bool:
    seen = [client.describe_virtual_node(**where)["virtualNode"] for client, where in of_others]
    return all(it["metadata"]["version"] == 1 and it["spec"] == {"backends": []} for it in seen)


@pytest.mark.unmeasured
@pytest.mark.sample(3)
@pytest.mark.parametrize("name", NAMES)
def test_it_comes_up_changes_and_goes_in_order(
    name: str, here: object, endpoint: LocalEndpoint
) -> None:
    del here
    world = World(endpoint, workers=10)
    of_others = strangers(world)
    first, then = before(name), after(name)

    plan = done(world, world.cycle(first, UPSERT))
    assert {type(change) for change in plan.changes} == {Create}
    assert world.tagged() == arns(first)
    assert done(world, world.cycle(first)).changes == ()

    changed = done(world, world.cycle(then, UPSERT))
    orphans = {withheld.key for withheld in changed.withheld}
    assert {withheld.reason_code for withheld in changed.withheld} <= {ReasonCode.ORPHAN}
    assert orphans == {desired_resource.key for desired_resource in first} - {
        desired_resource.key for desired_resource in then
    }

    pruned = done(world, world.cycle(then))
    assert {type(change) for change in pruned.changes} <= {Delete}
    assert {change.key for change in pruned.changes} == orphans
    assert world.tagged() == arns(then)
    assert done(world, world.cycle(then)).changes == ()

    assert len(done(world, world.cycle(())).changes) == len(then)
    assert world.tagged() == set()
    assert untouched(of_others)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK try again at once."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


Phase = tuple[tuple[Desired, ...], Sequence[Call]]
"""What is wanted, and all that is sent for it where nothing fails."""


def phases(name: str, world: World) -> Iterator[Phase]:
    """Yield the three journeys of a topology: up, to the other state, and down."""
    world.reset()
    strangers(world)
    for wants in (before(name), after(name), ()):
        report = world.cycle(wants)
        yield wants, tuple(world.sent)
        done(world, report)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.sample(4)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("hasty")
def test_a41_after_any_one_call_that_fails_it_gets_there(
    name: str, world: World, record_property: Callable[[str, object], None]
) -> None:
    planned = list(phases(name, world))
    broken = result = 0
    numbers = range(1, 1 + max(len(calls) for _, calls in planned))
    breaks = [(number, fault) for number in numbers for fault in FAULTS]
    draw = random.Random(f"{SEED} {name}")  # noqa: S311  # repeatable, not secret
    for number, fault in draw.sample(breaks, min(BREAKS, len(breaks))):
        heard = heard_of(fault, number, planned, world)
        broken, result = broken + len(heard), result + sum(heard)
    record_property("figure", f"faults in {name}: {broken} calls broken, {result} runs that failed")


def heard_of(fault: str, number: int, planned: Iterable[Phase], world: World) -> list[bool]:
    """Return of each phase with a call of that number whether it failed; each gets there after."""
    world.reset()
    of_others = strangers(world)
    heard = []
    for wants, calls in planned:
        world.forget()
        if number <= len(calls):
            world.breaks(fault, number, calls)
            heard.append(fails(world, wants))
            world.mends()
        left = settled(world, wants)
        assert (left.changes, left.withheld) == ((), ()), (fault, number)
        deletes = {call for call in world.sent if call.deletes}
        assert deletes <= {call for call in calls if call.deletes}, (fault, number)
        assert world.tagged() == arns(wants), (fault, number)
    assert untouched(of_others), (fault, number)
    return heard


def fails(world: World, wants: tuple[Desired, ...]) -> bool:
    try:
        return exit_code(world.cycle(wants)) is not ExitCode.OK
    except TargetError:
        # Where the meshes cannot be listed there is nothing to plan with.
        return True


def settled(world: World, wants: tuple[Desired, ...]) -> Plan:
    """Return the first plan that finds nothing to do, else the one after so many runs."""
    for _ in range(RUNS):
        report = world.cycle(wants)
        if not report.outcomes:
            return report.plan
    return world.plan(wants)
