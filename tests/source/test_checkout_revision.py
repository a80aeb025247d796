"""The commit of a directory in a checkout: found without harm, never waited for, never an error."""

import os
import time
from pathlib import Path

import pytest
from repository import commit_all, git

from reconciler import limits
from reconciler.core.source_revision import SourceRevision
from reconciler.source import snapshot
from reconciler.source.checkout_revision import checkout_revision

pytestmark = pytest.mark.process


def found(*paths: str) -> SourceRevision | None:
    with Path(os.devnull).open("rb") as stdin:
        return checkout_revision(paths, snapshot.read(paths, stdin=stdin).files)


def is_dirty(*paths: str) -> bool:
    revision = found(*paths)
    assert revision is not None
    return revision.dirty


@pytest.fixture
def commit(here: Path) -> str:
    """Return the commit of manifests in ``m``, in another directory, and beside them."""
    for name in ("m/a.yaml", "m/d/b.json", "m/.h/c.yaml", "m/notes.txt", "n/a.yaml", "other.yaml"):
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
    return commit_all(here)


@pytest.mark.parametrize(
    "paths", [["m"], ["m/"], ["."], ["m/d", "./other.yaml"], ["m/notes.txt"], ["m", "n"]]
)
def test_the_commit_of_what_was_read_is_found(commit: str, paths: list[str]) -> None:
    assert found(*paths) == SourceRevision(commit, "a change", "somebody")


def test_it_is_found_from_elsewhere_and_through_a_link(
    commit: str, here: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "current").symlink_to(here / "m")
    os.chdir(elsewhere)
    for path in (str(here / "m"), "current"):
        assert found(path) == SourceRevision(commit, "a change", "somebody")


def test_a_linked_work_tree_has_its_own_commit(commit: str, here: Path) -> None:
    git(here, "worktree", "add", "--quiet", "wt")
    (here / "wt/m/a.yaml").write_text("later")
    later = commit_all(here / "wt")
    assert (found("wt/m"), found("m")) == (
        SourceRevision(later, "a change", "somebody"),
        SourceRevision(commit, "a change", "somebody"),
    )


def test_a_repository_with_sha256_is_read(here: Path) -> None:
    git(here, "init", "--quiet", "--object-format=sha256")
    (here / "a.yaml").write_text("a")
    commit = commit_all(here)
    assert len(commit) == 64
    assert found(".") == SourceRevision(commit, "a change", "somebody")


@pytest.mark.parametrize(
    ("change", "dirty"),
    [
        ("echo more >> m/a.yaml", True),
        ("rm m/d/b.json", True),
        ("mv m/a.yaml m/z.yaml", True),
        ("echo new > m/new.yaml", True),
        ("echo m/new.yaml > .gitignore; echo new > m/new.yaml", True),
        ("rm m/a.yaml; ln -s .h/c.yaml m/a.yaml", True),
        ("echo more >> m/.h/c.yaml", False),
        ("rm m/notes.txt; echo new > m/new.txt", False),
        ("echo more >> other.yaml; rm n/a.yaml", False),
        ("chmod 755 m/a.yaml; touch m/a.yaml", False),
        ("git add -A; git rm -q --cached m/a.yaml", False),
        (r"printf 'm/a.yaml\r\n' > m/a.yaml", False),
    ],
)
def test_only_manifests_that_differ_from_the_commit_are_local_changes(
    commit: str, here: Path, change: str, *, dirty: bool
) -> None:
    del commit
    assert os.system(f"cd {here} && {change}") == 0  # noqa: S605  # of this table
    assert is_dirty("m") is dirty


def test_a_manifest_behind_a_link_is_compared_with_the_file_it_points_to(here: Path) -> None:
    (here / "m/.data").mkdir(parents=True)
    (here / "m/.data/a.yaml").write_text("a")
    (here / "m/a.yaml").symlink_to(".data/a.yaml")
    commit_all(here)
    assert not is_dirty("m")
    (here / "m/.data/a.yaml").write_text("b")
    assert is_dirty("m")


