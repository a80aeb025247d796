"""adopt and release at the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run
from manifest_text import mesh_yaml

from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

Write = Callable[[str, str], Path]


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Callable[..., Run]:
    """Return a run as owner platform that is agreed to, where its verb asks."""

    def run(command: str, *arguments: str) -> Run:
        agreed = [] if command == "plan" else ["--auto-approve"]
        where = ["--endpoint-url", endpoint.url, "--owner", "platform"]
        return cli(command, *arguments, *where, *agreed)

    return run


def tags_of(by_hand: Any, name: str) -> dict[str, str]:
    arn = by_hand.describe_mesh(meshName=name)["mesh"]["metadata"]["arn"]
    tags = by_hand.list_tags_for_resource(resourceArn=arn)["tags"]
    return {tag["key"]: tag["value"] for tag in tags}


def writes(endpoint: LocalEndpoint) -> set[str]:
    counted = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"]
    return {name for name in counted if not name.startswith(("List", "Describe", "Get"))}


@pytest.mark.unmeasured
def test_adopt_marks_what_is_as_its_manifest_says_and_leaves_what_differs(
    write: Write, say: Callable[..., Run], by_hand: Any
) -> None:
    for name in ("same", "other"):
        by_hand.create_mesh(meshName=name, spec={"egressFilter": {"type": "DROP_ALL"}})
    write("manifests/same.yaml", mesh_yaml("same", "DROP_ALL"))
    write("manifests/other.yaml", mesh_yaml("other", "ALLOW_ALL"))
    write("manifests/new.yaml", mesh_yaml("new"))
    result = say("adopt", "mesh/*")
    assert result.code == 5
    assert "mesh/same: adopted" in result.out
    assert "mesh/other  guard: its manifest differs from the live resource in " in result.out
    assert "spec.egressFilter.type:" in result.out
    assert tags_of(by_hand, "same")[OWNER_TAG] == "platform"
    assert tags_of(by_hand, "other") == {}
    assert [ref["meshName"] for ref in by_hand.list_meshes()["meshes"]] == ["other", "same"]
    again = say("adopt", "mesh/same")
    assert (again.code, "No changes." in again.out) == (0, True)


@pytest.mark.unmeasured
def test_adopt_with_accepted_changes_is_one_run(
    write: Write, say: Callable[..., Run], by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="a", spec={"egressFilter": {"type": "DROP_ALL"}})
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL", team="pay"))
    report = say("adopt", "mesh/a", "--accept-changes", "--format", "json")
    assert report.code == 0
    assert json.loads(report.out)["outcomes"] == [
        {"key": "mesh/a", "operation": "adopt", "outcome": "applied"}
    ]
    assert "No changes." in say("plan").out


@pytest.mark.unmeasured
def test_adopt_deletes_and_updates_nothing_that_is_ours_already(
    write: Write, say: Callable[..., Run], by_hand: Any, here: Path, endpoint: LocalEndpoint
) -> None:
    for name in ("gone", "edited"):
        write(f"manifests/{name}.yaml", mesh_yaml(name, "DROP_ALL"))
    say("apply")
    by_hand.create_mesh(meshName="a")
    (here / "manifests/gone.yaml").unlink()
    write("manifests/edited.yaml", mesh_yaml("edited", "ALLOW_ALL"))
    write("manifests/a.yaml", mesh_yaml("a", None))
    urllib3.request("DELETE", f"{endpoint.url}/_endpoint/calls")
    result = say("adopt", "mesh/*", "--policy", "sync")
    assert result.code == 0
    assert "it is already owned by this id" in result.out
    assert "Applied: 1 adopted" in result.out
    assert writes(endpoint) == {"TagResource"}


def test_adopt_leaves_another_owners_mesh_alone(
    write: Write, say: Callable[..., Run], by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="a", tags=[{"key": OWNER_TAG, "value": "another"}])
    write("manifests/a.yaml", mesh_yaml("a", None))
    result = say("adopt", "mesh/a")
    assert result.code == 5
    assert "owned by another" in result.out
    assert tags_of(by_hand, "a")[OWNER_TAG] == "another"


@pytest.mark.unmeasured
def test_release_takes_our_tags_off_and_deletes_nothing(
    write: Write, say: Callable[..., Run], by_hand: Any, endpoint: LocalEndpoint
) -> None:
    for name in "ab":
        write(f"manifests/{name}.yaml", mesh_yaml(name, team="pay"))
    say("apply")
    by_hand.create_mesh(meshName="theirs")
    urllib3.request("DELETE", f"{endpoint.url}/_endpoint/calls")
    result = say("release", "mesh/a", "mesh/theirs")
    assert result.code == 5
    assert "~ mesh/a  released" in result.out
    assert "mesh/a: released\n" in result.out
    assert "Applied: 1 released, 1 withheld." in result.out
    assert "If a manifest still has one of these" in result.out
    assert (
        "mesh/theirs  foreign: it is unowned; only resources owned by platform are released"
        in result.out
    )
    assert writes(endpoint) == {"UntagResource"}
    assert tags_of(by_hand, "a") == {"team": "pay"}
    assert tags_of(by_hand, "b")[OWNER_TAG] == "platform"
    assert "mesh/a  foreign: it exists without an owner tag" in say("plan").out


@pytest.mark.unmeasured
def test_release_in_json_says_nothing_else(write: Write, say: Callable[..., Run]) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    say("apply")
    document = json.loads(say("release", "mesh/a", "--format", "json").out)
    assert (document["exit_code"], document["plan"]["changes"][0]["cause"]) == (0, "released")


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("adopt", "mesh/unknown"),
            "adopt mesh/unknown: no live resource that matches has a manifest in manifests",
        ),
        (("adopt", "mesh/new"), "apply to create resources"),
        (("adopt", "mesh/live"), "run export to write manifests"),
        (("release", "mesh/new"), "mesh/new matches no live resource"),
        (("release", "mesh/live", "route/*"), "route/* matches no live resource"),
        (("adopt",), "KEY"),
        (("release",), "KEY"),
    ],
)
def test_a_key_that_names_nothing_is_wrong_usage_and_nothing_is_written(
    arguments: tuple[str, ...],
    words: str,
    write: Write,
    say: Callable[..., Run],
    by_hand: Any,
    endpoint: LocalEndpoint,
) -> None:
    by_hand.create_mesh(meshName="live")
    write("manifests/new.yaml", mesh_yaml("new"))
    result = say(*arguments)
    assert result.code == 64
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert writes(endpoint) == {"CreateMesh"}


@pytest.mark.parametrize("command", ["adopt", "release"])
@pytest.mark.parametrize("style", ["text", "json"])
def test_they_ask_as_apply_does(cli: Cli, command: str, style: str) -> None:
    result = cli(command, "mesh/a", "--target", "local", "--format", style)
    assert result.code == 64
    assert f"{command} needs confirmation" in result.err


def test_an_invalid_manifest_stops_an_adoption(write: Write, say: Callable[..., Run]) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("manifests/b.yaml", mesh_yaml("b", "NO"))
    assert say("adopt", "mesh/a").code == 65
