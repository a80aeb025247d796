"""The model is held to the real adapter on the local endpoint: the same calls, the same ends."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from builders import ACCOUNT, NOW, OWNER

from reconciler.core.planning.last_applied import (
    LastApplied,
    creation_digest,
    parse_last_applied,
)
from reconciler.core.resources import LiveResource, TargetId
from reconciler.endpoint import LocalEndpoint
from reconciler.engine import ApplyOptions, apply, propose
from reconciler.targets.api_client import ApiClient
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.session import Connection, open_session
from simulation.runs import Schedule, run
from simulation.scenarios import SCENARIOS, Scenario
from simulation.service import Mesh

pytestmark = pytest.mark.slow

BEHAVIOR = "tags-in-pages"
HOUR = 3_600
# Those in which nobody but us does anything: the model's other hands do not reach the endpoint.
ALONE = [
    name
    for name, scenario in SCENARIOS.items()
    if all(step.before is None for step in (*scenario.made, *scenario.steps))
]


@pytest.fixture
def real() -> Iterator[AppMesh]:
    with LocalEndpoint(None) as endpoint:
        connection = Connection(endpoint.url, "eu-west-1", credentials=(ACCOUNT, "secret"))
        identity = TargetId("test", endpoint.url, ACCOUNT, "eu-west-1")
        yield AppMesh(
            identity,
            ApiClient(open_session(connection), connection, workers=1, reopen=None),
            workers=1,
            # As if each cycle began long after the one before.
            tag_index_lag_seconds=-HOUR,
        )


def carried_out(target: AppMesh, scenario: Scenario) -> list[list[str]]:
    """Carry a scenario out; return what became of each change of its steps and two cycles more."""
    result = []
    last = scenario.steps[-1]
    for number, step in enumerate((*scenario.made, *scenario.steps, last, last)):
        if number == len(scenario.made):
            target._client.counts.clear()  # noqa: SLF001  # what was made before does not count
        plan = propose(target, step.desired, owner=OWNER, guards=scenario.restraint, now=NOW)
        report = apply(plan, target, ApplyOptions(workers=1))
        result.append([type(outcome).__name__ for outcome in report.outcomes])
    return result[len(scenario.made) :]


def record(live: LiveResource | Mesh) -> tuple[LastApplied, bool]:
    """Return the record without the time of creation, and whether it has that: clocks differ."""
    found = parse_last_applied(live.tags)
    assert found is not None
    assert found.creation in ("", creation_digest(live.created_at))
    return replace(found, creation=""), bool(found.creation)


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", ALONE)
def test_the_model_is_called_as_the_real_one_is(name: str, real: AppMesh) -> None:
    modeled = run(Schedule(name, BEHAVIOR, {}))
    result = carried_out(real, SCENARIOS[name])
    assert result == [
        [type(outcome).__name__ for outcome in cycle.report.outcomes]
        for cycle in modeled.cycles
        if cycle.report is not None
    ]
    # The model holds meshes alone, so it has no lists of what stands in one.
    inside = ("ListVirtual", "ListRoutes", "ListGatewayRoutes")
    made = {name: count for name, count in real.calls.items() if not name.startswith(inside)}
    assert made == Counter(call.operation for call in modeled.wire.calls)
    seen = real.read_all(
        [desired_resource.key for desired_resource in SCENARIOS[name].wanted], OWNER
    )
    for key, live in seen.resources.items():
        mesh = modeled.service.live[key.name]
        assert isinstance(live, LiveResource)
        assert (live.spec, live.version) == (mesh.spec, mesh.version)
        assert record(live) == record(mesh)
