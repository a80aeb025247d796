"""Cycles at a target with revisions read its lists again only after a write."""

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from builders import OWNER, desired, egress, key, listening, provided_by, route
from warm_targets import Warm

from reconciler import limits
from reconciler.core.resources import OWNER_TAG, Desired, Key
from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

GRAPH = [
    desired("m", egress("DROP_ALL")),
    desired("virtual-node/m/n", {}),
    desired("virtual-router/m/r", listening(80)),
    desired("route/m/r/x", route("n")),
    desired("virtual-service/m/s", provided_by("virtualRouter", "r")),
]
# The lists of GRAPH, of its router, of the meshes, and the index.
EVERYTHING = 7
ALL_OF = {"ListMeshes": 1}


def steady(url: str, wanted: list[Desired] = GRAPH) -> Warm:
    """Return a target in sync whose lists are known to be unchanged."""
    warm = Warm(url, revisions=True)
    warm.cycle(wanted)
    # Two reads with the same answer.
    for _ in range(2):
        warm.plan(wanted)
    assert warm.plan(wanted)[1] == ALL_OF
    return warm


@pytest.fixture
def warm(endpoint: LocalEndpoint) -> Iterator[Warm]:
    target = steady(endpoint.url)
    yield target
    target.hand.close()


def test_steady_cycles_take_one_call_and_sometimes_all(warm: Warm) -> None:
    made = [warm.plan(GRAPH)[1].total() for _ in range(limits.CYCLES_PER_LISTING + 3)]
    assert made[: limits.CYCLES_PER_LISTING - 1] == [1] * (limits.CYCLES_PER_LISTING - 1)
    assert made[limits.CYCLES_PER_LISTING - 1 :] == [EVERYTHING, EVERYTHING, 1, 1]
    period = limits.CYCLES_PER_LISTING + 2
    assert (limits.CYCLES_PER_LISTING + 2 * EVERYTHING) / period <= 3


def test_without_revisions_each_cycle_takes_all(endpoint: LocalEndpoint) -> None:
    aws = Warm(endpoint.url)
    aws.cycle(GRAPH)
    for _ in range(5):
        made = aws.plan(GRAPH)[1]
    assert made.total() == EVERYTHING


def _arn(hand: Any) -> str:
    node = hand.describe_virtual_node(meshName="m", virtualNodeName="n")
    return str(node["virtualNode"]["metadata"]["arn"])


def _update_route(hand: Any) -> None:
    names = {"meshName": "m", "virtualRouterName": "r", "routeName": "x"}
    spec = hand.describe_route(**names)["route"]["spec"]
    spec["httpRoute"]["match"] = {"prefix": "/theirs"}
    hand.update_route(**names, spec=spec)


def _delete_service(hand: Any) -> None:
    hand.delete_virtual_service(meshName="m", virtualServiceName="s")


def _tag(hand: Any) -> None:
    hand.tag_resource(resourceArn=_arn(hand), tags=[{"key": "team", "value": "theirs"}])


def _take_over(hand: Any) -> None:
    hand.tag_resource(resourceArn=_arn(hand), tags=[{"key": OWNER_TAG, "value": "other"}])


def _lose_owner(hand: Any) -> None:
    hand.untag_resource(resourceArn=_arn(hand), tagKeys=[OWNER_TAG])


def _create_orphan(hand: Any) -> None:
    tags = [{"key": OWNER_TAG, "value": OWNER}]
    hand.create_virtual_node(meshName="m", virtualNodeName="o", spec={}, tags=tags)


@pytest.mark.parametrize(
    ("write", "seen"),
    [
        (_update_route, "route/m/r/x"),
        (_delete_service, "virtual-service/m/s"),
        (_tag, "virtual-node/m/n"),
        (_take_over, "virtual-node/m/n"),
        (_lose_owner, "virtual-node/m/n"),
        (_create_orphan, "virtual-node/m/o"),
    ],
)
def test_each_write_of_another_client_shows_in_the_next_cycle(
    write: Callable[[Any], None], seen: str, warm: Warm
) -> None:
    write(warm.hand)
    plan, _ = warm.plan(GRAPH)
    if write is _tag:
        # A tag that no manifest has is left alone; its read is what counts.
        assert plan.changes == ()
        found = warm.target.read_all([key(seen)], OWNER).resources[key(seen)]
        assert getattr(found, "tags", {}).get("team") == "theirs"
    else:
        assert {str(item.key) for item in (*plan.changes, *plan.withheld)} == {seen}


