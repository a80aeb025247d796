"""Changes by other clients show in the next plan, whichever way they were made."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run, Write
from manifest_text import mesh_yaml

from reconciler.core.resources import APPLIED_TAG, OWNER_TAG
from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

DROP, ALLOW = ({"egressFilter": {"type": kind}} for kind in ("DROP_ALL", "ALLOW_ALL"))
HOUR = 3_600

Say = Callable[..., Run]
Door = Callable[[Any, str], object]


class Clock:
    """The clock of an endpoint whose resources are older than any lag, unless it is set."""

    def __init__(self) -> None:
        self.now: float | None = None

    def __call__(self) -> float:
        return time.time() - HOUR if self.now is None else self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoint(clock: Clock) -> Iterator[LocalEndpoint]:
    with LocalEndpoint(None, clock=clock) as serving:
        yield serving


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Say:
    """Return a run against the endpoint."""

    def run(command: str, *arguments: str) -> Run:
        agreed = ["--auto-approve"] if command in ("apply", "adopt") else []
        where = ["--endpoint-url", endpoint.url, "--owner", "o"]
        return cli(command, *arguments, *where, *agreed)

    return run


@pytest.fixture
def described(endpoint: LocalEndpoint) -> Callable[[], int]:
    """Return a function that returns the number of meshes described since its last call."""

    def count() -> int:
        calls = f"{endpoint.url}/_endpoint/calls"
        made = urllib3.request("GET", calls).json()["calls"]
        urllib3.request("DELETE", calls)
        return int(made.get("DescribeMesh", 0))

    return count


def arn_of(hand: Any, name: str) -> str:
    return str(hand.describe_mesh(meshName=name)["mesh"]["metadata"]["arn"])


def tags_of(hand: Any, name: str) -> dict[str, str]:
    listed = hand.list_tags_for_resource(resourceArn=arn_of(hand, name))["tags"]
    return {tag["key"]: tag["value"] for tag in listed}


def tag(**tags: str) -> Door:
    def door(hand: Any, name: str) -> None:
        hand.tag_resource(
            resourceArn=arn_of(hand, name),
            tags=[{"key": key, "value": value} for key, value in tags.items()],
        )

    return door


def untag(key: str) -> Door:
    return lambda hand, name: hand.untag_resource(resourceArn=arn_of(hand, name), tagKeys=[key])


def replace(hand: Any, name: str, **changes: str | None) -> None:
    """Delete the mesh, and create it with another spec and with its tags, but for ``changes``."""
    tags = {**tags_of(hand, name), **changes}
    hand.delete_mesh(meshName=name)
    hand.create_mesh(
        meshName=name,
        spec=ALLOW,
        tags=[{"key": key, "value": value} for key, value in tags.items() if value is not None],
    )


DOORS: dict[str, tuple[Door, str]] = {
    "an update": (lambda hand, name: hand.update_mesh(meshName=name, spec=ALLOW), "~"),
    "a changed tag": (tag(team="theirs"), "~"),
    "a removed tag": (untag("team"), "~"),
    "a removed record": (untag(APPLIED_TAG), ""),
    "a removed owner tag": (untag(OWNER_TAG), "!"),
    "another owner": (tag(**{OWNER_TAG: "theirs"}), "!"),
    "a delete": (lambda hand, name: hand.delete_mesh(meshName=name), "+"),
    "a delete and a create without tags": (
        lambda hand, name: replace(hand, name, **dict.fromkeys((OWNER_TAG, APPLIED_TAG))),
        "!",
    ),
    "a delete and a create without the record": (
        lambda hand, name: replace(hand, name, **{APPLIED_TAG: None}),
        "~",
    ),
}


@pytest.mark.sample(4)
@pytest.mark.parametrize(("door", "mark"), DOORS.values(), ids=DOORS)
def test_what_other_clients_change_shows_in_the_next_plan(
    door: Door, mark: str, write: Write, say: Say, by_hand: Any, described: Callable[[], int]
) -> None:
    for name in ("a", "b"):
        write(f"manifests/{name}.yaml", mesh_yaml(name, "DROP_ALL", team="pay"))
    say("apply")
    described()
    assert "No changes. 2 resources match the manifests." in say("plan").out
    assert described() == 0
    door(by_hand, "a")
    described()
    result = say("plan")
    assert described() >= (mark != "+")
    if mark:
        assert f"{mark} mesh/a" in result.out
    assert "mesh/b" not in result.out
    assert result.out == say("plan", "--refresh").out


@pytest.mark.parametrize("record", ["of an update", "of a create"])
def test_a_copy_of_both_tags_is_believed_until_refresh_if_a_create_wrote_the_record(
    record: str, write: Write, say: Say, by_hand: Any, clock: Clock
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    if record == "of an update":
        # Adopted at version 1, so that the copy has the same version.
        by_hand.create_mesh(meshName="a", spec=DROP)
        say("adopt", "mesh/a")
        say("apply")
    else:
        say("apply")
    # It is created at another time than the first one.
    clock.now = time.time() - HOUR / 2
    replace(by_hand, "a")
    believed = record == "of a create"
    for command in ("plan", "apply"):
        result = say(command, "--policy", "observe")
        assert ("No changes." in result.out) is believed
    assert "~ mesh/a" in say("plan", "--refresh").out
    assert "Applied: 1 updated." in say("apply", "--refresh").out
    assert by_hand.describe_mesh(meshName="a")["mesh"]["spec"] == DROP


REFRESHED: dict[str, tuple[str, ...]] = {
    "plan": (),
    "apply": (),
    "run": ("--once",),
    "describe": ("mesh/a",),
    "adopt": ("mesh/b",),
}


@pytest.mark.parametrize("command", REFRESHED)
def test_refresh_describes_every_resource(
    command: str, write: Write, say: Say, by_hand: Any, described: Callable[[], int]
) -> None:
    for name in ("a", "c", "d"):
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    say("apply")
    by_hand.create_mesh(meshName="b", spec=DROP)
    write("manifests/b.yaml", mesh_yaml("b"))
    counts = []
    for refresh in ((), ("--refresh",)):
        described()
        assert say(command, *REFRESHED[command], *refresh).code in (0, 5)
        counts.append(described())
        if command == "adopt":
            by_hand.untag_resource(resourceArn=arn_of(by_hand, "b"), tagKeys=[OWNER_TAG])
    assert counts[1] == counts[0] + 3


@pytest.mark.parametrize("option", [("--refresh",), ("--tag-index-lag", "0")])
def test_a_saved_plan_takes_no_option_of_planning(
    option: tuple[str, ...], write: Write, say: Say
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    say("plan", "--out", "p.plan")
    result = say("apply", "--plan", "p.plan", *option)
    assert result.code == 64
    assert option[0] in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "variable", "table", "expected"),
    [
        (None, None, None, 1),
        ("10", None, None, 0),
        (None, "10", None, 0),
        (None, None, "10", 0),
        (None, None, "90.5", 1),
        ("90", "10", "10", 1),
        (None, "90", "10", 1),
    ],
)
def test_the_lag_is_an_option_a_variable_or_a_setting_of_the_target(
    option: str | None,
    variable: str | None,
    table: str | None,
    expected: int,
    *,
    write: Write,
    cli: Cli,
    endpoint: LocalEndpoint,
    clock: Clock,
    described: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = "" if table is None else f"tag_index_lag = {table}\n"
    write(
        "reconciler.toml",
        f'[targets.stage]\nendpoint_url = "{endpoint.url}"\nowner = "o"\n{setting}',
    )
    write("manifests/a.yaml", mesh_yaml("a"))
    clock.now = time.time() - 60
    assert cli("apply", "--target", "stage", "--auto-approve").code == 0
    if variable is not None:
        monkeypatch.setenv("RECONCILER_TAG_INDEX_LAG", variable)
    described()
    arguments = ["--tag-index-lag", option] if option else []
    assert cli("plan", "--target", "stage", *arguments).code == 0
    assert described() == expected


@pytest.mark.measured
@pytest.mark.parametrize(
    ("variable", "table", "words"),
    [
        ("soon", None, "--tag-index-lag"),
        ("-1", None, "--tag-index-lag"),
        ("nan", None, "--tag-index-lag"),
        (None, '"soon"', "targets.stage.tag_index_lag must be a number of seconds"),
        (None, "-1", "targets.stage.tag_index_lag must be a number of seconds"),
        (None, "true", "targets.stage.tag_index_lag must be a number of seconds"),
        (None, "nan", "targets.stage.tag_index_lag must be a number of seconds"),
    ],
)
def test_a_lag_that_is_no_number_of_seconds_is_one_message(
    variable: str | None,
    table: str | None,
    words: str,
    write: Write,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = "" if table is None else f"tag_index_lag = {table}\n"
    write("reconciler.toml", f'[targets.stage]\nendpoint_url = "http://127.0.0.1:1"\n{setting}')
    write("manifests/a.yaml", mesh_yaml("a"))
    if variable is not None:
        monkeypatch.setenv("RECONCILER_TAG_INDEX_LAG", variable)
    result = cli("plan", "--target", "stage", "--owner", "o")
    assert (result.code, result.out) == (64, "")
    assert words in result.err
    assert len(result.err.splitlines()) == 1
