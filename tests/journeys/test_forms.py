"""Graphs through the command line, and one graph in several forms."""

from typing import Any

import pytest
from conftest import Cli
from journeys.environments import TOPOLOGIES, World, asked_for

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

FORMS = sorted(path.relative_to(TOPOLOGIES) for path in TOPOLOGIES.glob("*/*.*.yaml"))
SHOWN = {
    "listeners": (
        "~ route/listeners/media/films  manifest changed",
        "~ route/listeners/media/pictures  manifest changed",
        "+ spec.httpRoute.match.port  8000",
        "~ virtual-router/listeners/media  manifest changed",
        '+ spec.listeners[9000].portMapping.protocol  "grpc"',
        "+ route/listeners/media/uploads  new",
        "Plan: 1 to create, 3 to update, 0 to adopt, 0 to delete; 3 unchanged.",
    ),
    "grpc": (
        "~ virtual-node/grpc/ledger  manifest changed",
        "~ virtual-router/grpc/ledger  manifest changed",
        '~ spec.listeners[50051].portMapping.protocol  "http2" -> "grpc"',
        "! temporarily detaches route/grpc/ledger/bookings",
        '- spec.http2Route.match.prefix  "/bank.Ledger/Book"',
        "! temporarily detaches route/grpc/ledger/rest",
        "! interrupts traffic",
        "Plan: 0 to create, 2 to update, 0 to adopt, 0 to delete; 3 unchanged.",
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_command_line_shows_a_change_in_order_and_makes_it_once(
    name: str, cli: Cli, endpoint: LocalEndpoint
) -> None:
    where = ("--endpoint-url", endpoint.url, "--owner", "platform")

    def run(command: str, state: str, *more: str) -> Any:
        files = [str(TOPOLOGIES / name / f"{part}.yaml") for part in ("kept", state)]
        return cli(command, *files, *where, *more)

    assert run("apply", "before", "--auto-approve").code == 0
    result = run("plan", "after").out
    places = [result.find(line) for line in SHOWN[name]]
    assert -1 not in places
    assert places == sorted(places)
    assert run("apply", "after", "--auto-approve").code == 0
    again = run("apply", "after", "--auto-approve")
    assert (again.code, "No changes. 7 resources" in again.out) == (0, True)
    assert run("plan", "after", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_form_asks_for_the_same_world(form: Any, world: World) -> None:
    name, state = form.parent.name, form.name.partition(".")[0]
    native = asked_for(name, "kept.yaml", f"{state}.yaml")
    assert world.cycle(native).converged
    same = world.plan(asked_for(name, form.name))
    assert (same.changes, same.withheld) == ((), ())
    assert len(same.unchanged) == len(native)
