"""What manifests were at an earlier commit, out of repositories that mean well and others."""

import os
from pathlib import Path

import pytest
from repository import commit_all, git

from reconciler import limits
from reconciler.core.errors import HistoryError
from reconciler.source.git_history import files_at

pytestmark = pytest.mark.process


@pytest.fixture
def base(here: Path) -> str:
    """Return a commit of some files, all of them changed since."""
    names = ("m/a.yaml", "m/d/b.json", "m/.hidden.yaml", "m/.h/c.yaml", "m/notes.txt", "other.yaml")
    for name in names:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
    commit = commit_all(here)
    for name in names:
        (here / name).write_text("changed")
    commit_all(here)
    return commit


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["m"], ["m/a.yaml", "m/d/b.json"]),
        (["m/d/", "./other.yaml"], ["m/d/b.json", "other.yaml"]),
        (["m/notes.txt"], ["m/notes.txt"]),
        (["."], ["m/a.yaml", "m/d/b.json", "other.yaml"]),
        (["absent"], []),
    ],
)
def test_the_files_are_those_that_a_walk_would_find(
    base: str, paths: list[str], names: list[str]
) -> None:
    assert files_at(base, paths) == tuple((name, f"{name}\n".encode()) for name in names)


def test_paths_count_from_where_we_are(
    base: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here / "m/d")
    assert files_at(base, [".."]) == (("../a.yaml", b"m/a.yaml\n"), ("b.json", b"m/d/b.json\n"))
    assert files_at(base, [str(here / "m/d")]) == (("b.json", b"m/d/b.json\n"),)


def test_the_patterns_are_those_of_the_base(base: str, here: Path) -> None:
    git(here, "switch", "--quiet", "--create", "with-patterns", base)
    (here / "m/.reconcilerignore").write_text("d/\n")
    later = commit_all(here)
    (here / "m/.reconcilerignore").write_text("*\n")
    assert [name for name, _ in files_at(later, ["m"])] == ["m/a.yaml"]
    assert [name for name, _ in files_at(later, ["m", "m/d/b.json"], ["a.*"])] == ["m/d/b.json"]
    assert [name for name, _ in files_at(later, ["m/d/b.json"])] == ["m/d/b.json"]
    assert [name for name, _ in files_at(later, ["other.yaml"], ["*"])] == ["other.yaml"]
    (here / "m/link.yaml").symlink_to("a.yaml")
    assert files_at(commit_all(here), ["m"]) == ()


@pytest.mark.parametrize("link", [True, False])
def test_patterns_of_the_base_that_cannot_be_used_are_an_error(
    base: str, here: Path, *, link: bool
) -> None:
    assert base
    file = here / "m/.reconcilerignore"
    file.symlink_to("a.yaml") if link else file.write_text("[a\n")
    message = "cannot be used" if link else "is not a supported pattern"
    with pytest.raises(HistoryError, match=message):
        files_at(commit_all(here), ["m"])


def test_the_base_is_where_the_branch_began(base: str, here: Path) -> None:
    git(here, "switch", "--quiet", "--create", "main-goes-on", base)
    (here / "m/a.yaml").write_text("of others")
    of_others = commit_all(here)
    git(here, "switch", "--quiet", "main")
    assert files_at(of_others, ["m"])[0] == ("m/a.yaml", b"m/a.yaml\n")


@pytest.mark.parametrize(
    "commit",
    ["", "main", "HEAD", "-h", "--output=x", "ext::sh -c x", "file::x", "0" * 39, "A" * 40],
)
def test_e21_a_base_that_is_no_commit_reaches_no_git(commit: str, here: Path) -> None:
    del here
    with pytest.raises(HistoryError, match="the base is not a commit id"):
        files_at(commit, ["m"])


def test_standard_input_has_no_base(here: Path) -> None:
    del here
    with pytest.raises(HistoryError, match="standard input"):
        files_at("0" * 40, ["-"])


