"""A repository as the source, from a push to the target: by single runs and by a daemon."""

import subprocess
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest
import urllib3
from conftest import Cli, Start
from daemons import ended, eventually, told_of
from journeys.git_world import World, started
from repository import git

pytestmark = pytest.mark.process


@pytest.fixture(name="world")
def _world(git_world: World) -> World:
    return git_world


def sign(world: World, key: Path) -> None:
    """Sign all further commits with ``key``."""
    settings = {"user.signingKey": str(key), "gpg.format": "ssh", "commit.gpgSign": "true"}
    if not world.repository.exists():
        world.commit()
    for name, value in settings.items():
        git(world.repository, "config", name, value)


@pytest.mark.unmeasured
def test_a_push_is_applied_by_single_runs(world: World, live: Any) -> None:
    world.commit(a="DROP_ALL")
    assert world.run("plan").code == 0
    first = world.run("apply")
    assert (first.code, first.err) == (0, "")
    assert set(live()) == {"a"}
    world.commit(a=None, b="DROP_ALL")
    assert world.run("apply").code == 0
    assert set(live()) == {"b"}


@pytest.mark.unmeasured
def test_without_a_record_of_the_last_commit_deletes_wait_for_the_word(
    world: World, live: Any, here: Path
) -> None:
    world.commit(a="DROP_ALL", b="DROP_ALL")
    world.run("apply")
    (here / "cache").rename(here / "lost")
    world.commit(b=None)
    for command in ("plan", "apply"):
        result = world.run(command)
        assert result.code == 5
        assert (
            "mesh/b  guard: the cache holds no commit that was applied to this target before, so "
            "nothing is deleted: pass --allow-rewind" in result.out
        )
    assert set(live()) == {"a", "b"}
    assert world.run("apply", "--allow-rewind").code == 0
    assert set(live()) == {"a"}
    # If nothing is to be deleted, no word is needed, and the commit is known from then on.
    (here / "cache").rename(here / "lost-too")
    assert world.run("apply").code == 0
    world.commit(a=None, c="DROP_ALL")
    assert world.run("apply").code == 0
    assert set(live()) == {"c"}


@pytest.mark.unmeasured
def test_a_part_of_a_repository_deletes_nothing_and_records_nothing(
    world: World, live: Any, here: Path
) -> None:
    world.commit(a="DROP_ALL", b="DROP_ALL")
    table = f'[targets.t]\nsource = "{world.address}"\nendpoint_url = "{world.where[1]}"\n'
    (here / "reconciler.toml").write_text(table)
    world.where = ("--target", "t", *world.where[2:])
    assert world.run("apply").code == 0
    address, world.address = world.address, f"{world.address}&path=a.yaml"
    part = world.run("plan")
    assert f"nothing is deleted because {world.address} is not the source {address}" in part.out
    world.address = address
    assert set(live()) == {"a", "b"}


@pytest.mark.unmeasured
def test_a_daemon_follows_pushes_and_goes_on_without_the_repository(
    world: World, start: Start, cli: Cli, live: Any, here: Path
) -> None:
    world.commit(a="DROP_ALL")
    process, url = started(start, world, "--poll", "1")
    assert set(live()) == {"a"}
    world.commit(b="DROP_ALL")
    eventually(lambda: set(live()) == {"a", "b"})
    world.repository.rename(here / "gone")
    live.client.delete_mesh(meshName="b")
    assert cli("reconcile", "--url", url).code == 0
    assert cli("reconcile", "--url", url).code == 0
    assert set(live()) == {"a", "b"}
    assert "stays in effect" in cli("status", "--url", url).out
    (here / "gone").rename(world.repository)
    assert cli("reconcile", "--url", url).code == 0
    assert "stays in effect" not in cli("status", "--url", url).out
    code, log = ended(process, SIGTERM)
    assert code == 0
    assert log.count("stays in effect") == 1
    assert log.count("the newest commit of the source is in effect again") == 1


