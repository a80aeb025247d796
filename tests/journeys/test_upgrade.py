"""The release before and this one on one endpoint: by turns, at once, and after a crash."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from amounts import FULL, amount
from conftest import Cli, Run, Write
from daemons import eventually
from manifest_text import mesh_yaml
from programs import ROOT
from release_before import unpack_release_before

from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.last_applied import user_tags
from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.process]

READING = ("Describe", "List", "Get")
PROTECT = "{protect: true}"
RELEASES = ("before", "now")
REVERTING = amount("releases that revert drift after the other one", test=1, full=2)


@dataclass(frozen=True)
class Release:
    """One release of the command: this one in this process, another one in its own processes."""

    package: Path
    options: tuple[str, ...]
    url: str
    cli: Cli | None = None

    def arguments(self, command: str, *more: str) -> list[str]:
        target = ("--endpoint-url", self.url, "--owner", "o", "--policy", "sync")
        return [command, "manifests", *target, *self.options, *more]

    def start(self, command: str, *more: str, output: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", *self.arguments(command, *more)],
            stdout=output, stderr=output, text=True,
            env={**os.environ, "PYTHONPATH": str(self.package)},
        )  # fmt: skip

    def run(self, command: str, *more: str, code: int = 0) -> str:
        """Return what the command prints."""
        if self.cli:
            result = self.cli(*self.arguments(command, *more))
        else:
            process = self.start(command, *more, output=subprocess.PIPE)
            out, err = process.communicate(timeout=120)
            result = Run(process.returncode, out, err)
        assert result.code == code, result
        return result.out

    def apply(self, *, code: int = 0) -> dict[str, int]:
        """Return the writes of an apply, by operation."""
        counted(self.url)
        self.run("apply", "--auto-approve", code=code)
        return writes(self.url)

    def causes(self) -> dict[str, str]:
        """Return the cause of each change in a plan."""
        plan = json.loads(self.run("plan", "--format", "json"))["plan"]
        return {change["key"]: change["cause"] for change in plan["changes"]}


def counted(url: str) -> dict[str, int]:
    """Return the calls since the last count."""
    calls: dict[str, int] = urllib3.request("GET", f"{url}/_endpoint/calls").json()["calls"]
    urllib3.request("DELETE", f"{url}/_endpoint/calls")
    return calls


def writes(url: str, *, kept: bool = False) -> dict[str, int]:
    """Return the writes since the last count, which goes on if they are ``kept``."""
    there = f"{url}/_endpoint/calls"
    calls = urllib3.request("GET", there).json()["calls"] if kept else counted(url)
    return {name: count for name, count in calls.items() if not name.startswith(READING)}


@pytest.fixture(scope="module")
def package_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_release_before(tmp_path_factory.mktemp("before"))


@pytest.fixture
def releases(package_before: Path, cli: Cli, endpoint: LocalEndpoint) -> dict[str, Release]:
    return {
        "before": Release(package_before, (), endpoint.url),
        # The embedded index never lags, so that what was just written is believed, too.
        "now": Release(ROOT, ("--tag-index-lag", "0"), endpoint.url, cli),
    }


@dataclass(frozen=True)
class Hand:
    """A client that reads what is live."""

    client: Any

    def mesh(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_mesh(meshName=name)["mesh"]
        return found

    def egress(self, name: str) -> str:
        return str(self.mesh(name)["spec"]["egressFilter"]["type"])

    def tags(self, name: str) -> dict[str, str]:
        arn = self.mesh(name)["metadata"]["arn"]
        tags = self.client.list_tags_for_resource(resourceArn=arn)["tags"]
        return {tag["key"]: tag["value"] for tag in tags}

    def user_tags(self, name: str) -> dict[str, str]:
        return user_tags(self.tags(name))

    def names(self) -> set[str]:
        return {ref["meshName"] for ref in self.client.list_meshes()["meshes"]}


@pytest.fixture
def live(by_hand: Any) -> Hand:
    return Hand(by_hand)


@pytest.mark.sample(1)
@pytest.mark.parametrize(("first", "second"), [RELEASES, RELEASES[::-1]])
def test_by_turns_each_release_goes_on_where_the_other_one_ended(
    first: str, second: str, releases: dict[str, Release], write: Write, live: Hand
) -> None:
    one, other = releases[first], releases[second]

    def turn(release: Release, expected: dict[str, int], *, code: int = 0) -> None:
        """Apply with ``release``; then neither has anything left to do but renew records."""
        assert release.apply(code=code) == expected
        for name, left in (("before", set()), ("now", {"TagResource"})):
            if FULL or releases[name] is not release:
                assert set(releases[name].apply(code=code)) <= left

    write("manifests/guarded.yaml", mesh_yaml("guarded", reconcile=PROTECT))
    write("manifests/gone.yaml", mesh_yaml("gone"))
    write("manifests/late.yaml", mesh_yaml("late"))
    write("manifests/a.yaml", mesh_yaml("a", team="pay", tier="1", stage="test"))
    turn(one, {"CreateMesh": 4})
    live.client.tag_resource(
        resourceArn=live.mesh("a")["metadata"]["arn"], tags=[{"key": "theirs", "value": "kept"}]
    )
    # Each release updates and untags what the other one wrote.
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL", team="pay", tier="1"))
    turn(other, {"UpdateMesh": 1, "TagResource": 1, "UntagResource": 1})
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL", team="pay"))
    turn(one, {"UpdateMesh": 1, "TagResource": 1, "UntagResource": 1})
    assert live.user_tags("a") == {"team": "pay", "theirs": "kept"}
    assert (live.egress("a"), live.mesh("a")["metadata"]["version"]) == ("DROP_ALL", 3)
    # Each release reverts drift, and does not take it for a change of the manifest.
    for release in (other, one)[:REVERTING]:
        live.client.update_mesh(meshName="a", spec={"egressFilter": {"type": "ALLOW_ALL"}})
        causes = {each.causes()["mesh/a"] for each in (one, other)}
        assert causes <= {"drifted", "unknown"}
        turn(release, {"UpdateMesh": 1, "TagResource": 1})
    # Each release deletes an orphan, and neither deletes a protected one.
    for release, name in ((other, "gone"), (one, "late")):
        Path(f"manifests/{name}.yaml").unlink()
        Path("manifests/guarded.yaml").unlink(missing_ok=True)
        turn(release, {"DeleteMesh": 1}, code=ExitCode.WITHHELD)
    for release in (other, one)[:REVERTING]:
        assert release.apply(code=ExitCode.WITHHELD) == {}
    assert live.names() == {"a", "guarded"}
    assert {live.tags(name)[OWNER_TAG] for name in live.names()} == {"o"}


@pytest.fixture
def daemons(releases: dict[str, Release]) -> Iterator[None]:
    """Run a daemon of each release, without a lock, until the test ends."""
    with Path("daemons.log").open("w+") as log:
        running = [
            release.start("run", "--interval", "1", "--max-updates", "100%", output=log)
            for release in releases.values()
        ]
        yield
        ended = [process.poll() for process in running]
        for process in running:
            process.kill()
            process.wait()
        log.seek(0)
        assert ended == [None, None], log.read()


def settle(url: str) -> dict[str, int]:
    """Wait until four full cycles wrote nothing, and return the writes since the last count."""

    def lists() -> int:
        calls = urllib3.request("GET", f"{url}/_endpoint/calls").json()["calls"]
        return int(calls.get("ListMeshes", 0))

    known, start = writes(url, kept=True), lists()

    def is_settled() -> bool:
        nonlocal known, start
        now = writes(url, kept=True)
        if now != known:
            known, start = now, lists()
        return lists() >= start + 4 * len(RELEASES)

    eventually(is_settled)
    return writes(url)


@pytest.mark.usefixtures("daemons")
def test_two_daemons_at_once_converge_and_then_write_nothing(
    write: Write, live: Hand, endpoint: LocalEndpoint
) -> None:
    write("manifests/guarded.yaml", mesh_yaml("guarded", reconcile=PROTECT))
    for name in ("gone", "a"):
        write(f"manifests/{name}.yaml", mesh_yaml(name, team="pay", stage="test"))
    eventually(lambda: live.names() == {"guarded", "gone", "a"})
    made = settle(endpoint.url)
    # Both may find a mesh missing; the endpoint refuses the second create.
    assert 3 <= made.pop("CreateMesh") <= 6
    assert set(made) <= {"TagResource"}
    for kind in ("ALLOW_ALL", "DROP_ALL"):
        write("manifests/a.yaml", mesh_yaml("a", kind, team=kind))
        eventually(lambda kind=kind: live.egress("a") == kind)  # type: ignore[misc]
        made = settle(endpoint.url)
        assert 1 <= made.pop("UpdateMesh") <= 2
        assert set(made) <= {"TagResource", "UntagResource"}
        assert live.user_tags("a") == {"team": kind}
    Path("manifests/guarded.yaml").unlink()
    Path("manifests/gone.yaml").unlink()
    eventually(lambda: "gone" not in live.names())
    made = settle(endpoint.url)
    assert 1 <= made.pop("DeleteMesh") <= 2
    assert made == {}
    assert live.names() == {"guarded", "a"}
    assert {live.tags(name)[OWNER_TAG] for name in live.names()} == {"o"}


@pytest.mark.sample(1)
@pytest.mark.parametrize("crashing", RELEASES)
def test_a_crash_between_the_spec_and_its_record_does_not_read_as_drift(
    crashing: str, releases: dict[str, Release], write: Write, live: Hand, endpoint: LocalEndpoint
) -> None:
    now = releases["now"]
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    now.apply()
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    cut = {"operation": "TagResource", "fault": "error", "status": 403}
    faults = f"{endpoint.url}/_endpoint/faults"
    urllib3.request("PUT", faults, json={"faults": [cut]})
    releases[crashing].apply(code=ExitCode.PARTIAL)
    urllib3.request("DELETE", faults)
    assert live.egress("a") == "ALLOW_ALL"
    # The manifest goes back, or on: the live spec is of neither.
    for egress in ("DROP_ALL", None):
        write("manifests/a.yaml", mesh_yaml("a", egress) + "spec: {}\n" * (egress is None))
        assert now.causes() == {"mesh/a": "unknown"}
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    assert now.causes() == {}
    assert now.apply() == {"TagResource": 1}
    assert now.apply() == {}
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    assert {release.causes()["mesh/a"] for release in releases.values()} == {"manifest changed"}
