"""What a run withholds is named whole, comes first, and says which option lets it pass."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, Run, Write
from manifest_text import mesh_yaml

from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

Say = Callable[..., Run]

NAMES = [f"m{number}" for number in range(8)]
PAUSE = "{suspend: {until: 2999-01-01T00:00:00Z, reason: load test}}"


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Say:
    def run(command: str, *arguments: str, owner: str = "platform") -> Run:
        target = ["--endpoint-url", endpoint.url, "--owner", owner]
        target += ["--auto-approve"] if command in ("apply", "adopt") else []
        target += ["--url", "http://127.0.0.1:1"] if command == "describe" else []
        return cli(command, *arguments, *target)

    return run


@pytest.fixture
def applied(write: Write, say: Say, here: Path) -> Path:
    """The directory of eight manifests, all of them applied."""
    for name in NAMES:
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    assert say("apply").code == 0
    return here / "manifests"


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_deletes_over_the_limit_come_first_each_by_its_name(
    form: str, applied: Path, say: Say
) -> None:
    for name in NAMES[1:]:
        (applied / f"{name}.yaml").unlink()
    result = say("plan", "--policy", "sync", "--format", form)
    assert result.code == 5
    assert "No changes" not in result.out
    assert all(f"mesh/{name}" in result.out for name in NAMES[1:])
    option = "7 deletes exceed --max-deletes 1, so nothing is deleted: pass --max-deletes 7"
    assert option in result.out
    if form != "json":
        counts = "Nothing to apply: 7 withheld (7 to delete). 1 resource matches the manifests."
        assert counts in result.out
    assert say("apply", "--policy", "sync", "--max-deletes", "7").code == 0


@pytest.mark.usefixtures("applied")
def test_updates_over_the_limit_show_what_differs_and_the_option(write: Write, say: Say) -> None:
    for name in NAMES:
        write(f"manifests/{name}.yaml", mesh_yaml(name, "ALLOW_ALL"))
    result = say("plan", "--max-updates", "3")
    assert result.code == 5
    assert "so nothing is updated: pass --max-updates 8" in result.out
    assert '      ~ spec.egressFilter.type  "DROP_ALL" -> "ALLOW_ALL"\n' in result.out
    assert "Nothing to apply: 8 withheld (8 to update). 0 resources match" in result.out
    assert "pass --policy upsert-only" in say("plan", "--policy", "observe").out
    assert say("apply", "--max-updates", "8").code == 0


def test_a_wrong_owner_id_is_said_to_own_nothing(say: Say, applied: Path) -> None:
    result = say("plan", owner="platfrom")
    note = "No live resource is owned by platfrom, but 8 resources are owned by platform"
    note += ": check --owner."
    assert result.code == 5
    assert f"\n{note}\nNothing to apply: 8 withheld. 0 resources match the" in result.out
    assert note in say("plan", "--format", "markdown", owner="platfrom").out
    document = json.loads(say("plan", "--format", "json", owner="platfrom").out)["plan"]
    assert document["owned"] == 0
    assert {withheld["owner"] for withheld in document["withheld"]} == {"platform"}
    assert "check --owner" not in say("plan").out
    for name in NAMES:
        (applied / f"{name}.yaml").unlink()
    teardown = ("--policy", "sync", "--allow-empty", "--max-deletes", "9")
    result = say("apply", *teardown, owner="platfrom")
    assert "\nNo live resource is owned by platfrom: check --owner.\nNo changes." in result.out


@pytest.mark.usefixtures("applied")
def test_one_foreign_resource_does_not_make_the_owner_id_wrong(
    write: Write, say: Say, by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="theirs", tags=[{"key": OWNER_TAG, "value": "another"}])
    write("manifests/theirs.yaml", mesh_yaml("theirs"))
    assert "check --owner" not in say("plan").out
    only = say("plan", "--only", "mesh/theirs")
    assert "foreign: it is owned by another, not by platform" in only.out
    assert "check --owner" not in only.out


def test_a_suspended_resource_shows_the_change_that_waits_and_its_owner(
    write: Write, say: Say, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", reconcile=PAUSE.replace("2999", "2020")))
    assert say("apply").code == 0
    by_hand.update_mesh(meshName="a", spec={"egressFilter": {"type": "ALLOW_ALL"}})
    write("manifests/a.yaml", mesh_yaml("a", reconcile=PAUSE))
    change = (
        "    ~ mesh/a  unknown  manifests/a.yaml:4:9\n"
        '      ~ spec.egressFilter.type  "ALLOW_ALL" -> "DROP_ALL"\n'
    )
    for result in (say("plan", "--detailed-exitcode"), say("describe", "mesh/a"), say("apply")):
        assert result.code == 0
        assert change in result.out
        assert "Nothing to apply: 1 withheld (1 to update)." in result.out
    assert "~ mesh/a  unknown" in say("plan", "--drift").out
    (withheld,) = json.loads(say("plan", "--format", "json").out)["plan"]["withheld"]
    assert (withheld["reason_code"], withheld["owner"]) == ("suspended", "platform")
    assert [field["pointer"] for field in withheld["change"]["fields"]] == [
        "/spec/egressFilter/type"
    ]


def test_what_lost_its_owner_tag_is_not_made_by_hand_and_is_taken_again_by_adopt(
    write: Write, say: Say, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    assert say("apply").code == 0
    arn = by_hand.describe_mesh(meshName="a")["mesh"]["metadata"]["arn"]
    by_hand.untag_resource(resourceArn=arn, tagKeys=[OWNER_TAG])
    result = say("plan")
    assert result.code == 5
    assert "last-applied record of mesh-reconciler but no owner tag" in result.out
    assert "run adopt, or set reconcile.adopt: true" in result.out
    assert "created by hand" not in result.out
    described = say("describe", "mesh/a").out
    assert "  owner      none, but it has a last-applied record\n" in described
    assert say("adopt", "mesh/a").code == 0
    assert "No changes. 1 resource matches" in say("plan").out