@pytest.mark.unmeasured
def test_a_webhook_fetches_and_runs_a_cycle_only_for_another_commit(
    world: World, start: Start, live: Any, here: Path
) -> None:
    secret = "canary-of-a-secret-of-webhooks"  # noqa: S105  # it protects nothing
    (here / "secret").touch(mode=0o600)
    (here / "secret").write_text(secret)
    world.commit(a="DROP_ALL")
    process, url = started(start, world, "--webhook-secret-file", "secret")

    def deliver(token: str) -> int:
        place, headers = f"{url}/webhooks/gitlab", {"X-Gitlab-Token": token}
        return urllib3.request("POST", place, body=b"{}", headers=headers).status

    live.client.delete_mesh(meshName="a")
    world.server.requests.clear()
    assert [deliver("another"), deliver(secret)] == [401, 202]
    eventually(lambda: len(world.server.requests) == 2)  # the refs, with protocol 2
    assert set(live()) == set()
    world.commit(b="DROP_ALL")
    assert deliver(secret) == 202
    eventually(lambda: set(live()) == {"a", "b"})
    assert urllib3.request("GET", f"{url}/status").json()["cycle"]["number"] == 2
    code, log = ended(process, SIGTERM)
    assert (code, secret in log) == (0, False)


def test_after_a_force_push_a_daemon_deletes_nothing_without_the_word(
    world: World, start: Start, cli: Cli, live: Any
) -> None:
    world.commit(a="DROP_ALL")
    world.commit(b="DROP_ALL")
    process, url = started(start, world)
    world.commit("amended", b=None, c="DROP_ALL")
    assert cli("reconcile", "--url", url).code == 5
    assert set(live()) == {"a", "b", "c"}
    assert "does not descend from" in cli("status", "--url", url).out
    assert cli("reconcile", "--url", url).code == 5
    assert cli("reconcile", "--url", url, "--allow-rewind").code == 0
    assert set(live()) == {"a", "c"}
    world.commit(c=None, d="DROP_ALL")
    assert cli("reconcile", "--url", url).code == 0
    assert set(live()) == {"a", "d"}
    assert ended(process, SIGTERM)[0] == 0


@pytest.mark.unmeasured
def test_an_incident_is_rolled_back_first_and_reverted_in_git_after(
    world: World, start: Start, cli: Cli, live: Any
) -> None:
    def versions() -> dict[str, int]:
        return {name: mesh["version"] for name, mesh in live().items()}

    world.commit(a="DROP_ALL")
    good = world.commit("good", b="DROP_ALL")
    process, url = started(start, world)
    world.commit("bad", a="ALLOW_ALL")
    assert cli("reconcile", "--url", url).code == 0
    assert versions() == {"a": 2, "b": 1}
    assert "mesh/a" in world.run("plan", "--revision", good[:12]).out
    rolled_back = world.run("apply", "--revision", good[:12])
    assert rolled_back.code == 0
    assert "a daemon follows this commit only with --cache-dir " in rolled_back.err
    assert versions() == {"a": 3, "b": 1}
    # The daemon keeps it there, also when a new commit comes, and shows it.
    told_of(process, f"the target is held at commit {good[:12]} since ")
    told_of(process, "cycle done")
    assert versions() == {"a": 3, "b": 1}

    def status() -> str:
        return " ".join(cli("status", "--url", url).out.split())

    # The status is published just after the end of the cycle is logged.
    eventually(lambda: f"the target is held at commit {good[:12]} since " in status())
    assert "1 commit behind main" in status()
    world.commit("another", c="DROP_ALL")
    held = world.run("plan")
    assert "2 commits behind main: reconcile, or apply without --revision, releases it" in held.err
    # A daemon that starts now is held too.
    assert ended(process, SIGTERM)[0] == 0
    process, url = started(start, world)
    assert versions() == {"a": 3, "b": 1}
    world.commit("revert", a="DROP_ALL")
    assert cli("reconcile", "--url", url).code == 0
    assert versions() == {"a": 3, "b": 1, "c": 1}
    assert "held" not in cli("status", "--url", url).out
    assert ended(process, SIGTERM)[0] == 0


@pytest.mark.sample(1)
@pytest.mark.parametrize("revision", ["main", "HEAD~1", "0" * 40, "abc", "--help"])
def test_a_revision_is_a_commit_of_the_history(world: World, revision: str) -> None:
    world.commit(a="DROP_ALL")
    world.commit(b="DROP_ALL")
    result = world.run("plan", f"--revision={revision}")
    assert result.code == 64
    assert f"--revision {revision}: there is no such commit in the history of main" in result.err


@pytest.mark.unmeasured
def test_a_revision_outside_the_branch_is_refused(world: World, live: Any) -> None:
    world.commit(a="DROP_ALL")
    replaced = world.commit(b="DROP_ALL")
    assert world.run("apply").code == 0
    # The cache still has it, and the branch has it no more.
    world.commit("amended", b=None, c="DROP_ALL")
    for command in ("plan", "apply"):
        result = world.run(command, "--revision", replaced)
        assert result.code == 64
        assert f"--revision {replaced}: there is no such commit in the history of" in result.err
    assert set(live()) == {"a", "b"}


