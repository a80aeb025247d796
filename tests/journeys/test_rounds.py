"""What is made and deleted over and over takes as many creates the fortieth time as the first."""

from collections.abc import Callable, Iterator

import pytest
from amounts import amount
from builders import desired, gateway_route, listening, provided_by, route
from journeys.direct import Direct, Reconciler, name_in, name_of, serving
from journeys.random_graphs import MAX_CREATES

from reconciler.core.report import Applied
from reconciler.core.resources import Desired
from reconciler.endpoint.semantics.behaviors import parse_behavior

pytestmark = pytest.mark.slow

# A preview environment that comes and goes with every push, for a day.
ROUNDS = amount("rounds of delete and create on the endpoint", test=4, full=40)
MEMORIES = (
    "token-retention-seconds=129600",
    "token-retention-seconds=100000000",
    "token-retention-seconds=60",
    "token-retention-seconds=0",
    "token-after-delete=forgets",
    "token-after-delete=conflicts",
    "token-of-refused=remembered",
    "create-equal-spec=200",
    "create-equal-spec=200 read-lag-seconds=1",
    "token-of-refused=remembered read-lag-seconds=1",
)
MINUTE = 60.0


def graph(protocol: str = "http") -> tuple[Desired, ...]:
    found = route("n")
    return (
        desired("m"),
        desired("virtual-node/m/n", {}),
        desired("virtual-router/m/r", listening(80, protocol=protocol)),
        desired("route/m/r/x", {f"{protocol}Route": found["httpRoute"]}),
        desired("virtual-service/m/s", provided_by("virtualRouter", "r")),
        desired("virtual-gateway/m/g", listening(80)),
        desired("gateway-route/m/g/y", gateway_route("s")),
    )


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Iterator[Direct]:
    with serving(parse_behavior(request.param.split())) as served:
        yield served


def creates(door: Direct, ours: Reconciler, wants: tuple[Desired, ...]) -> dict[str, int]:
    """Return how many creates of each resource a run took, which made all that it planned."""
    door.pause(MINUTE)
    attempt = ours.run(wants)
    assert attempt.report is not None
    assert attempt.report.outcomes
    assert [item for item in attempt.report.outcomes if not isinstance(item, Applied)] == []
    there = {name_of(desired_resource.key) for desired_resource in wants}
    assert {name_in(it) for it in door.tagged()} == there
    return {name: len(tokens) for name, tokens in attempt.creates.items()}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("door", MEMORIES, indirect=True)
def test_an_environment_that_comes_and_goes(
    door: Direct, record_property: Callable[[str, object], None]
) -> None:
    ours = Reconciler(door)
    for number in range(ROUNDS):
        taken = creates(door, ours, graph())
        assert taken.keys() == {name_of(desired_resource.key) for desired_resource in graph()}
        assert max(taken.values()) <= MAX_CREATES, number
        creates(door, ours, ())
    record_property("figure", f"an environment came and went {ROUNDS} times")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("door", MEMORIES, indirect=True)
def test_a_route_that_makes_way_for_its_listener_over_and_over(door: Direct) -> None:
    ours = Reconciler(door)
    creates(door, ours, graph())
    for number in range(ROUNDS):
        taken = creates(door, ours, graph("http" if number % 2 else "http2"))
        assert taken.keys() == {"Route/m/r/x"}
        assert max(taken.values()) <= MAX_CREATES, number
