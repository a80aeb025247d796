"""The cache on a disk that is full: one line, and nothing that was recorded is lost."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from git_servers import git_server
from git_worlds import DAEMON, SINGLE, GitWorld, commit_of

from reconciler.core.errors import RepositoryError

pytestmark = pytest.mark.process

FULL = "No space left on device"


@pytest.fixture
def world(tmp_path: Path, here: Path) -> Iterator[GitWorld]:
    """Serve a repository; its cache is on a disk of 512 KiB."""
    del here
    for name in ("served", "cache"):
        (tmp_path / name).mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", str(tmp_path / "cache")]
    with suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            try:
                with git_server(tmp_path / "served") as server:
                    yield GitWorld(tmp_path, server)
            finally:
                subprocess.run(["umount", str(tmp_path / "cache")], check=True)
            return
    pytest.skip("only root can mount a small disk")


def fill(world: GitWorld) -> Path:
    """Leave no block free, and return the file that takes them."""
    ballast = world.root / "cache/ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return ballast


def test_a_fetch_that_does_not_fit_is_one_line_and_is_made_again(world: GitWorld) -> None:
    commit = world.commit(a=os.urandom(5000).hex())
    ballast = fill(world)
    with pytest.raises(RepositoryError, match=FULL) as error:
        world.read()
    assert "\n" not in str(error.value)
    ballast.unlink()
    assert world.read() == commit


def test_a_daemon_goes_on_with_its_commit(world: GitWorld) -> None:
    commit = world.commit(a="1")
    daemon = world.open(settings=DAEMON)
    assert commit_of(daemon) == commit
    newer = world.commit(a="2")
    ballast = fill(world)
    daemon.look_now()
    assert commit_of(daemon) == commit
    (notice,) = daemon.read().notices
    assert FULL in notice
    assert "\n" not in notice
    ballast.unlink()
    daemon.look_now()
    assert commit_of(daemon) == newer


def test_a_hold_and_a_record_stay_as_they_were(world: GitWorld) -> None:
    first = world.commit(a="1")
    source = world.open(settings=SINGLE)
    source.read()
    source.pin("jane", 0)
    applied = source.applied_commit()
    assert applied is not None
    source.record_applied(replace(applied, may_rewind=True))
    world.commit(a="2")
    source = world.open(settings=SINGLE)
    source.read()
    ballast = fill(world)
    with pytest.raises(RepositoryError, match="recording commit"):
        source.pin("joe", 0)
    applied = source.applied_commit()
    assert applied is not None
    with pytest.raises(RepositoryError, match="recording commit"):
        source.record_applied(applied)
    (notice,) = world.open(settings=SINGLE).read().notices
    assert f"held at commit {first[:12]} since 1970-01-01T00:00:00+00:00 by jane" in notice
    assert source.rewind_reason() is None
    # A hold can be released on a full disk.
    source.release()
    assert world.open(settings=SINGLE).read().notices == ()
    ballast.unlink()
    source.record_applied(applied)
    assert source.rewind_reason() is None
