"""describe at the command line: one screen, or the same as JSON."""

import json
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run
from manifest_text import mesh_yaml
from web.samples import StillDaemon, calm, served

from reconciler.core.resources import OWNER_TAG, Key, TargetId
from reconciler.core.state.daemon_status import ResourceStatus, State
from reconciler.endpoint import LocalEndpoint

Write = Callable[[str, str], Path]
Say = Callable[..., Run]


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Say:
    def run(*arguments: str) -> Run:
        asked = ("--url", "http://127.0.0.1:1") * (arguments[0] == "describe")
        target = ("--endpoint-url", endpoint.url, "--owner", "platform")
        return cli(*arguments, *target, *(() if "--url" in arguments else asked))

    return run


@pytest.mark.unmeasured
def test_one_screen_says_all_of_it(write: Write, say: Say, by_hand: Any) -> None:
    until = "{until: 2020-01-01T00:00:00Z, reason: load}"
    path = "manifests/a.yaml"
    write(path, mesh_yaml("a", reconcile=f"{{protect: true, suspend: {until}}}", team="pay"))
    say("apply", "--auto-approve")
    by_hand.update_mesh(meshName="a", spec={"egressFilter": {"type": "ALLOW_ALL"}})
    live = by_hand.describe_mesh(meshName="a")["mesh"]["metadata"]
    result = say("describe", "mesh/a")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("target http://127.0.0.1:")
    for words in (
        "  ~ mesh/a  unknown  manifests/a.yaml:4:9",
        '      ~ spec.egressFilter.type  "ALLOW_ALL" -> "DROP_ALL"',
        "  manifest   manifests/a.yaml:4:9",
        "  owner      platform",
        f"  uid        {live['uid']}",
        "  version    2",
        f"  arn        {live['arn']}",
        f"  created    {live['createdAt'].astimezone(UTC):%Y-%m-%dT%H:%M:%S}+00:00",
        "  attempts   unknown: no daemon for this target and owner at --url",
        '    spec.egressFilter.type  "DROP_ALL"',
        "    protect                 true",
        '    suspend.reason          "load"',
    ):
        assert any(line.startswith(words) for line in lines), words
    assert len(lines) <= 40


@pytest.mark.parametrize(
    ("name", "owner", "words"),
    [
        ("a", "platform", "failed 40 min ago; 2 attempts failed, the next in "),
        ("b", "platform", "none since the daemon at http://127.0.0.1:"),
        ("a", "another", "unknown: no daemon for this target and owner at --url"),
    ],
)
def test_a_daemon_says_what_became_of_its_attempts(
    name: str, owner: str, words: str, write: Write, say: Say, endpoint: LocalEndpoint, here: Path
) -> None:
    for each in "ab":
        write(f"manifests/{each}.yaml", mesh_yaml(each))
    now = time.time()
    target = TargetId(endpoint.url, endpoint.url, "123456789012", "eu-west-1")
    tried = ResourceStatus(
        Key("mesh", ("a",)),
        State.FAILED,
        since=now - 60 * 60,
        outcome="failed",
        outcome_at=now - 40 * 60,
        attempts=2,
        next_attempt_at=now + 80,
    )
    with served(StillDaemon(calm(target=target, owner=owner, resources=(tried,))), here) as url:
        result = say("describe", f"mesh/{name}", "--url", url)
    assert f"  attempts   {words}" in result.out


def test_json_has_the_same(write: Write, say: Say) -> None:
    write("manifests/a.yaml", mesh_yaml("a", team="pay"))
    say("apply", "--auto-approve")
    document = json.loads(say("describe", "mesh/a", "--format", "json").out)
    assert document["key"] == "mesh/a"
    assert document["desired"] == {
        "spec": {"egressFilter": {"type": "DROP_ALL"}},
        "tags": {"team": "pay"},
    }
    assert document["live"]["spec"] == {"egressFilter": {"type": "DROP_ALL"}}
    assert document["facts"]["owner"] == "platform"
    assert document["plan"]["unchanged"] == ["mesh/a"]
    assert (document["exit_code"], document["exit_name"]) == (0, "ok")


def test_what_is_not_there_yet(write: Write, say: Say) -> None:
    write("manifests/a.yaml", mesh_yaml("a", None))
    result = say("describe", "mesh/a")
    assert result.code == 0
    assert "+ mesh/a  new" in result.out
    assert "  live       no\n" in result.out
    assert "  observed" not in result.out


@pytest.mark.unmeasured
def test_what_no_manifest_names_and_is_not_ours(write: Write, say: Say, by_hand: Any) -> None:
    by_hand.create_mesh(meshName="theirs", tags=[{"key": OWNER_TAG, "value": "another"}])
    by_hand.create_mesh(meshName="nobodys")
    write("manifests/a.yaml", mesh_yaml("a"))
    result = say("describe", "mesh/theirs")
    assert result.code == 0
    assert "  manifest   none\n  owner      another\n" in result.out
    assert "mesh/a" not in result.out
    assert "  owner      none\n" in say("describe", "mesh/nob*").out


@pytest.mark.unmeasured
def test_what_holds_it_back_is_what_holds_a_whole_run_back(
    write: Write, say: Say, here: Path
) -> None:
    for name in "abc":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    say("apply", "--auto-approve")
    for name in "ab":
        (here / f"manifests/{name}.yaml").unlink()
    result = say("describe", "mesh/a", "--policy", "sync")
    assert result.code == 5
    assert "! mesh/a  guard: 2 deletes exceed --max-deletes 1" in result.out
    assert "mesh/b" not in result.out


@pytest.mark.unmeasured
def test_what_cannot_be_read_is_1(write: Write, say: Say, endpoint: LocalEndpoint) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    say("apply", "--auto-approve")
    refused = {"operation": "DescribeMesh", "fault": "error", "status": 403}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [refused]})
    result = say("describe", "mesh/a")
    assert result.code == 1
    assert "! mesh/a  unreadable: it could not be read: DescribeMesh of mesh/a" in result.out
    assert "  live       it could not be read: DescribeMesh of mesh/a: Forbidden" in result.out


def test_what_was_listed_and_is_not_found_is_not_said_to_be_absent(
    write: Write, say: Say, endpoint: LocalEndpoint, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    by_hand.create_mesh(meshName="b")
    missing = {"operation": "DescribeMesh", "fault": "error", "status": 404}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [missing]})
    result = say("describe", "mesh/b")
    assert result.code == 1
    assert "  live       it could not be read: it was listed, and then not found" in result.out


@pytest.mark.unmeasured
@pytest.mark.parametrize("key", ["mesh/x", "*/payments", "route/a/b/c"])
def test_an_unknown_key_is_64(key: str, write: Write, say: Say) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    result = say("describe", key)
    assert result.code == 64
    assert f"{key} matches no resource, neither in the manifests nor on the target" in result.err


def test_several_keys_are_64(write: Write, say: Say) -> None:
    for name in ("a", "b"):
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    result = say("describe", "mesh/*")
    assert result.code == 64
    assert "matches 2, desired or live, such as mesh/a and mesh/b" in result.err


def test_hostile_tags_do_not_steer_the_screen(write: Write, say: Say, by_hand: Any) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    by_hand.create_mesh(meshName="b", tags=[{"key": "k\x1b[31m", "value": "v\u202e"}])
    result = say("describe", "mesh/b")
    assert "\x1b" not in result.out
    assert "\u202e" not in result.out
    assert r"tags.k\x1b[31m" in result.out
