"""What a run says of a change is what became of it, whatever the service answered."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from amounts import amount
from conftest import Cli, Run
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint
from reconciler.endpoint.semantics.behaviors import Behavior

pytestmark = pytest.mark.unmeasured

Write = Callable[[str, str], Path]
Say = Callable[..., Run]

SYNC = ("--policy", "sync", "--max-deletes", "9")


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Say:
    def run(command: str, *arguments: str) -> Run:
        where = ("--endpoint-url", endpoint.url, "--owner", "o")
        approval = ("--auto-approve",) if command == "apply" else ()
        return cli(command, "manifests", *where, *approval, *arguments)

    return run


def break_it(endpoint: LocalEndpoint, **fault: Any) -> None:
    url = f"{endpoint.url}/_endpoint/faults"
    assert urllib3.request("PUT", url, json={"faults": [fault]}).status == 200


def mend_it(endpoint: LocalEndpoint) -> None:
    urllib3.request("DELETE", f"{endpoint.url}/_endpoint/faults")


@pytest.mark.parametrize("call", [1, 2])
def test_tags_that_are_not_found_make_nothing_absent(
    call: int, write: Write, say: Say, live: Any, endpoint: LocalEndpoint
) -> None:
    write("manifests/kept.yaml", mesh_yaml("kept"))
    write("manifests/gone.yaml", mesh_yaml("gone"))
    say("apply")
    (Path("manifests/gone.yaml")).unlink()
    not_found = {"operation": "ListTagsForResource", "name": "gone", "fault": "error"}
    break_it(endpoint, **not_found, status=404, calls=[call])
    result = say("apply", *SYNC)
    assert live().keys() == {"kept", "gone"}
    assert result.code == 1
    assert "gone: deleted" not in result.out
    mend_it(endpoint)
    assert say("apply", *SYNC).code == 0
    assert live().keys() == {"kept"}


def test_an_update_without_an_effect_is_no_drift(
    write: Write, say: Say, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    say("apply")
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    break_it(endpoint, operation="UpdateMesh", fault="error", status=500)
    result = say("apply")
    assert result.code == 1
    # The cause is named: the operation, the status and how often it was sent.
    words = "UpdateMesh of mesh/a: InternalServerErrorException (HTTP 500) after 3 attempts"
    assert f"no effect is visible, so the next run tries again: {words}" in result.out
    mend_it(endpoint)
    assert say("plan", "--drift", "--detailed-exitcode").code == 0
    assert "~ mesh/a  manifest changed" in say("plan").out


def test_a_change_that_stopped_midway_says_what_was_done(
    write: Write, say: Say, by_hand: Any, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL", old="1"))
    say("apply")
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL", new="1"))
    break_it(endpoint, operation="TagResource", fault="error", status=403)
    result = say("apply")
    assert result.code == 4
    assert "its spec was updated, tags were removed (old), and then: TagResource" in result.out
    mesh = by_hand.describe_mesh(meshName="a")["mesh"]
    assert mesh["spec"]["egressFilter"]["type"] == "ALLOW_ALL"
    mend_it(endpoint)
    assert say("apply").code == 0
    assert "No changes." in say("plan").out


ROUTER = """\
apiVersion: mesh-reconciler/v1
kind: VirtualRouter
metadata: {name: r, mesh: m}
spec: {listeners: [{portMapping: {port: 80, protocol: %s}}]}
---
apiVersion: mesh-reconciler/v1
kind: Route
metadata: {name: x, mesh: m, virtualRouter: r}
spec:
  %sRoute:
    match: {prefix: /}
    action: {weightedTargets: [{virtualNode: n, weight: 1}]}
---
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {name: n, mesh: m}
spec: {}
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_listener_that_changes_again_and_again_keeps_its_route(
    write: Write, say: Say, by_hand: Any, endpoint: LocalEndpoint
) -> None:
    write("manifests/m.yaml", mesh_yaml("m"))
    counted = f"{endpoint.url}/_endpoint/calls"
    for flip in range(amount("changes of one listener", test=6, full=40)):
        protocol = ("http", "http2")[flip % 2]
        write("manifests/r.yaml", ROUTER % (protocol, protocol))
        urllib3.request("DELETE", counted)
        result = say("apply")
        assert (result.code, result.err) == (0, ""), f"flip {flip}"
        creates = urllib3.request("GET", counted).json()["calls"].get("CreateRoute", 0)
        assert 1 <= creates <= 3, f"flip {flip}"
        routes = by_hand.list_routes(meshName="m", virtualRouterName="r")["routes"]
        assert [route["routeName"] for route in routes] == ["x"]


@pytest.fixture
def strict() -> Iterator[LocalEndpoint]:
    behavior = Behavior(token_of_refused="remembered", quotas="aws")
    with LocalEndpoint(None, behavior=behavior) as serving:
        yield serving


def test_a_refusal_that_is_kept_with_its_token_does_not_outlive_its_cause(
    strict: LocalEndpoint, cli: Cli, write: Write, here: Path
) -> None:
    del here
    client = boto3.client("appmesh", endpoint_url=strict.url)
    for number in range(15):
        client.create_mesh(meshName=f"full-{number}")
    write("manifests/a.yaml", mesh_yaml("a"))
    apply = ("apply", "manifests", "--endpoint-url", strict.url, "--owner", "o", "--auto-approve")
    result = cli(*apply)
    assert result.code == 1
    assert "LimitExceededException" in result.out
    client.delete_mesh(meshName="full-0")
    assert cli(*apply).code == 0
    client.close()