@pytest.mark.measured
def test_a_pin_that_cannot_be_read_stops_the_daemon_and_nothing_else(
    world: World, start: Start, cli: Cli, live: Any, here: Path
) -> None:
    commit = world.commit(a="DROP_ALL")
    world.run("apply", "--revision", commit)
    (pin,) = here.glob("cache/git/*.pins/*.json")
    pin.write_text("{}")
    assert "cannot be read" in world.run("plan").err
    process = start(world.address, *world.where[4:], "--poll", "3600")
    url = told_of(process, "status at ").rpartition(" ")[2].strip()
    told_of(process, "the file that holds the target at a commit cannot be read")
    live.client.delete_mesh(meshName="a")
    assert cli("reconcile", "--url", url).code == 0
    assert set(live()) == {"a"}
    assert not pin.exists()
    # A pin that cannot be released holds the target: it may be at any commit.
    pin.mkdir()
    world.commit(b="DROP_ALL")
    result = world.run("apply")
    assert result.code == 1
    assert "the commit of the target cannot be changed: writing" in result.err
    cli("reconcile", "--url", url)
    told_of(process, "the commit of the target cannot be changed: writing")
    assert set(live()) == {"a"}
    pin.rmdir()
    assert cli("reconcile", "--url", url).code == 0
    assert set(live()) == {"a", "b"}
    assert ended(process, SIGTERM)[0] == 0


@pytest.mark.unmeasured
def test_only_signed_commits_are_applied(
    world: World, cli: Cli, live: Any, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ours", "other"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(here / name)]
        subprocess.run(key, check=True)
    public = (here / "ours.pub").read_text()
    (here / "signers").write_text(f"somebody@example.com {public}")
    (here / "reconciler.toml").write_text(
        f'[targets.t]\nsource = "{world.address.partition("?")[0]}"\nref = "main"\n'
        f'endpoint_url = "{world.where[1]}"\nverify = "signers"\n'
    )
    where = ("--target", "t", "--owner", "o", *world.where[6:])

    world.commit(a="DROP_ALL")
    result = cli("apply", *where, "--auto-approve")
    assert result.code == 1
    assert "is not signed by a signer in" in result.err
    sign(world, here / "ours")
    world.commit("amended")
    assert cli("apply", *where, "--auto-approve").code == 0
    assert set(live()) == {"a"}
    # git writes the signature to a file, where the environment says.
    with monkeypatch.context() as environment:
        environment.setenv("TMPDIR", str(here / "gone"))
        assert "could not create temporary file" in cli("plan", *where).err
    sign(world, here / "other")
    world.commit(b="DROP_ALL")
    assert cli("apply", *where, "--auto-approve").code == 1
    (here / "signers").unlink()
    gone = cli("plan", *where)
    assert (gone.code, "signers is not a file" in gone.err) == (64, True)
    assert set(live()) == {"a"}


@pytest.mark.unmeasured
def test_a_daemon_stays_at_the_last_signed_commit(
    world: World, start: Start, cli: Cli, live: Any, here: Path
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", str(here / "ours")], check=True)
    (here / "signers").write_text(f"x@example.com {(here / 'ours.pub').read_text()}")
    (here / "reconciler.toml").write_text(
        f'[targets.t]\nsource = "{world.address}"\nendpoint_url = "{world.where[1]}"\n'
        'verify = "signers"\n'
    )
    sign(world, here / "ours")
    world.commit(a="DROP_ALL")
    process = start("--target", "t", *world.where[4:], "--poll", "3600", url=None)
    url = told_of(process, "status at ").rpartition(" ")[2].strip()
    told_of(process, "cycle done")
    git(world.repository, "config", "commit.gpgSign", "false")
    world.commit(b="DROP_ALL")
    assert cli("reconcile", "--url", url).code == 0
    assert set(live()) == {"a"}
    assert "is not signed by a signer" in " ".join(cli("status", "--url", url).out.split())
    # Without its signer the commit in use is good no longer: drift is not corrected with it.
    (here / "signers").write_text("")
    told_of(process, "is not signed by a signer")
    live.client.delete_mesh(meshName="a")
    assert cli("reconcile", "--url", url).code == 1
    assert "is not signed by a signer" in " ".join(cli("status", "--url", url).out.split())
    assert set(live()) == set()
    assert ended(process, SIGTERM)[0] == 0