def test_outside_of_a_repository_and_without_git_there_is_no_base(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(here, "--version")
    with pytest.raises(HistoryError, match="git merge-base: fatal: not a git repository"):
        files_at("0" * 40, ["m"])
    monkeypatch.setenv("PATH", str(here))
    with pytest.raises(HistoryError, match=r"git merge-base: .*No such file"):
        files_at("0" * 40, ["m"])


def test_a_shallow_clone_has_no_base(base: str, here: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{here}", "shallow")
    os.chdir(tmp_path / "shallow")
    with pytest.raises(HistoryError, match="git merge-base: fatal: Not a valid commit name"):
        files_at(base, ["m"])


def test_histories_without_a_common_commit_have_no_base(base: str, here: Path) -> None:
    git(here, "switch", "--quiet", "--orphan", "another")
    commit_all(here)
    with pytest.raises(HistoryError, match="the clone does not contain enough history"):
        files_at(base, ["m"])


def test_links_are_not_followed_and_too_much_is_not_read(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "m").mkdir()
    (here / "m/link").symlink_to("/etc/passwd")
    linked = commit_all(here)
    with pytest.raises(HistoryError, match="a link or a submodule"):
        files_at(linked, ["m"])
    (here / "m/link").unlink()
    (here / "m/a.yaml").write_bytes(b" " * (limits.MAX_SOURCE_FILE_BYTES + 1))
    large = commit_all(here)
    with pytest.raises(HistoryError, match="too large"):
        files_at(large, ["m"])
    (here / "m/a.yaml").write_text("a")
    (here / "m/b.yaml").write_text("b")
    many = commit_all(here)
    monkeypatch.setattr(limits, "MAX_SOURCE_FILES", 1)
    with pytest.raises(HistoryError, match="more manifests than the limits"):
        files_at(many, ["m"])


def test_e20_a_hostile_repository_runs_nothing_and_sees_no_credential(
    base: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = here / "canary"
    trap = here / "trap.sh"
    trap.write_text(f"#!/bin/sh\nenv >> {canary}\ncat\n")
    trap.chmod(0o755)
    (here / ".gitattributes").write_text("* filter=trap diff=trap export-subst\n")
    for setting in (
        "core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "filter.trap.smudge",
        "filter.trap.clean", "filter.trap.process", "diff.trap.textconv", "diff.external",
        "credential.helper", "remote.origin.uploadpack", "core.gitProxy", "gpg.program",
    ):  # fmt: skip
        git(here, "config", setting, str(trap))
    hooks = here / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in (
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "fsmonitor-watchman",
    ):
        (hooks / hook).write_bytes(trap.read_bytes())
        (hooks / hook).chmod(0o755)
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    assert files_at(base, ["m"])[0] == ("m/a.yaml", b"m/a.yaml\n")
    # Of a partial clone the missing is not fetched.
    for name, value in (
        ("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"), ("remote.origin.url", f"ext::{trap}"),
        ("protocol.ext.allow", "always"),
    ):  # fmt: skip
        git(here, "config", name, value)
    blob = git(here, "rev-parse", f"{base}:m/a.yaml")
    (here / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(HistoryError, match=r"missing from the clone|'ext' not allowed"):
        files_at(base, ["m"])
    assert not canary.exists()


@pytest.mark.parametrize(
    ("script", "seconds", "message"),
    [
        ("exec sleep 60", 0.2, "timed out after 0.2 seconds"),
        ("exec cat /dev/zero", 60, "printed more than 1 MiB"),
    ],
)
def test_git_that_does_not_end_is_ended(
    base: str,
    here: Path,
    script: str,
    seconds: float,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = here / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{here}:{os.environ['PATH']}")
    monkeypatch.setattr(limits, "GIT_TIMEOUT_SECONDS", seconds)
    monkeypatch.setattr(limits, "MAX_GIT_OUTPUT_BYTES", 1 << 20)
    with pytest.raises(HistoryError, match=f"git merge-base: {message}"):
        files_at(base, ["m"])
