"""Repositories as a source: served by git on loopback, changed under it, and out to do harm."""

import math
import os
import shutil
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from amounts import amount
from clocks import Clock, SteppingClock
from git_servers import git_server
from git_worlds import DAEMON, GitWorld, commit_of
from repository import git, publish

from reconciler import limits
from reconciler.core.errors import RepositoryError, UsageError
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.source.git_mirror import Mirror
from reconciler.source.git_settings import GitSettings
from reconciler.source.git_source import GitSource
from reconciler.source.git_url import parse_address

pytestmark = pytest.mark.process

SINGLE = GitSettings()


class World(GitWorld):
    """A repository, its server, and sources with a clock that the test sets."""

    clock: Clock


def record(source: GitSource) -> None:
    """Record the commit as applied, as a run without pending deletes does."""
    applied = source.applied_commit()
    assert applied is not None
    source.record_applied(replace(applied, may_rewind=True))


@pytest.fixture
def world(tmp_path: Path, here: Path) -> Iterator[World]:
    del here
    (tmp_path / "served").mkdir()
    with git_server(tmp_path / "served") as server:
        yield World(tmp_path, server, Clock(), SINGLE)


def test_a_commit_is_read_with_its_files_and_facts(world: World) -> None:
    world.commit(a="1")
    commit = world.commit(b="2")
    found = world.open().read()
    assert found.files == (("a.yaml", b"1"), ("b.yaml", b"2"))
    assert found.revision is not None
    assert (found.revision.commit, found.revision.subject) == (commit, "b")
    assert (found.revision.author, found.notices) == ("somebody", ())


def test_only_the_files_of_the_tree_are_fetched_and_all_at_once(world: World) -> None:
    for version in range(3):
        world.commit(**{f"n{number}": f"{number} {version}" for number in range(20)})
    assert len(world.open().read().files) == 20
    # One for the history, and one for the files.
    assert world.server.fetches == 4
    objects = git(world.mirror, "cat-file", "--batch-all-objects", "--batch-check")
    assert objects.count(" blob ") == 20
    assert objects.count(" commit ") == 3
    world.server.requests.clear()
    assert len(world.open().read().files) == 20
    assert world.server.requests == ["/meshes.git/info/refs", "/meshes.git/git-upload-pack"]


def test_excluded_files_are_not_fetched(world: World) -> None:
    (world.files / ".reconcilerignore").write_text("b.yaml\n")
    world.commit(a="1", b="2", c="3")
    found = world.open(settings=GitSettings(exclude=("c.yaml",))).read()
    assert (found.files, found.ignored) == ((("a.yaml", b"1"),), ("b.yaml", "c.yaml"))
    objects = git(world.mirror, "cat-file", "--batch-all-objects", "--batch-check")
    assert objects.count(" blob ") == 2


def test_a_walk_that_takes_long_is_given_up(world: World) -> None:
    world.commit(a="1")
    address = parse_address(world.address)
    mirror = Mirror(world.root / "cache", address)
    source = GitSource(address, mirror, SINGLE, SteppingClock(limits.READING_TIMEOUT_SECONDS))
    with pytest.raises(RepositoryError, match="takes longer than 300 s: pass a smaller directory"):
        source.read()


def test_links_beyond_the_limit_are_not_followed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_SOURCE_FILES", 2)
    for name in "bcd":
        (world.files / f"{name}.yaml").symlink_to(f"./{'./' * ord(name)}a.yaml")
    world.commit(a="1")
    found = world.open().read()
    assert [item.code for item in found.diagnostics] == [Code.SYMLINK] * 3


def test_a_server_without_filters_sends_everything(world: World) -> None:
    world.commit(a="1")
    commit = world.commit(a="2")
    for name in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git(world.repository, "config", name, "false")
    assert world.read() == commit
    objects = git(world.mirror, "cat-file", "--batch-all-objects", "--batch-check")
    assert objects.count(" blob ") == 2


@pytest.mark.unmeasured
def test_branch_tag_commit_and_default_branch(world: World) -> None:
    first = world.commit(a="1")
    git(world.repository, "tag", "light", first)
    git(world.repository, "tag", "--annotate", "--message", "m", "v1", first)
    second = world.commit(a="2")
    git(world.repository, "branch", "team/one", first)
    expected = {"": second, "?ref=main": second, "?ref=light": first, "?ref=v1": first}
    expected |= {"?ref=team/one": first, f"?ref={first}": first}
    assert {query: world.read(query) for query in expected} == expected
    # A commit that is there is not fetched again.
    world.server.requests.clear()
    assert world.read(f"?ref={first}") == first
    assert world.server.requests == []


