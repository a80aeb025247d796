"""How resources come under an owner, pass to another one, are left alone for a while, and end."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run
from journeys.environments import TOPOLOGIES
from manifest_text import mesh_yaml

from reconciler.core.planning.guards import Policy
from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

Write = Callable[[str, str], Path]
Say = Callable[..., Run]
DROP, ALLOW = ({"egressFilter": {"type": kind}} for kind in ("DROP_ALL", "ALLOW_ALL"))


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Say:
    """Return a run against the endpoint, as owner platform unless another one is named."""

    def run(command: str, *arguments: str, owner: str = "platform") -> Run:
        agreed = ["--auto-approve"] if command in ("apply", "adopt", "release") else []
        where = ["--endpoint-url", endpoint.url, "--owner", owner]
        return cli(command, *arguments, *where, *agreed)

    return run


def names(by_hand: Any) -> list[str]:
    return [ref["meshName"] for ref in by_hand.list_meshes()["meshes"]]


def owner_of(by_hand: Any, name: str) -> str | None:
    arn = by_hand.describe_mesh(meshName=name)["mesh"]["metadata"]["arn"]
    tags = by_hand.list_tags_for_resource(resourceArn=arn)["tags"]
    return next((tag["value"] for tag in tags if tag["key"] == OWNER_TAG), None)


def test_what_was_made_by_hand_is_exported_adopted_and_then_in_sync(
    say: Say, by_hand: Any, endpoint: LocalEndpoint
) -> None:
    by_hand.create_mesh(
        meshName="pay", spec=ALLOW, tags=[{"key": "team", "value": "no"}, {"key": "n", "value": ""}]
    )
    by_hand.create_mesh(meshName="it's", spec={})
    assert say("export", "--to", "manifests").code == 0
    assert say("plan").code == 5
    assert "Applied: 2 adopted." in say("adopt", "mesh/*").out
    urllib3.request("DELETE", f"{endpoint.url}/_endpoint/calls")
    for command in ("plan", "apply"):
        result = say(command)
        assert (result.code, result.err) == (0, "")
        assert "No changes. 2 resources match the manifests." in result.out
    assert by_hand.describe_mesh(meshName="pay")["mesh"]["metadata"]["version"] == 1


@pytest.mark.sample(1)
@pytest.mark.parametrize("topology", ["canary", "ingress"])
def test_what_is_in_a_mesh_is_exported_and_adopted_with_it(
    topology: str, write: Write, say: Say
) -> None:
    for name in ("kept.yaml", "before.yaml"):
        write(f"elsewhere/{name}", (TOPOLOGIES / topology / name).read_text())
    count = say("apply", "elsewhere").out.count(": created\n")
    assert count > 1
    say("release", "*")
    result = say("export", "--to", "manifests")
    assert result.code == 0
    assert f"Exported {count} manifests, {count} of them new.\n" in result.out
    assert f"Applied: {count} adopted." in say("adopt", "*").out
    result = say("plan")
    assert result.code == 0
    assert f"No changes. {count} resources match the manifests." in result.out


def test_protection_survives_an_export(write: Write, say: Say, here: Path) -> None:
    write("manifests/a.yaml", mesh_yaml("a", reconcile="{protect: true}"))
    say("apply")
    (here / "manifests/a.yaml").unlink()
    say("export", "--to", "manifests")
    assert "protect: true" in (here / "manifests/mesh/a.yaml").read_text()
    assert "No changes. 1 resource matches the manifests." in say("plan").out


def test_another_owner_takes_over_what_the_old_one_released(
    write: Write, say: Say, by_hand: Any
) -> None:
    for name in "ab":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    say("apply", owner="old")
    refused = say("adopt", "mesh/*", owner="new")
    assert (refused.code, owner_of(by_hand, "a")) == (5, "old")
    assert say("release", "mesh/*", owner="old").code == 0
    assert owner_of(by_hand, "a") is None
    assert say("adopt", "mesh/a", owner="new").code == 0
    write("manifests/b.yaml", mesh_yaml("b", reconcile="{adopt: true}"))
    assert say("apply", owner="new").code == 0
    assert [owner_of(by_hand, name) for name in "ab"] == ["new", "new"]
    assert "No changes. 2 resources" in say("plan", owner="new").out
    assert [
        by_hand.describe_mesh(meshName=name)["mesh"]["metadata"]["version"] for name in "ab"
    ] == [1, 1]


def test_teardown_takes_an_empty_source_the_policy_and_the_number(
    write: Write, say: Say, by_hand: Any, here: Path
) -> None:
    by_hand.create_mesh(meshName="theirs")
    for name in "abc":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    say("apply")
    for name in "abc":
        (here / f"manifests/{name}.yaml").unlink()
    assert say("apply", "--policy", "sync", "--max-deletes", "3").code == 65
    assert say("apply", "--allow-empty", "--max-deletes", "3").code == 0
    assert say("apply", "--policy", "sync", "--allow-empty").code == 5
    assert len(names(by_hand)) == 4
    result = say("apply", "--policy", "sync", "--allow-empty", "--max-deletes", "3")
    assert (result.code, names(by_hand)) == (0, ["theirs"])
    assert "Applied: 3 deleted." in result.out


@pytest.mark.parametrize("policy", Policy)
def test_orphans_are_listed_under_every_policy(
    policy: Policy, write: Write, say: Say, here: Path
) -> None:
    for name in "ab":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    say("apply")
    (here / "manifests/b.yaml").unlink()
    result = say("plan", "--policy", policy.value)
    assert result.code == 0
    shown = "- mesh/b  manifest removed" if policy is Policy.SYNC else "! mesh/b  orphan:"
    assert shown in result.out


def test_a_suspension_holds_until_its_end_and_says_why(
    write: Write, say: Say, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    say("apply")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for until, code in ((later, 0), ("2020-01-01T00:00:00Z", 2)):
        pause = f"{{suspend: {{until: {until}, reason: load test}}}}"
        write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL", reconcile=pause))
        result = say("plan", "--detailed-exitcode")
        assert result.code == code
        assert ("mesh/a  suspended: suspended until" in result.out) is (code == 0)
        assert ("load test" in result.out) is (code == 0)
    assert say("apply").code == 0
    assert by_hand.describe_mesh(meshName="a")["mesh"]["spec"] == ALLOW


def test_a_suspended_resource_is_not_written(write: Write, say: Say, by_hand: Any) -> None:
    pause = "{suspend: {until: 2999-01-01T00:00:00Z, reason: later}}"
    write("manifests/a.yaml", mesh_yaml("a", reconcile=pause))
    assert (say("apply").code, names(by_hand)) == (0, [])


def test_what_is_ignored_is_neither_drift_nor_overwritten(
    write: Write, say: Say, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL", reconcile="{ignore: [/egressFilter]}"))
    say("apply")
    by_hand.update_mesh(meshName="a", spec=ALLOW)
    for arguments in ((), ("--drift",)):
        assert say("plan", "--detailed-exitcode", *arguments).code == 0
    text = mesh_yaml("a", "DROP_ALL", reconcile="{ignore: [/egressFilter]}")
    write("manifests/a.yaml", text + "  serviceDiscovery: {ipPreference: IPv4_ONLY}\n")
    assert say("apply").code == 0
    live = by_hand.describe_mesh(meshName="a")["mesh"]["spec"]
    assert live == {**ALLOW, "serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}


def test_drift_is_shown_alone(write: Write, say: Say, by_hand: Any) -> None:
    for name in ("drifted", "edited", "both", "deleted"):
        write(f"manifests/{name}.yaml", mesh_yaml(name, "DROP_ALL"))
    say("apply")
    by_hand.update_mesh(meshName="drifted", spec=ALLOW)
    by_hand.update_mesh(meshName="both", spec={})
    by_hand.delete_mesh(meshName="deleted")
    for name in ("edited", "both", "new"):
        write(f"manifests/{name}.yaml", mesh_yaml(name, "ALLOW_ALL"))
    result = say("plan", "--drift", "--detailed-exitcode")
    assert result.code == 2
    assert "~ mesh/drifted  unknown" in result.out
    assert "~ mesh/both  unknown" in result.out
    for absent in ("mesh/edited", "mesh/new", "mesh/deleted"):
        assert absent not in result.out
    assert result.err == "reconciler: --drift omits 3 changes that manifests request\n"
    assert "+ mesh/deleted  new" in say("plan").out


@pytest.mark.measured
def test_the_drift_of_a_route_that_makes_way_is_shown(write: Write, say: Say, by_hand: Any) -> None:
    place = {"meshName": "m", "virtualRouterName": "r"}

    def declare(protocol: str) -> None:
        listeners = [{"portMapping": {"port": 80, "protocol": protocol}}]
        routes = {"match": {"prefix": "/"}, "action": target}
        spec = {f"{protocol}Route": routes}
        write("manifests/r.json", json.dumps({**place, "spec": {"listeners": listeners}}))
        write("manifests/v.json", json.dumps({**place, "routeName": "v", "spec": spec}))

    target = {"weightedTargets": [{"virtualNode": "n", "weight": 1}]}
    node = {"meshName": "m", "virtualNodeName": "n", "spec": {}}
    write("manifests/m.yaml", mesh_yaml("m"))
    write("manifests/n.json", json.dumps(node))
    declare("http")
    assert say("apply").code == 0
    hand = {"httpRoute": {"match": {"prefix": "/x"}, "action": target}}
    by_hand.update_route(**place, routeName="v", spec=hand)
    declare("http2")
    result = say("plan", "--drift", "--detailed-exitcode")
    assert result.code == 2
    words = "temporarily detaches route/m/r/v (unknown)"
    assert words in result.out


@pytest.mark.measured
def test_an_update_that_was_refused_does_not_read_as_drift(
    write: Write, say: Say, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    say("apply")
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    refused = {"operation": "UpdateMesh", "fault": "error", "status": 403}
    faults = f"{endpoint.url}/_endpoint/faults"
    urllib3.request("PUT", faults, json={"faults": [refused]})
    assert say("apply").code == 1
    urllib3.request("DELETE", faults)
    assert say("plan", "--drift", "--detailed-exitcode").code == 0
    assert "~ mesh/a  manifest changed" in say("plan").out


def test_drift_alone_can_be_saved_and_corrected(write: Write, say: Say, by_hand: Any) -> None:
    for name in ("drifted", "edited"):
        write(f"manifests/{name}.yaml", mesh_yaml(name, "DROP_ALL"))
    say("apply")
    by_hand.update_mesh(meshName="drifted", spec=ALLOW)
    write("manifests/edited.yaml", mesh_yaml("edited", "ALLOW_ALL"))
    say("plan", "--drift", "--out", "drift.plan")
    assert "Applied: 1 updated." in say("apply", "--plan", "drift.plan").out
    for name in ("drifted", "edited"):
        assert by_hand.describe_mesh(meshName=name)["mesh"]["spec"] == DROP


def test_a_new_version_and_new_times_are_no_drift(write: Write, say: Say, by_hand: Any) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    say("apply")
    by_hand.update_mesh(meshName="a", spec=DROP)
    assert by_hand.describe_mesh(meshName="a")["mesh"]["metadata"]["version"] == 2
    result = say("plan", "--drift", "--detailed-exitcode")
    assert (result.code, "No changes." in result.out) == (0, True)


@pytest.mark.measured
@pytest.mark.sample(2)
@pytest.mark.parametrize("command", ["plan", "apply", "adopt", "describe"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "mesh/typo"), "--only mesh/typo matches no resource"),
        (("--except", "mesh/typo"), "--except mesh/typo matches no resource"),
    ],
)
def test_a_mistyped_key_is_64_in_every_verb_and_writes_nothing(
    command: str, arguments: tuple[str, str], words: str, write: Write, say: Say, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    key = ("mesh/a",) if command in ("adopt", "describe") else ()
    result = say(command, *key, *arguments)
    assert result.code == 64
    assert words in result.err
    assert names(by_hand) == []


@pytest.mark.measured
@pytest.mark.parametrize("command", ["plan", "apply", "adopt", "release", "export", "describe"])
def test_an_owner_that_cannot_be_a_tag_is_64_and_writes_nothing(
    command: str, write: Write, say: Say, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    more = {"export": ["--to", "out"]}.get(command, [])
    key = [] if command in ("plan", "apply") else ["mesh/a"]
    result = say(command, *key, *more, owner="no\ttag")
    assert result.code == 64
    assert "invalid owner id" in result.err
    assert len(result.err.splitlines()) == 1
    assert urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"] == {}
