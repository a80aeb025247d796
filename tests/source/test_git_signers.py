"""The file of allowed signers changes under a daemon that uses a commit."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from git_worlds import DAEMON, GitWorld, commit_of
from repository import git

from reconciler.core.errors import RepositoryError
from reconciler.source.git_source import GitSource

pytestmark = pytest.mark.process


@pytest.fixture
def signers(world: GitWorld) -> Path:
    """Sign all commits, and return the file with the signer."""
    key, file = world.root / "key", world.root / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    file.write_text(f"a@example.com {key.with_suffix('.pub').read_text()}")
    world.commit()
    signing = {"user.signingKey": str(key), "gpg.format": "ssh", "commit.gpgSign": "true"}
    for name, value in signing.items():
        git(world.repository, "config", name, value)
    return file


def following(world: GitWorld, signers: Path) -> GitSource:
    return world.open(settings=replace(DAEMON, allowed_signers=signers))


@pytest.mark.parametrize("remove", [Path.unlink, lambda file: file.write_text("")])
def test_a_signer_that_is_removed_holds_a_daemon_until_it_is_back(
    world: GitWorld, signers: Path, remove: Callable[[Path], object]
) -> None:
    commit = world.commit(a="1")
    daemon = following(world, signers)
    assert commit_of(daemon) == commit
    before, allowed = daemon.fingerprint(), signers.read_text()
    # No poll is due: the file alone lets it look again.
    remove(signers)
    assert daemon.fingerprint() != before
    with pytest.raises(RepositoryError, match=f"commit {commit[:12]} is not signed by a signer in"):
        daemon.read()
    signers.write_text(allowed)
    assert commit_of(daemon) == commit
    assert daemon.read().notices == ()


@pytest.mark.unmeasured
def test_a_removed_signer_leads_to_no_older_commit(world: GitWorld, signers: Path) -> None:
    applied = world.commit(a="1")
    daemon = following(world, signers)
    assert commit_of(daemon) == applied
    recorded = daemon.applied_commit()
    assert recorded is not None
    daemon.record_applied(replace(recorded, may_rewind=True))
    used = world.commit(a="2")
    daemon.look_now()
    assert commit_of(daemon) == used
    # The newest commit is not signed, and the one in use stays, also with another file.
    git(world.repository, "config", "commit.gpgSign", "false")
    unsigned = world.commit(a="3")
    daemon.look_now()
    assert commit_of(daemon) == used
    signers.write_text(f"# a comment\n{signers.read_text()}")
    assert commit_of(daemon) == used
    (notice,) = daemon.read().notices
    assert f"commit {unsigned[:12]} is not signed" in notice
    # An older commit would delete what this one has created.
    allowed = signers.read_text()
    signers.write_text("")
    with pytest.raises(RepositoryError, match=f"commit {used[:12]} is not signed"):
        daemon.read()
    signers.write_text(allowed)
    assert commit_of(daemon) == used


def test_a_signer_that_is_removed_while_the_repository_is_away(
    world: GitWorld, signers: Path
) -> None:
    commit = world.commit(a="1")
    daemon = following(world, signers)
    assert commit_of(daemon) == commit
    world.repository.rename(world.root / "gone")
    # The commit in use is verified again, and is still good.
    signers.write_text(f"# a comment\n{signers.read_text()}")
    assert commit_of(daemon) == commit
    signers.write_text("")
    with pytest.raises(RepositoryError, match=r"not found; commit \w+ is not signed") as error:
        daemon.read()
    assert "\n" not in str(error.value)


@pytest.mark.unmeasured
def test_a_commit_that_is_used_instead_of_the_newest_deletes_nothing(
    world: GitWorld, signers: Path
) -> None:
    world.commit(a="1")
    daemon = following(world, signers)
    daemon.read()
    recorded = daemon.applied_commit()
    assert recorded is not None
    daemon.record_applied(replace(recorded, may_rewind=True))
    # Applied but for its deletes, so it is not recorded.
    world.commit(a="2")
    daemon.look_now()
    daemon.read()
    git(world.repository, "config", "commit.gpgSign", "false")
    world.commit(a="3")
    restarted = following(world, signers)
    assert commit_of(restarted) == recorded.commit
    reason = "the newest commit of the source cannot be used"
    assert restarted.rewind_reason() == reason
    daemon.look_now()
    daemon.read()
    assert daemon.rewind_reason() == reason
    git(world.repository, "config", "commit.gpgSign", "true")
    world.commit(a="4")
    for source in (daemon, restarted):
        source.look_now()
        source.read()
        assert source.rewind_reason() is None
