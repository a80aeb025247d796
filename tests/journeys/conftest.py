"""What journeys start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Cli
from git_servers import git_server
from journeys import git_world as git_worlds
from journeys.environments import World

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
