"""Which commands renew last-applied records, and what they say of it."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, Run
from manifest_text import mesh_yaml

from reconciler.core.planning.last_applied import parse_last_applied, unattested
from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

Write = Callable[[str, str], Path]
Say = Callable[..., Run]


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Say:
    def run(*arguments: str, stdin: str = "") -> Run:
        return cli(*arguments, "--endpoint-url", endpoint.url, "--owner", "o", stdin=stdin)

    return run


def arn(by_hand: Any) -> str:
    found: str = by_hand.describe_mesh(meshName="a")["mesh"]["metadata"]["arn"]
    return found


def tags_of(by_hand: Any) -> dict[str, str]:
    tags = by_hand.list_tags_for_resource(resourceArn=arn(by_hand))["tags"]
    return {tag["key"]: tag["value"] for tag in tags}


def retag(by_hand: Any, tags: Mapping[str, str]) -> None:
    """Write ``tags``, as another client would."""
    pairs = [{"key": key, "value": value} for key, value in tags.items()]
    by_hand.tag_resource(resourceArn=arn(by_hand), tags=pairs)


def attested_version(by_hand: Any) -> int | None:
    record = parse_last_applied(tags_of(by_hand))
    assert record is not None
    return record.version


@pytest.fixture
def in_sync(write: Write, say: Say, by_hand: Any) -> None:
    """Make the mesh ``a``, in sync, with the record of a release without versions."""
    write("manifests/a.yaml", mesh_yaml("a", team="pay"))
    assert say("apply", "--auto-approve").code == 0
    assert attested_version(by_hand) == 1
    retag(by_hand, unattested(tags_of(by_hand)))
    assert attested_version(by_hand) is None


@pytest.mark.usefixtures("in_sync")
def test_apply_shows_the_renewal_renews_once_and_changes_nothing_else(
    say: Say, by_hand: Any
) -> None:
    before = tags_of(by_hand)
    result = say("apply", "--auto-approve")
    assert (result.code, result.err) == (0, "")
    shown = "No changes. 1 resource matches the manifests. 1 last-applied record to renew.\n"
    assert shown in result.out
    assert result.out.endswith("Applied: 1 of 1 record renewed.\n")
    assert attested_version(by_hand) == 1
    assert unattested(tags_of(by_hand)) == before
    again = say("apply", "--auto-approve")
    assert again.out.endswith("No changes. 1 resource matches the manifests.\n")


@pytest.mark.usefixtures("in_sync")
def test_apply_asks_before_it_renews(say: Say, by_hand: Any) -> None:
    refused = say("apply")
    assert refused.code != 0
    assert attested_version(by_hand) is None
    assert "renewed" not in refused.out


@pytest.mark.usefixtures("in_sync")
def test_the_report_counts_renewed_records(say: Say) -> None:
    arguments = ("apply", "--auto-approve", "--format", "json")
    assert [json.loads(say(*arguments).out)["renewed"] for _ in range(2)] == [1, 0]


@pytest.mark.usefixtures("in_sync")
def test_run_once_renews(say: Say, by_hand: Any) -> None:
    assert say("run", "--once").code == 0
    assert attested_version(by_hand) == 1


@pytest.mark.usefixtures("in_sync")
@pytest.mark.parametrize(
    "command",
    [
        ("plan",),
        ("plan", "--out", "plan.json"),
        ("apply", "--auto-approve", "--policy", "observe"),
        ("run", "--once", "--policy", "observe"),
        ("apply", "--auto-approve", "--policy", "create-only"),
        ("adopt", "mesh/a", "--auto-approve"),
        ("describe", "mesh/a", "--url", "http://127.0.0.1:1"),
    ],
    ids=" ".join,
)
def test_others_renew_nothing_and_show_nothing_of_it(
    say: Say, by_hand: Any, command: tuple[str, ...]
) -> None:
    result = say(*command)
    assert "renew" not in result.out
    assert attested_version(by_hand) is None


@pytest.mark.usefixtures("in_sync")
def test_a_saved_plan_renews_nothing(say: Say, write: Write, by_hand: Any) -> None:
    write("manifests/b.yaml", mesh_yaml("b"))
    assert say("plan", "--out", "plan.json").code == 0
    result = say("apply", "--plan", "plan.json", "--auto-approve")
    assert result.out.endswith("Applied: 1 created.\n")
    assert attested_version(by_hand) is None


def describes(say: Say, *options: str) -> bool:
    return "DescribeMesh" in json.loads(say("plan", *options, "--format", "json").out)["calls"]


def test_a_plan_describes_what_changed_within_the_lag_of_the_index_or_with_refresh(
    write: Write, say: Say
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    say("apply", "--auto-approve")
    assert describes(say)
    deadline = time.monotonic() + 10
    # The times of the API are in whole seconds: in the second of the write nothing is believed.
    while describes(say, "--tag-index-lag", "0"):
        assert time.monotonic() < deadline, "its record is never believed"
    assert describes(say, "--tag-index-lag", "0", "--refresh")
    assert describes(say)


def test_nothing_is_described_on_the_local_target_with_the_default(write: Write, cli: Cli) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    local = ("--target", "local")
    assert cli("apply", *local, "--auto-approve").code == 0
    deadline = time.monotonic() + 10
    while "DescribeMesh" in json.loads(cli("plan", *local, "--format", "json").out)["calls"]:
        assert time.monotonic() < deadline, "its record is never believed"
