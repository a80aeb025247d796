"""Repositories for the tests of sources."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from git_servers import git_server
from git_worlds import GitWorld


@pytest.fixture
def world(tmp_path: Path, here: Path) -> Iterator[GitWorld]:
    """Serve a repository from a directory of its own."""
    del here
    (tmp_path / "served").mkdir()
    with git_server(tmp_path / "served") as server:
        yield GitWorld(tmp_path, server)