def test_a_commit_that_no_ref_names_is_fetched_by_its_id(world: World) -> None:
    first = world.commit(a="1")
    publish(world.files, world.repository, amend=True)
    assert world.read(f"?ref={first}") == first


def test_a_target_held_at_a_commit_that_is_gone(world: World) -> None:
    commit = world.commit(a="1")
    source = world.open(settings=DAEMON)
    assert commit_of(source) == commit
    source.pin("jane", 0)
    publish(world.files, world.repository, amend=True)
    shutil.rmtree(world.mirror)
    with pytest.raises(RepositoryError, match=f"held at commit {commit}, which the repository no"):
        world.open(settings=DAEMON).read()
    (notice,) = world.open(settings=GitSettings(DAEMON.target)).read().notices
    assert f"{commit[:12]} since 1970-01-01T00:00:00+00:00 by jane, an unknown number of" in notice


def test_a_tag_with_the_name_of_the_branch_does_not_replace_it(world: World) -> None:
    first = world.commit(a="1")
    second = world.commit(a="2")
    git(world.repository, "tag", "main", first)
    assert world.read() == second


def test_a_branch_that_is_a_directory_of_branches_next(world: World) -> None:
    first = world.commit(a="1")
    git(world.repository, "branch", "team", first)
    assert world.read("?ref=team") == first
    git(world.repository, "branch", "--delete", "team")
    git(world.repository, "branch", "team/one", first)
    assert world.read("?ref=team/one") == first


def test_a_moved_tag_and_a_force_push_are_followed(world: World) -> None:
    first = world.commit(a="1")
    second = world.commit(a="2")
    git(world.repository, "tag", "v1", first)
    assert world.read("?ref=v1") == first
    git(world.repository, "tag", "--force", "v1", second)
    assert world.read("?ref=v1") == second
    (world.files / "a.yaml").write_text("3")
    amended = publish(world.files, world.repository, amend=True)
    assert world.read() == amended != second


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda world: world.repository.rename(world.root / "gone"), "not found"),
        (
            lambda world: git(world.repository, "branch", "--move", "main", "other"),
            "the repository has no branch or tag main",
        ),
        (lambda world: setattr(world.server, "password", "x" * 12), "could not read Username"),
    ],
)
def test_a_repository_that_is_lost_is_one_line_and_the_daemon_goes_on(
    world: World, harm: Callable[[World], object], message: str
) -> None:
    commit = world.commit(a="1")
    daemon = world.open(settings=DAEMON)
    assert commit_of(daemon) == commit
    before = daemon.fingerprint()
    world.commit(a="2")
    harm(world)
    with pytest.raises(RepositoryError, match=message) as error:
        world.read()
    assert "\n" not in str(error.value)
    daemon.look_now()
    assert commit_of(daemon) == commit
    assert daemon.fingerprint() != before
    (notice,) = daemon.read().notices
    assert notice.endswith(f"commit {commit[:12]} stays in effect")
    # So does one that starts now.
    assert commit_of(world.open(settings=DAEMON)) == commit
    with pytest.raises(RepositoryError, match=message):
        world.open(settings=DAEMON, cache="empty").read()


def test_a_default_branch_that_does_not_exist(world: World) -> None:
    git(world.repository.parent, "init", "--quiet", "--bare", str(world.repository))
    with pytest.raises(RepositoryError, match="the repository has no default branch"):
        world.read("")


@pytest.mark.unmeasured
def test_polls_are_spaced_and_back_off(world: World) -> None:
    world.commit(a="1")
    daemon = world.open(settings=DAEMON)
    daemon.refresh()

    def looks(seconds: float) -> int:
        before = len(world.server.requests)
        world.clock.now += seconds
        daemon.refresh()
        return len(world.server.requests) - before

    assert [looks(9), looks(2) > 0, looks(5)] == [0, True, 0]
    assert daemon.age_seconds == 5
    daemon.look_now()
    assert looks(0) > 0
    assert daemon.age_seconds == 0
    world.repository.rename(world.root / "gone")
    assert [looks(10) > 0, looks(10) > 0, looks(10), looks(10) > 0] == [True, True, 0, True]
    assert [looks(30), looks(10) > 0] == [0, True]
    assert daemon.age_seconds == 80, "no fetch has succeeded since"
    assert world.open(settings=DAEMON).age_seconds == math.inf
    (world.root / "gone").rename(world.repository)
    assert looks(80) > 0
    assert daemon.age_seconds == 0
    assert daemon.read().notices == ()
    assert looks(10) > 0


