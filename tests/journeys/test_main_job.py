"""From a directory to live meshes, through the command line and a real endpoint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run
from manifest_text import mesh_yaml
from servers import recording

from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

Write = Callable[[str, str], Path]


def calls(endpoint: LocalEndpoint, *, reset: bool = False) -> dict[str, int]:
    method = "DELETE" if reset else "GET"
    answer = urllib3.request(method, f"{endpoint.url}/_endpoint/calls")
    return {} if reset else dict(answer.json()["calls"])


def writes(endpoint: LocalEndpoint) -> int:
    reading = ("Describe", "List", "Get")
    counts = calls(endpoint).items()
    return sum(count for name, count in counts if not name.startswith(reading))


@pytest.fixture
def apply(cli: Cli, endpoint: LocalEndpoint) -> Callable[..., Run]:
    def run(*arguments: str, url: str = "") -> Run:
        where = ("--endpoint-url", url or endpoint.url, "--owner", "platform")
        return cli("apply", "manifests", *where, "--auto-approve", *arguments)

    return run


@pytest.fixture
def plan(cli: Cli, endpoint: LocalEndpoint) -> Callable[..., Run]:
    def run(*arguments: str) -> Run:
        return cli(
            "plan", "manifests", "--endpoint-url", endpoint.url, "--owner", "platform", *arguments
        )

    return run


def test_the_same_apply_twice_writes_once(
    write: Write, apply: Callable[..., Run], endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", team="pay"))
    write("manifests/b.yaml", mesh_yaml("b", None))
    first = apply()
    assert (first.code, first.err) == (0, "")
    assert "Applied: 2 created." in first.out
    assert calls(endpoint)["CreateMesh"] == 2
    calls(endpoint, reset=True)
    second = apply()
    assert second.code == 0
    assert "No changes." in second.out
    assert writes(endpoint) == 0


def test_a_plan_writes_nothing(
    write: Write, plan: Callable[..., Run], endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    assert plan().code == 0
    assert plan("--detailed-exitcode").code == 2
    assert writes(endpoint) == 0


def test_a11_a_to_b_to_a_takes_effect_each_time(
    write: Write, apply: Callable[..., Run], endpoint: LocalEndpoint, by_hand: Any
) -> None:
    with recording(endpoint.url) as proxy:
        for kind in ("DROP_ALL", "ALLOW_ALL", "DROP_ALL"):
            write("manifests/a.yaml", mesh_yaml("a", kind))
            assert apply(url=proxy.url).code == 0
    sent = [json.loads(body) for request, body in proxy.asked if "/meshes" in request and body]
    tokens = [body["clientToken"] for body in sent]
    assert len(set(tokens)) == len(tokens) == 3
    live = by_hand.describe_mesh(meshName="a")["mesh"]
    assert live["metadata"]["version"] == 3
    assert live["spec"] == {"egressFilter": {"type": "DROP_ALL"}}


def test_a12_deleted_behind_its_back_five_times_it_is_live_again_each_time(
    write: Write, apply: Callable[..., Run], by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    uids = set()
    for _ in range(6):
        assert apply().code == 0
        uids.add(by_hand.describe_mesh(meshName="a")["mesh"]["metadata"]["uid"])
        by_hand.delete_mesh(meshName="a")
    assert len(uids) == 6


def test_s05_a_mesh_made_by_hand_is_named_and_left_alone_and_others_are_applied(
    write: Write, apply: Callable[..., Run], plan: Callable[..., Run], by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="theirs", tags=[{"key": OWNER_TAG, "value": "another team"}])
    by_hand.create_mesh(meshName="nobodys")
    for name in ("theirs", "nobodys", "ours"):
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    for result in (plan(), apply()):
        assert result.code == 5
        assert "mesh/theirs  foreign: it is owned by another team" in result.out
        assert "mesh/nobodys  foreign: it exists without an owner tag" in result.out
    for name in ("theirs", "nobodys"):
        assert by_hand.describe_mesh(meshName=name)["mesh"]["metadata"]["version"] == 1
    assert by_hand.describe_mesh(meshName="ours")["mesh"]["spec"]


def test_a_mesh_made_by_hand_is_adopted_where_the_manifest_says_so(
    write: Write, apply: Callable[..., Run], plan: Callable[..., Run], by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="a", tags=[{"key": "theirs", "value": "1"}])
    write("manifests/a.yaml", mesh_yaml("a", reconcile="{adopt: true}"))
    assert "= mesh/a" in plan().out
    assert apply().code == 0
    assert "No changes" in plan().out
    live = by_hand.describe_mesh(meshName="a")["mesh"]
    assert live["spec"] == {"egressFilter": {"type": "DROP_ALL"}}
    tags = by_hand.list_tags_for_resource(resourceArn=live["metadata"]["arn"])["tags"]
    assert {"key": "theirs", "value": "1"} in tags


def test_tags_come_and_go_and_those_of_others_stay(
    write: Write, apply: Callable[..., Run], plan: Callable[..., Run], by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", team="pay", tier="1"))
    apply()
    arn = by_hand.describe_mesh(meshName="a")["mesh"]["metadata"]["arn"]
    by_hand.tag_resource(resourceArn=arn, tags=[{"key": "cost", "value": "9"}])
    write("manifests/a.yaml", mesh_yaml("a", team="ops"))
    assert apply().code == 0
    tags = by_hand.list_tags_for_resource(resourceArn=arn)["tags"]
    shown = {tag["key"]: tag["value"] for tag in tags if not tag["key"].startswith("mesh-")}
    assert shown == {"team": "ops", "cost": "9"}
    assert "No changes" in plan().out


def test_each_difference_is_shown_with_both_sides_and_its_cause(
    write: Write, apply: Callable[..., Run], plan: Callable[..., Run], by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    write("manifests/b.yaml", mesh_yaml("b", "DROP_ALL"))
    apply()
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    by_hand.update_mesh(meshName="b", spec={"egressFilter": {"type": "ALLOW_ALL"}})
    result = plan().out
    assert "~ mesh/a  manifest changed  manifests/a.yaml:" in result
    assert '~ spec.egressFilter.type  "DROP_ALL" -> "ALLOW_ALL"' in result
    assert "! opens traffic" in result
    assert "~ mesh/b  unknown" in result
    assert '~ spec.egressFilter.type  "ALLOW_ALL" -> "DROP_ALL"' in result
    assert "! closes traffic" in result


def test_a_removed_manifest_deletes_under_sync_alone(
    write: Write, apply: Callable[..., Run], plan: Callable[..., Run], by_hand: Any, here: Path
) -> None:
    for name in "abc":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    apply()
    (here / "manifests/c.yaml").unlink()
    careful = plan()
    assert careful.code == 0
    assert "mesh/c  orphan:" in careful.out
    assert "- mesh/c  manifest removed" in plan("--policy", "sync").out
    assert apply("--policy", "sync").code == 0
    names = [ref["meshName"] for ref in by_hand.list_meshes()["meshes"]]
    assert names == ["a", "b"]


def test_s02_too_many_deletes_are_none(
    write: Write, apply: Callable[..., Run], by_hand: Any, here: Path
) -> None:
    for name in "abc":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    apply()
    (here / "manifests/b.yaml").unlink()
    (here / "manifests/c.yaml").unlink()
    refused = apply("--policy", "sync")
    assert refused.code == 5
    assert "2 deletes exceed --max-deletes 1" in refused.out
    assert len(by_hand.list_meshes()["meshes"]) == 3
    assert apply("--policy", "sync", "--max-deletes", "2").code == 0
    assert len(by_hand.list_meshes()["meshes"]) == 1


def test_s01_an_empty_source_is_refused_unless_it_is_meant(
    write: Write, apply: Callable[..., Run], by_hand: Any, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    apply()
    (here / "manifests/a.yaml").unlink()
    refused = apply("--policy", "sync")
    assert refused.code == 65
    assert len(by_hand.list_meshes()["meshes"]) == 1
    assert apply("--policy", "sync", "--allow-empty").code == 0
    assert by_hand.list_meshes()["meshes"] == []


def test_a_part_of_the_source_deletes_nothing(
    write: Write, apply: Callable[..., Run], cli: Cli, endpoint: LocalEndpoint, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("manifests/b.yaml", mesh_yaml("b"))
    apply()
    (here / "manifests/b.yaml").unlink()
    where = ("--endpoint-url", endpoint.url, "--owner", "platform", "--policy", "sync")
    only = apply("--policy", "sync", "--only", "mesh/b")
    assert only.code == 0
    assert "nothing is deleted because --only was given" in only.out
    piped = cli("plan", "-", *where, stdin=mesh_yaml("a"))
    assert "nothing is deleted because the manifests came from standard input" in piped.out
    write(
        "reconciler.toml",
        '[targets.t]\nsource = "manifests"\nowner = "platform"\n'
        f'endpoint_url = "{endpoint.url}"\npolicy = "sync"\n',
    )
    narrow = cli("plan", "manifests/a.yaml", "--target", "t")
    assert "manifests/a.yaml is not the source manifests" in narrow.out
    whole = cli("plan", "--target", "t")
    assert "- mesh/b" in whole.out


def test_only_and_except_leave_the_rest_alone(
    write: Write, apply: Callable[..., Run], by_hand: Any
) -> None:
    for name in ("pay-a", "pay-b", "ops"):
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    assert apply("--only", "mesh/pay-*", "--except", "mesh/pay-b").code == 0
    assert [ref["meshName"] for ref in by_hand.list_meshes()["meshes"]] == ["pay-a"]
    mistyped = apply("--only", "mesh/payments")
    assert mistyped.code == 64
    assert "mesh/payments matches no resource" in mistyped.err


def test_s09_protection_holds_after_the_manifest_is_gone(
    write: Write, apply: Callable[..., Run], by_hand: Any, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", reconcile="{protect: true}"))
    write("manifests/b.yaml", mesh_yaml("b"))
    apply()
    (here / "manifests/a.yaml").unlink()
    refused = apply("--policy", "sync")
    assert refused.code == 5
    assert "mesh/a  protected:" in refused.out
    assert len(by_hand.list_meshes()["meshes"]) == 2


def test_json_carries_the_patch_the_cause_and_the_code(
    write: Write, apply: Callable[..., Run], plan: Callable[..., Run]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    apply()
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    result = plan("--format", "json", "--detailed-exitcode")
    document = json.loads(result.out)
    (change,) = document["plan"]["changes"]
    assert change["operation"] == "update"
    assert change["cause"] == "manifest changed"
    assert change["patch"] == [
        {"op": "replace", "path": "/spec/egressFilter/type", "value": "ALLOW_ALL"}
    ]
    assert (document["exit_code"], document["exit_name"], result.code) == (2, "pending", 2)
    assert document["plan"]["target"]["account"] == "123456789012"
    report = json.loads(apply("--format", "json").out)
    assert report["outcomes"] == [{"key": "mesh/a", "operation": "update", "outcome": "applied"}]


def test_a30_a_mesh_with_members_is_not_deleted_and_they_are_named(
    write: Write, apply: Callable[..., Run], by_hand: Any, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("manifests/b.yaml", mesh_yaml("b"))
    apply()
    for number in range(7):
        by_hand.create_virtual_node(meshName="a", virtualNodeName=f"n{number}", spec={})
    by_hand.create_virtual_service(meshName="a", virtualServiceName="s.local", spec={})
    (here / "manifests/a.yaml").unlink()
    refused = apply("--policy", "sync")
    assert refused.code == 5
    named = ", ".join(f"virtual-node/a/n{number}" for number in range(7))
    kept = f"guard: it is needed by {named}, virtual-service/a/s.local, which are kept"
    assert kept in refused.out
    assert by_hand.describe_mesh(meshName="a")["mesh"]["status"] == {"status": "ACTIVE"}
    assert len(by_hand.list_virtual_nodes(meshName="a")["virtualNodes"]) == 7


def test_a_manifest_without_spec_leaves_the_live_one(
    write: Write, apply: Callable[..., Run], by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="a", spec={"egressFilter": {"type": "ALLOW_ALL"}})
    write("manifests/a.yaml", mesh_yaml("a", None, reconcile="{adopt: true}"))
    assert apply().code == 0
    live = by_hand.describe_mesh(meshName="a")["mesh"]
    assert live["spec"] == {"egressFilter": {"type": "ALLOW_ALL"}}