def test_there_is_none_outside_of_a_checkout_and_git_is_not_started(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a.yaml").write_text("a")
    fake_git(here, "touch started", monkeypatch)
    assert found(".") is None
    assert not (here / "started").exists()


def test_there_is_none_of_standard_input(commit: str) -> None:
    del commit
    assert checkout_revision(["-", "m"], []) is None


@pytest.mark.parametrize("path", ["ignored", "m"])
def test_a_commit_that_has_nothing_of_the_source_is_not_its_commit(here: Path, path: str) -> None:
    (here / "README").write_text("a")
    commit_all(here)
    (here / path).mkdir()
    (here / path / "a.yaml").write_text("a")
    assert found(path) is None


def test_a_repository_without_a_commit_or_with_broken_objects_has_none(
    commit: str, here: Path
) -> None:
    (here / ".git/objects" / commit[:2] / commit[2:]).unlink()
    assert found("m") is None
    git(here / "m", "init", "--quiet")
    assert found("m") is None


def test_without_git_there_is_none(commit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del commit
    monkeypatch.setenv("PATH", "/nowhere")
    assert found("m") is None


def fake_git(here: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = here / "bin/git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    "script",
    [
        "exec sleep 60",
        "exec >&-; exec sleep 60",
        "exec >&- 2>&-; exec sleep 60",
        "exec cat /dev/zero",
        "exec cat /dev/zero >&2",
        "echo nonsense",
        "printf 'commit HEAD\\na\\nb\\n'",
        "exit 128",
    ],
)
def test_a_git_that_hangs_floods_or_talks_nonsense_is_not_waited_for(
    commit: str, here: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del commit
    monkeypatch.setattr(limits, "GIT_REVISION_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(limits, "MAX_GIT_OUTPUT_BYTES", 1 << 20)
    fake_git(here, script, monkeypatch)
    started = time.monotonic()
    assert found("m") is None
    assert time.monotonic() - started < 20


def test_e20_no_command_of_the_repository_runs(
    commit: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = here / "trap.sh"
    trap.write_text("#!/bin/sh\nenv >> canary\ncat\n")
    trap.chmod(0o755)
    (here / ".gitattributes").write_text("* filter=trap diff=trap text=auto\n")
    for setting in (
        "core.fsmonitor", "core.pager", "core.sshCommand", "filter.trap.smudge",
        "filter.trap.clean", "filter.trap.process", "diff.trap.textconv", "diff.external",
        "gpg.program", "gpg.ssh.program", "alias.rev-list", "core.editor",
    ):  # fmt: skip
        git(here, "config", setting, str(trap))
    git(here, "config", "log.showSignature", "true")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    (here / "m/a.yaml").write_text("changed")
    assert found("m") == SourceRevision(commit, "a change", "somebody", dirty=True)
    assert not (here / "canary").exists()


def test_hostile_and_long_texts_of_a_commit_are_cut_and_kept_as_text(here: Path) -> None:
    (here / "a.yaml").write_text("a")
    commit_all(here)
    subject = "\x1b[2J`</code>` \u202e" + "x" * 100_000
    (here / "message").write_text(subject)
    git(here, "commit", "--quiet", "--amend", "--author", "`b`\x1b[2J <a@b>", "-F", "message")
    revision = found(".")
    assert revision is not None
    assert revision.subject.startswith("\x1b[2J`</code>` \u202exxx")
    assert len(revision.subject) <= limits.MAX_COMMIT_TEXT_CHARACTERS + 1
    assert revision.author == "`b`\x1b[2J"


def test_a_commit_in_another_encoding_is_read(here: Path) -> None:
    (here / "a.yaml").write_text("a")
    commit_all(here)
    message = here / "message"
    message.write_bytes("G\u00fcnter".encode("latin-1"))
    git(here, "-c", "i18n.commitEncoding=latin1", "commit", "--amend", "-qF", str(message))
    revision = found(".")
    assert revision is not None
    assert revision.subject == "G\u00fcnter"