def test_manifests_that_change_are_planned_at_once(warm: Warm) -> None:
    changed = [desired("m", egress("ALLOW_ALL")), *GRAPH[1:]]
    assert [str(change.key) for change in warm.plan(changed)[0].changes] == ["mesh/m"]
    fewer = [item for item in GRAPH if item.key.kind != "virtual-service"]
    plan, made = warm.plan(fewer)
    items = (*plan.changes, *plan.withheld)
    assert [str(item.key) for item in items] == ["virtual-service/m/s"]
    assert made["ListVirtualServices"] == 1


def test_a_requested_cycle_reads_everything(warm: Warm) -> None:
    warm.memory.clear()
    assert warm.plan(GRAPH)[1].total() > EVERYTHING
    assert warm.plan(GRAPH)[1].total() == EVERYTHING
    assert warm.plan(GRAPH)[1] == ALL_OF


def test_tags_that_may_be_old_are_read_with_the_lists(warm: Warm) -> None:
    assert warm.target.read(key("route/m/r/x")) is not None
    assert warm.plan(GRAPH)[1]["GetResources"] == 1


def test_a_list_that_fails_is_never_taken_again(endpoint: LocalEndpoint) -> None:
    warm = Warm(endpoint.url, revisions=True)
    warm.cycle(GRAPH)
    faults = f"{endpoint.url}/_endpoint/faults"
    fault = {"operation": "ListRoutes", "fault": "error", "code": "ForbiddenException"}
    assert urllib3.request("PUT", faults, json={"faults": [fault]}).status == 200
    for _ in range(4):
        plan, made = warm.plan(GRAPH)
        assert [item.kind for item in plan.unlisted] == ["route"]
        assert made["ListRoutes"] > 0
    urllib3.request("DELETE", faults)
    assert warm.plan(GRAPH)[0].unlisted == ()


def test_a_mesh_of_another_account_is_always_listed(endpoint: LocalEndpoint) -> None:
    other = "999999999999"
    owner = boto3.client(
        "appmesh", endpoint_url=endpoint.url, region_name="eu-west-1",
        aws_access_key_id=other, aws_secret_access_key="any",
    )  # fmt: skip
    owner.create_mesh(meshName="shared", spec={})
    guest = replace(desired("n", {}), key=Key("virtual-node", ("shared", "n"), other))
    warm = Warm(endpoint.url, revisions=True)
    warm.cycle([guest])
    for _ in range(4):
        assert warm.plan([guest])[1]["ListVirtualNodes"] == 1
    owner.delete_virtual_node(meshName="shared", virtualNodeName="n")
    assert [change.key for change in warm.plan([guest])[0].changes] == [guest.key]
    owner.close()


def test_a_restored_database_with_the_same_revision_is_noticed_later(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    data, backup = tmp_path / "data", tmp_path / "backup"
    with LocalEndpoint(data, port=port) as endpoint:
        Warm(endpoint.url).cycle(GRAPH)
    shutil.copytree(data, backup)
    with LocalEndpoint(data, port=port) as endpoint:
        _tag(Warm(endpoint.url).hand)
        warm = steady(endpoint.url)
    shutil.rmtree(data)
    shutil.copytree(backup, data)
    with LocalEndpoint(data, port=port):
        _update_route(warm.hand)
        plans = [warm.plan(GRAPH)[0] for _ in range(limits.CYCLES_PER_LISTING + 1)]
    assert plans[0].changes == ()
    assert [str(change.key) for change in plans[-1].changes] == ["route/m/r/x"]
