"""The commit that the cache records as applied, and the one that holds a target."""

import getpass
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, Run
from fake_forges import Played, PlayedGitHub, PlayedGitLab
from journeys.git_world import World
from repository import git
from servers import scripted

pytestmark = pytest.mark.process


@pytest.fixture(name="world")
def _world(git_world: World) -> World:
    return git_world


def saved(world: World, *options: str) -> None:
    assert world.run("plan", "--out", "p.plan", *options).code in (0, 5)


def apply_saved(world: World, cli: Cli, *options: str) -> Run:
    """Apply the saved plan, for which all but the repository and the guards is passed again."""
    where = (*world.where[:2], *world.where[6:])
    return cli("apply", "--plan", "p.plan", "--auto-approve", *where, *options)


def recorded(here: Path) -> list[str]:
    return [file.read_text().strip() for file in here.glob("cache/git/*.git/refs/applied/*")]


@pytest.mark.unmeasured
def test_a_saved_plan_records_its_commit(world: World, cli: Cli, live: Any, here: Path) -> None:
    first = world.commit(a="DROP_ALL", b="DROP_ALL")
    saved(world)
    assert recorded(here) == []
    result = apply_saved(world, cli)
    assert (result.code, result.err, recorded(here)) == (0, "", [first])
    # So deletes of the next commit need no word, and those of a force push do.
    second = world.commit(b=None)
    saved(world)
    assert apply_saved(world, cli).code == 0
    assert (set(live()), recorded(here)) == ({"a"}, [second])
    world.commit("amended", a=None, c="DROP_ALL")
    saved(world)
    assert apply_saved(world, cli).code == 5
    assert (set(live()), recorded(here)) == ({"a", "c"}, [second])
    saved(world, "--allow-rewind")
    assert apply_saved(world, cli).code == 0
    assert set(live()) == {"c"}
    assert recorded(here) == [git(world.repository, "rev-parse", "main")]


@pytest.mark.unmeasured
def test_an_old_plan_does_not_move_the_record_back(world: World, cli: Cli, here: Path) -> None:
    world.commit(a="DROP_ALL")
    world.run("apply")
    world.commit(b="DROP_ALL")
    saved(world)
    later = world.commit(c="DROP_ALL")
    world.run("apply")
    assert recorded(here) == [later]
    apply_saved(world, cli)
    assert recorded(here) == [later]


@pytest.mark.unmeasured
def test_a_plan_of_drift_records_nothing(world: World, cli: Cli, live: Any, here: Path) -> None:
    first = world.commit(a="DROP_ALL")
    world.run("apply")
    world.commit(b="DROP_ALL")
    live.client.update_mesh(meshName="a", spec={"egressFilter": {"type": "ALLOW_ALL"}})
    saved(world, "--drift")
    assert apply_saved(world, cli).code == 0
    assert (set(live()), recorded(here)) == ({"a"}, [first])


def test_a_saved_plan_without_its_cache_is_applied_and_says_what_follows(
    world: World, cli: Cli, live: Any, here: Path
) -> None:
    commit = world.commit(a="DROP_ALL")
    saved(world)
    (here / "cache").rename(here / "lost")
    result = apply_saved(world, cli)
    assert (result.code, set(live())) == (0, {"a"})
    assert f"commit {commit} is not recorded as applied: it is not in the cache" in result.err
    assert "deletes of the next commit may need --allow-rewind" in result.err


def test_a_record_that_cannot_be_written_is_one_line(world: World, live: Any, here: Path) -> None:
    world.commit(a="DROP_ALL")
    assert world.run("plan").code == 0
    (mirror,) = here.glob("cache/git/*.git")
    (mirror / "refs/applied").touch()
    result = world.run("apply")
    assert (result.code, set(live())) == (0, {"a"})
    (line,) = result.err.splitlines()
    assert "recording commit" in line
    assert "deletes of the next commit may need --allow-rewind" in line


@pytest.mark.unmeasured
def test_a_pin_that_cannot_be_read_is_replaced_by_apply(world: World, here: Path) -> None:
    commit = world.commit(a="DROP_ALL")
    world.run("apply", "--revision", commit)
    (pin,) = here.glob("cache/git/*.pins/*.json")
    pin.write_text("{}")
    plan = world.run("plan")
    assert (plan.code, "cannot be read" in plan.err) == (0, True)
    assert world.run("apply", "--revision", commit).code == 0
    assert commit in pin.read_text()
    pin.write_text('{"commit": "main", "since": 0, "user": "u"}')
    assert world.run("apply").code == 0
    assert not pin.exists()


@pytest.mark.unmeasured
def test_a_user_without_a_name_holds_a_target_by_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_: int) -> object:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    commit = world.commit(a="DROP_ALL")
    assert world.run("apply", "--revision", commit).code == 0
    assert f"by user {os.getuid()}, 0 commits behind" in world.run("plan").err


@pytest.mark.sample(1)
@pytest.mark.parametrize("forge", [PlayedGitHub, PlayedGitLab])
def test_the_ci_job_of_a_repository(
    world: World, cli: Cli, live: Any, here: Path, forge: type[Played],
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    played = forge(tmp_path_factory.mktemp("forge"))
    (here / "reconciler.toml").write_text(
        f'[targets.t]\nsource = "{world.address}"\nendpoint_url = "{world.where[1]}"\n'
        'owner = "o"\npolicy = "sync"\n'
    )

    def job(occasion: str) -> Run:
        head = git(world.repository, "rev-parse", "main")
        with scripted(played) as server, monkeypatch.context() as environment:
            for name in os.environ:
                if name.startswith(("GITHUB_", "GITLAB_", "CI")):
                    environment.delenv(name)
            for name, value in played.environment(server.url, occasion, head, head).items():
                environment.setenv(name, value)
            return cli("ci", "--target", "t", *world.where[6:])

    world.commit(a="DROP_ALL", b="DROP_ALL")
    assert job("request").code == 0
    assert "not compared with the base: the source is another git repository" in played.bodies[0]
    result = job("fork")
    assert result.code == 64
    assert "is a git repository: a request from a fork needs a path in the checkout" in result.err
    assert job("push").code == 0
    assert set(live()) == {"a", "b"}
    # After a force push the job deletes nothing, until a person has applied it.
    world.commit("amended", b=None, c="DROP_ALL")
    result = job("push")
    assert result.code == 5
    assert "does not descend from" in " ".join(result.out.split())
    assert set(live()) == {"a", "b", "c"}
    (here / "cache").rename(here / "cache-of-the-job")
    assert world.run("apply", "--allow-rewind").code == 0
    (here / "cache").rename(here / "cache-of-the-person")
    (here / "cache-of-the-job").rename(here / "cache")
    assert job("push").code == 0
    world.commit(a=None)
    assert job("push").code == 0
    assert set(live()) == {"c"}
