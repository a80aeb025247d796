"""What journeys start from."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import forks
import pytest
from conftest import Cli, Write
from git_servers import git_server
from journeys import git_world as git_worlds
from journeys.environments import World
from journeys.fleets import ACCOUNTS, Fleet, StartFleet, write_targets
from starved import STARVED

from reconciler.endpoint import LocalEndpoint


@pytest.fixture
def world(here: object, endpoint: LocalEndpoint) -> World:
    """Return an empty world, in which one call is made at a time."""
    del here
    return World(endpoint)


@pytest.fixture
def git_world(here: Path, endpoint: LocalEndpoint, cli: Cli) -> Iterator[git_worlds.World]:
    """Return an empty repository of meshes that git serves."""
    (here / "served").mkdir()
    with git_server(here / "served") as server:
        yield git_worlds.World(here, server, endpoint, cli)


@pytest.fixture
def start_fleet(
    here: Path, endpoint: LocalEndpoint, write: Write, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartFleet]:
    """Return a function that starts the daemon of the targets, which is killed at the end."""
    write_targets(write, endpoint.url)
    write(
        "aws-config",
        "".join(
            f"[profile {name}]\naws_access_key_id = {account}\naws_secret_access_key = any\n"
            for name, account in ACCOUNTS.items()
        ),
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(here / "aws-config"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str, limit: tuple[str, int] = ("soft-files", 1024)) -> Fleet:
        log = here / f"log-{len(running)}"
        what, number = limit
        command = (what, str(number), "run", "--all-targets", *arguments)
        with log.open("w") as stream:
            process = forks.start(
                *command, program=STARVED, cwd=here, stdout=subprocess.PIPE, stderr=stream
            )
        running.append(process)
        return Fleet(process, log)

    yield run
    for process in running:
        process.kill()
        process.communicate()
