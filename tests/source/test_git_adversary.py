"""Caches of other users, helpers that stay in the background, and commits that are not whole."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from daemons import eventually
from git_worlds import DAEMON, GitWorld, commit_of
from repository import git

from reconciler import limits
from reconciler.core.errors import RepositoryError, UsageError
from reconciler.source.git_mirror import Mirror
from reconciler.source.git_url import parse_address

pytestmark = pytest.mark.process


def program(world: GitWorld, script: str) -> Path:
    """Return a program with this shell script."""
    file = world.root / "program"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_a_mirror_that_others_can_change_is_not_read(world: GitWorld) -> None:
    world.commit(a="1")
    world.read()
    # Nothing is to be fetched, so no lock is taken. Its settings could make git run commands.
    world.mirror.parent.chmod(0o777)
    for settings in (DAEMON, replace(DAEMON, poll_seconds=None)):
        source = world.open(settings=settings)
        world.server.requests.clear()
        with pytest.raises(RepositoryError, match="can be written by others: pass a --cache-dir"):
            source.read()
        assert world.server.requests == []


def test_a_cache_below_a_file_is_one_line(world: GitWorld) -> None:
    world.commit(a="1")
    (world.root / "cache").mkdir()
    (world.root / "cache/git").symlink_to("git")
    with pytest.raises(RepositoryError, match="Too many levels of symbolic links; pass another"):
        world.read()


def test_a_helper_in_the_background_does_not_keep_the_lock(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.commit(a="1")
    world.server.password = "canary-of-a-password"  # noqa: S105  # it protects nothing
    # As `git credential-cache` does: its daemon has the descriptors of git.
    helper = program(
        world,
        f"echo username=reader; echo password={world.server.password}\n"
        f"(sleep 60 </dev/null >/dev/null 2>&1 & echo $! >>{world.root}/pids)",
    )
    config = world.root / "gitconfig"
    config.write_text(f"[credential]\n\thelper = {helper}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setattr(limits, "GIT_LOCK_TIMEOUT_SECONDS", 1)
    try:
        world.read()
        commit = world.commit(a="2")
        assert world.read() == commit
    finally:
        end_background(world)


def test_an_ssh_connection_that_stays_open_is_not_waited_for(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = world.commit(a="1")
    # As ssh with ControlPersist: the master connection keeps the standard error of git open.
    ssh = program(
        world,
        f"(sleep 60 </dev/null >/dev/null & echo $! >>{world.root}/pids)\n"
        'for last; do :; done; export GIT_PROTOCOL=version=2; eval "$last"',
    )
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setattr(limits, "GIT_TIMEOUT_SECONDS", 20)
    monkeypatch.setattr(limits, "GIT_FETCH_TIMEOUT_SECONDS", 20)
    world.address = f"git+ssh://example.com{world.repository}"
    try:
        assert world.read() == commit
    finally:
        end_background(world)


def end_background(world: GitWorld) -> None:
    for line in (world.root / "pids").read_text().split():
        os.kill(int(line), 9)


def test_after_a_restart_an_unsigned_commit_does_not_hide_the_applied_one(
    world: GitWorld,
) -> None:
    key, signers = world.root / "key", world.root / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers.write_text(f"a@example.com {key.with_suffix('.pub').read_text()}")
    world.commit(z="1")
    signing = {"user.signingKey": str(key), "gpg.format": "ssh", "commit.gpgSign": "true"}
    for name, value in signing.items():
        git(world.repository, "config", name, value)
    good = world.commit(a="1")
    settings = replace(DAEMON, allowed_signers=signers)
    source = world.open(settings=settings)
    assert commit_of(source) == good
    applied = source.applied_commit()
    assert applied is not None
    source.record_applied(replace(applied, may_rewind=True))
    git(world.repository, "config", "commit.gpgSign", "false")
    world.commit(a="2")
    source = world.open(settings=settings)
    assert commit_of(source) == good
    (notice,) = source.read().notices
    assert "is not signed by a signer in" in notice
    assert notice.endswith(f"commit {good[:12]} stays in effect")
    assert source.rewind_reason() == "the newest commit of the source cannot be used"
    # The applied commit is checked too.
    signers.write_text("")
    with pytest.raises(RepositoryError, match="is not signed"):
        world.open(settings=settings).read()


def test_a_repository_without_its_history_is_one_line_and_starts_no_processes(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GIT_FETCH_TIMEOUT_SECONDS", 10)
    commit = world.commit(a="1")
    daemon = world.open(settings=DAEMON)
    assert commit_of(daemon) == commit
    world.commit(a="2")
    whole, shallow = world.root / "whole", world.root / "shallow"
    git(world.root, "clone", "--bare", "--depth=1", f"file://{world.repository}", str(shallow))
    for name in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git(shallow, "config", name, "true")
    world.repository.rename(whole)
    shallow.rename(world.repository)
    world.server.requests.clear()
    with pytest.raises(RepositoryError, match="it may be a shallow clone: use"):
        world.open(cache="another").read()
    assert world.server.fetches == 3
    # The daemon must not stay at its commit in silence.
    daemon.look_now()
    assert commit_of(daemon) == commit
    (notice,) = daemon.read().notices
    assert "it may be a shallow clone" in notice


def test_a_long_subject_hides_no_author(world: GitWorld) -> None:
    world.commit(a="1")
    tree = git(world.repository, "rev-parse", "HEAD^{tree}")
    commit = git(world.repository, "commit-tree", "-m", "x" * 50_000, tree)
    git(world.repository, "update-ref", "refs/heads/main", commit)
    revision = world.open().read().revision
    assert revision is not None
    assert len(revision.subject) <= limits.MAX_COMMIT_TEXT_CHARACTERS + len("…")
    assert revision.author == "somebody"


def test_a_transport_in_capitals_is_rejected() -> None:
    for transport in ("HTTPS", "File"):
        with pytest.raises(UsageError, match="is not read over this transport"):
            parse_address(f"git+{transport}://localhost/x.git")


def test_a_tag_of_a_tree_is_one_clear_line(world: GitWorld) -> None:
    world.commit(a="1")
    git(world.repository, "tag", "tree", "HEAD^{tree}")
    with pytest.raises(RepositoryError, match="tree does not name a commit"):
        world.read("?ref=tree")


@pytest.mark.unmeasured
@pytest.mark.parametrize("content", ["{}", "[" * 4000])
def test_a_pin_that_cannot_be_read_is_replaced_by_a_single_run(
    world: GitWorld, content: str
) -> None:
    commit = world.commit(a="1")
    settings = replace(DAEMON, follows_pin=False, poll_seconds=None)
    source = world.open(settings=settings)
    source.read()
    source.pin("me", 0)
    (pin,) = (world.root / "cache/git").glob("*.pins/*.json")
    pin.write_text(content)
    source = world.open(settings=settings)
    assert commit_of(source) == commit
    (notice,) = source.read().notices
    assert notice.endswith("run apply with or without --revision to replace it")
    source.release()
    assert world.open(settings=settings).read().notices == ()


def test_a_mirror_whose_check_does_not_end_is_kept(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.commit(a="1")
    world.read()
    (world.mirror / "kept").touch()
    (damaged,) = world.mirror.glob("refs/tracked/*")
    damaged.write_text("0" * 39 + "1\n")
    monkeypatch.setattr(limits, "GIT_FETCH_TIMEOUT_SECONDS", 0.001)
    with pytest.raises(RepositoryError, match="git fetch: timed out"):
        world.read()
    assert (world.mirror / "kept").exists()


def test_a_proxy_is_not_asked_for_this_machine(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = world.commit(a="1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert world.read() == commit


def test_a_process_that_is_killed_takes_a_waiting_git_with_it(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.commit(a="1")
    ssh = program(world, f"echo $$ >>{world.root}/pids; exec sleep 600")
    address = f"git+ssh://example.com{world.repository}"
    script = (
        "import pathlib, sys; from reconciler.source.git_mirror import Mirror\n"
        "from reconciler.source.git_url import parse_address\n"
        "mirror = Mirror(pathlib.Path(sys.argv[2]), parse_address(sys.argv[1]))\n"
        "mirror.fetch('refs/heads/main', 'refs/tracked/main', '0' * 40)\n"
    )
    cache = world.root / "cache"
    pids = world.root / "pids"
    with subprocess.Popen(
        [sys.executable, "-c", script, address, str(cache)],
        env={**os.environ, "GIT_SSH_COMMAND": str(ssh)},
    ) as process:
        eventually(lambda: pids.exists() and pids.read_text().endswith("\n"))
        # Before, git could outlive a process that is killed.
        eventually(lambda: has_death_signal(int(pids.read_text())))
        process.kill()
    # The lock that git inherited is free, so git and ssh have ended.
    monkeypatch.setattr(limits, "GIT_LOCK_TIMEOUT_SECONDS", 20)
    mirror = Mirror(cache, parse_address(address))
    with mirror.locked():
        pass
    eventually(lambda: not is_running(int(pids.read_text())))


def has_death_signal(process: int) -> bool:
    """Whether one of the files of a process sends a signal, as its flags in /proc show."""
    files = Path(f"/proc/{process}/fdinfo").iterdir()
    flags = (file.read_text().partition("flags:")[2].split()[0] for file in files)
    return any(int(each, 8) & os.O_ASYNC for each in flags)


def is_running(process: int) -> bool:
    """Whether a process exists that has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_commit_without_the_path_leads_to_no_older_one(world: GitWorld) -> None:
    (world.files / "prod").mkdir()
    world.commit(**{"prod/a": "1"})
    query, settings = "?ref=main&path=prod", DAEMON
    daemon = world.open(query, settings)
    daemon.read()
    applied = daemon.applied_commit()
    assert applied is not None
    daemon.record_applied(replace(applied, may_rewind=True))
    (world.files / "prod/a.yaml").rename(world.files / "b.yaml")
    world.commit()
    daemon.look_now()
    with pytest.raises(UsageError, match="prod does not exist in the repository at commit"):
        daemon.read()
    # Nor if the repository is away after that, and after a restart.
    world.repository.rename(world.root / "gone")
    daemon.look_now()
    for source in (daemon, world.open(query, settings)):
        with pytest.raises(UsageError, match="prod does not exist in the repository at commit"):
            source.read()