def test_credentials_come_from_a_helper_of_git_and_are_not_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = world.commit(a="1")
    world.server.password = "canary-of-a-password"  # noqa: S105  # it protects nothing
    store = world.root / "token"
    place = world.server.url.removeprefix("http://")
    store.write_text(f"http://reader:{world.server.password}@{place}\n")
    config = world.root / "gitconfig"
    config.write_text(f"[credential]\n\thelper = store --file={store}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    assert world.read() == commit
    store.write_text(f"http://reader:canary-of-another@{place}\n")
    with pytest.raises(RepositoryError) as error:
        world.read()
    assert "canary" not in str(error.value)


def test_over_ssh(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = world.commit(a="1")
    ssh = world.root / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nexport GIT_PROTOCOL=version=2\neval "$last"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    world.address = f"git+ssh://git@localhost{world.repository}"
    assert world.read() == commit


def test_half_a_pack_is_one_line_and_fetched_again(world: World) -> None:
    commit = world.commit(a="1" * 1000)
    world.server.cut_after = 150
    with pytest.raises(RepositoryError, match="git fetch: "):
        world.read()
    world.server.cut_after = None
    assert world.read() == commit


@pytest.mark.parametrize("pack", [0, 1])
def test_a_damaged_mirror_is_fetched_again_with_what_was_applied(world: World, pack: int) -> None:
    commit = world.commit(a="1")
    source = world.open()
    source.read()
    record(source)
    damaged = sorted(world.mirror.glob("objects/pack/*.pack"), key=lambda file: file.stat().st_size)
    damaged[pack].chmod(0o644)
    os.truncate(damaged[pack], 20)
    source = world.open()
    assert commit_of(source) == commit
    assert source.rewind_reason() is None
    assert git(world.mirror, "fsck", "--connectivity-only", "--no-dangling") == ""


def test_what_a_killed_fetch_leaves_behind_is_removed(world: World) -> None:
    world.commit(a="1")
    world.read()
    left = ["shallow.lock", "gc.pid", "objects/pack/tmp_pack_x", "objects/pack/x.keep"]
    left += ["objects/tmp_objdir-incoming-x/a"]
    left += [f"{next(world.mirror.glob('refs/tracked/*')).relative_to(world.mirror)}.lock"]
    for name in left:
        (world.mirror / name).parent.mkdir(exist_ok=True)
        (world.mirror / name).touch()
    commit = world.commit(a="2")
    assert world.read() == commit
    assert [name for name in left if (world.mirror / name).exists()] == []


def test_a_server_that_does_not_answer_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.commit(a="1")
    world.server.stalled.set()
    monkeypatch.setattr(limits, "GIT_TIMEOUT_SECONDS", 1.5)
    beats: list[float] = []
    source = world.open()
    started = time.monotonic()
    source.refresh(lambda: beats.append(1))
    with pytest.raises(RepositoryError, match=r"git ls-remote: timed out after 1\.5 seconds"):
        source.read()
    assert time.monotonic() - started < 30
    assert beats


def test_two_processes_share_a_cache(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = world.commit(a="1")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(world.read())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [commit] * 4
    # Another process that holds the lock is waited for, but not for ever.
    monkeypatch.setattr(limits, "GIT_LOCK_TIMEOUT_SECONDS", 1.5)
    beats: list[float] = []
    lock = world.mirror.with_suffix(".lock")
    newer = world.commit(a="2")
    with subprocess.Popen(["flock", str(lock), "sleep", "60"], start_new_session=True) as holder:
        while subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0:
            time.sleep(0.01)
        source = world.open()
        source.refresh(lambda: beats.append(1))
        with pytest.raises(RepositoryError, match="another process has been fetching into"):
            source.read()
        os.killpg(holder.pid, 9)
    assert beats
    assert world.read() == newer


def test_a_cache_of_others_is_not_used(world: World) -> None:
    world.commit(a="1")
    (world.root / "cache/git").mkdir(parents=True)
    (world.root / "cache/git").chmod(0o777)
    with pytest.raises(RepositoryError, match="can be written by others: pass a --cache-dir"):
        world.read()
    (world.root / "cache/git").rmdir()
    (world.root / "cache").rmdir()
    (world.root / "cache").touch()
    with pytest.raises(RepositoryError, match=r"cannot be used: .*; pass another --cache-dir"):
        world.read()


@pytest.mark.parametrize(
    ("limit", "message"),
    [("MAX_GIT_FETCH_BYTES", "it is larger than 0 MiB"), ("MAX_GIT_OUTPUT_BYTES", "printed more")],
)
def test_a_repository_that_is_too_large(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: str, message: str
) -> None:
    world.commit(**{f"n{number}": os.urandom(2000).hex() for number in range(30)})
    git(world.repository, "config", "uploadpack.allowFilter", "false")
    monkeypatch.setattr(limits, limit, 1000)
    with pytest.raises(RepositoryError, match=message):
        world.read()


def hostile_tree(world: World, *lines: str) -> str:
    """Commit a tree that git itself would not make; each line is one entry of ls-tree."""
    blob = world.commit(a="secret: CANARY") and git(world.repository, "rev-parse", "main:a.yaml")
    tree = git(world.repository, "rev-parse", "main^{tree}")
    raw = b""
    for line in lines:
        mode, kind, name = line.split(" ", 2)
        item = {"blob": blob, "tree": tree, "commit": "1" * 40, "huge": "2" * 40}[kind]
        raw += f"{mode} {name}".encode() + b"\0" + bytes.fromhex(item)
    made = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        cwd=world.repository, input=raw, capture_output=True, check=True,
    )  # fmt: skip
    commit = git(world.repository, "commit-tree", "-m", "hostile", made.stdout.decode().strip())
    git(world.repository, "update-ref", "refs/heads/main", commit)
    return commit


def test_a_hostile_tree_is_diagnostics_and_no_harm(world: World) -> None:
    hostile_tree(
        world,
        "100644 blob ../../escape.yaml",
        "100644 blob ..",
        "40000 tree .git",
        "100644 blob .git",
        "40000 tree ..",
        "100644 blob a.yaml",
        "100644 blob a.yaml",
        "100644 blob a\nb.yaml",
        "100644 blob d/e.yaml",
        "160000 commit module",
        "160000 commit module.yaml",
    )
    found = world.open().read()
    assert [name for name, _ in found.files] == ["a\nb.yaml", "a.yaml"]
    codes = sorted((item.origin.file, item.code) for item in found.diagnostics)
    names = ("..", "..", "../../escape.yaml", "../a.yaml", ".git", "a.yaml", "d/e.yaml")
    assert codes == [
        *((name, Code.FILE_NAME) for name in names),
        ("module", Code.NOT_REGULAR),
        ("module.yaml", Code.NOT_REGULAR),
    ]
    assert not (world.root / "cache/escape.yaml").exists()


def test_an_excluded_submodule_is_no_error(world: World) -> None:
    hostile_tree(world, "160000 commit vendor", "100644 blob a.yaml")
    found = world.open(settings=GitSettings(exclude=("vendor/",))).read()
    assert [name for name, _ in found.files] == ["a.yaml"]
    assert (found.ignored, found.diagnostics) == (("vendor/",), ())


def test_a_pointer_to_lfs_is_a_diagnostic(world: World) -> None:
    world.commit(a="version https://git-lfs.github.com/spec/v1\noid sha256:0\n", b="1")
    found = world.open().read()
    assert [name for name, _ in found.files] == ["b.yaml"]
    assert [(item.origin.file, item.code) for item in found.diagnostics] == [
        ("a.yaml", Code.NOT_REGULAR)
    ]


def test_a_blob_of_2_gib_is_not_read(world: World) -> None:
    world.commit(a="1")
    world.read()
    # Only its header says so: a loose object in the mirror.
    name = "ab" + "c" * 38
    loose = world.mirror / f"objects/{name[:2]}/{name[2:]}"
    loose.parent.mkdir(exist_ok=True)
    loose.write_bytes(zlib.compress(b"blob 2147483648\0" + b"x" * 100))
    raw = b"100644 big.yaml\0" + bytes.fromhex(name)
    tree = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        cwd=world.mirror, input=raw, capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    commit = git(world.mirror, "commit-tree", "-m", "big", tree)
    found = world.open(f"?ref={commit}").read()
    assert found.files == ()
    assert [(item.origin.file, item.code) for item in found.diagnostics] == [
        ("big.yaml", Code.LIMIT)
    ]


def test_a_path_that_is_a_link(world: World) -> None:
    (world.files / "current").symlink_to("prod")
    world.commit(a="1")
    with pytest.raises(UsageError, match="current is a symbolic link in the repository"):
        world.read("?path=current")


@pytest.mark.unmeasured
def test_ten_thousand_files_take_less_than_a_second(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    directories = amount("directories of 100 files in a repository", test=10, full=100)
    for number in range(directories):
        folder = world.files / f"d{number}"
        folder.mkdir()
        for item in range(100):
            (folder / f"{item}.yaml").write_text(f"meshName: m{number}-{item}\n" + "x: y\n" * 50)
    world.commit()
    world.read()
    source = world.open()
    before = os.times()
    assert len(source.read().files) == 100 * directories
    after = os.times()
    spent = sum(after[:4]) - sum(before[:4])
    record_property(
        "figure", f"tree of {directories}00 files read from a mirror: {spent:.2f} s of CPU"
    )
    assert spent < 1


def test_git_is_not_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.commit(a="1")
    monkeypatch.setenv("PATH", str(world.root))
    with pytest.raises(RepositoryError, match=r"git ls-remote: .*No such file"):
        world.read()
