"""Directories as they are in life: pipes, editors, and other hands at work; see test_contract."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.source import file_walk
from reconciler.source.file_walk import FileEntry
from reconciler.source.files import stamp_of
from reconciler.source.snapshot import Snapshot, fingerprint, no_manifest_diagnostic, read


def no_pause(_seconds: float) -> None:
    """Take no time."""


def snapshot(*paths: Path | str, sleep: Callable[[float], None] = no_pause) -> Snapshot:
    return read([str(path) for path in paths], stdin=io.BytesIO(b"from stdin"), sleep=sleep)


def names(found: Snapshot, root: Path) -> list[str]:
    return [name.removeprefix(f"{root}/") for name, _ in found.files]


def complaints(found: Snapshot, root: Path) -> list[tuple[str, Code]]:
    return [(item.origin.file.removeprefix(f"{root}/"), item.code) for item in found.diagnostics]


def put(path: Path, content: str = "a") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_named_file_is_read_whatever_its_name_and_once(tmp_path: Path) -> None:
    file = put(tmp_path / ".mesh.txt")
    put(tmp_path / "b.yaml")
    found = snapshot(file, tmp_path, f"{tmp_path}/b.yaml", file)
    assert names(found, tmp_path) == [".mesh.txt", "b.yaml"]


def test_a_name_with_a_slash_at_its_end(tmp_path: Path) -> None:
    put(tmp_path / "b.yaml")
    assert names(snapshot(f"{tmp_path}/"), tmp_path) == ["b.yaml"]


def test_standard_input(tmp_path: Path) -> None:
    put(tmp_path / "b.yaml")
    assert snapshot("-").files == (("-", b"from stdin"),)
    assert [name for name, _ in snapshot("-", tmp_path).files] == ["-", f"{tmp_path}/b.yaml"]


def test_i13_standard_input_is_limited() -> None:
    found = read(["-"], stdin=io.BytesIO(b" " * (1 << 20) + b" "), sleep=no_pause)
    assert [item.code for item in found.diagnostics] == [Code.LIMIT]
    assert found.files == ()


def test_i05_a_missing_path_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone does not exist"):
        snapshot(tmp_path / "gone")


def test_i05_an_empty_path_is_not_the_working_directory() -> None:
    with pytest.raises(UsageError, match="a PATH is empty"):
        read([""], stdin=io.BytesIO(), sleep=no_pause)


def test_i07_an_empty_directory_is_no_error_by_itself(tmp_path: Path) -> None:
    assert snapshot(tmp_path) == Snapshot((), ())
    item = no_manifest_diagnostic([str(tmp_path), "-"])
    assert (item.code, item.origin.file) == (Code.NO_MANIFEST, f"{tmp_path}, -")


def test_i04_a_link_to_the_root_is_resolved(tmp_path: Path) -> None:
    put(tmp_path / "worktrees/one/a.yaml")
    (tmp_path / "current").symlink_to("worktrees/one")
    assert names(snapshot(tmp_path / "current"), tmp_path) == ["current/a.yaml"]


@pytest.mark.parametrize(
    "target", ["/etc", "../outside", "../outside/secret.yaml", "/etc/hostname"]
)
def test_i11_links_that_leave_the_directory_are_refused(tmp_path: Path, target: str) -> None:
    put(tmp_path / "outside/secret.yaml", "CANARY")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.yaml").symlink_to(target)
    (root / "notes.txt").symlink_to("../outside/secret.yaml")
    found = snapshot(root)
    assert complaints(found, root) == [("a.yaml", Code.SYMLINK)]
    assert "CANARY" not in repr(found)


def test_i10_a_looping_path_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    found = snapshot(tmp_path / "self")
    assert complaints(found, tmp_path) == [("self", Code.UNREADABLE)]


def test_i12_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert complaints(snapshot(tmp_path), tmp_path) == [("a.yaml", Code.NOT_REGULAR)]
    assert complaints(snapshot(tmp_path / "a.yaml"), tmp_path) == [("a.yaml", Code.NOT_REGULAR)]


def test_i12_a_pipe_in_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    status = put(tmp_path / "b.yaml").lstat()
    entry = FileEntry("a.yaml", str(tmp_path / "a.yaml"), stamp_of(status))
    monkeypatch.setattr(
        "reconciler.source.snapshot.walk", lambda *_, **__: file_walk.FileTree((entry,), ())
    )
    found = snapshot(tmp_path)
    assert (found.files, complaints(found, tmp_path)) == ((), [("a.yaml", Code.UNREADABLE)])


def test_i14_the_limits() -> None:
    assert (
        limits.MAX_SOURCE_FILES,
        limits.MAX_SOURCE_BYTES,
        limits.MAX_SOURCE_FILE_BYTES,
        limits.MAX_SOURCE_DEPTH,
    ) == (
        10_000,
        64 << 20,
        1 << 20,
        8,
    )


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Make one function of ``os`` refuse one path, as root is refused nothing."""

    def deny(function: str, suffix: str) -> None:
        real = getattr(os, function)

        def refuse(path: object, *args: object, **options: object) -> object:
            if str(path).endswith(suffix):
                raise PermissionError(13, "Permission denied")
            return real(path, *args, **options)

        monkeypatch.setattr(os, function, refuse)

    return deny


def test_i26_an_unreadable_file_is_a_complaint(
    tmp_path: Path, denied: Callable[[str, str], None]
) -> None:
    put(tmp_path / "a.yaml")
    put(tmp_path / "b.yaml")
    denied("open", "a.yaml")
    found = snapshot(tmp_path)
    assert complaints(found, tmp_path) == [("a.yaml", Code.UNREADABLE)]
    assert found.diagnostics[0].message == "cannot be read: Permission denied"
    assert names(found, tmp_path) == ["b.yaml"]


@pytest.mark.parametrize("shown", [0, 3, 5])
def test_a_file_system_that_shows_other_sizes_cuts_no_file_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: int
) -> None:
    put(tmp_path / "a.yaml", "four")
    monkeypatch.setattr("reconciler.source.files.stamp_of", lambda _: (1, 2, shown, 3, 4))
    found = snapshot(tmp_path)
    assert complaints(found, tmp_path) == [("a.yaml", Code.UNREADABLE)]
    assert f"does not have the {shown} bytes" in found.diagnostics[0].message
    assert found.files == ()


def test_i26_an_unreadable_directory_is_a_complaint(
    tmp_path: Path, denied: Callable[[str, str], None]
) -> None:
    put(tmp_path / "sub/a.yaml")
    denied("scandir", "sub")
    assert complaints(snapshot(tmp_path), tmp_path) == [("sub", Code.UNREADABLE)]


def test_i08_a_file_that_vanishes_during_the_walk_is_no_absence(
    tmp_path: Path, denied: Callable[[str, str], None]
) -> None:
    put(tmp_path / "a.yaml")
    denied("lstat", "a.yaml")
    assert complaints(snapshot(tmp_path), tmp_path) == [("a.yaml", Code.UNREADABLE)]


class Changing:
    """Another hand, which acts while we wait, as often as it is told to."""

    def __init__(self, act: Callable[[int], object], times: int) -> None:
        self.pauses: list[float] = []
        self._act = act
        self._times = times

    def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) <= self._times:
            self._act(len(self.pauses))


def test_i08_a_change_while_reading_is_read_again(tmp_path: Path) -> None:
    file = put(tmp_path / "a.yaml", "first")
    hand = Changing(lambda turn: file.write_text("x" * turn), 2)
    assert snapshot(tmp_path, sleep=hand).files == ((str(file), b"xx"),)
    assert hand.pauses == [0.03, 0.06, 0.12]


def test_i29_a_change_that_hides_its_time_is_seen(tmp_path: Path) -> None:
    file = put(tmp_path / "a.yaml", "first")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)

    def rewrite(_turn: int) -> None:
        file.write_text("other")
        os.utime(file, ns=times)

    assert snapshot(tmp_path, sleep=Changing(rewrite, 1)).files == ((str(file), b"other"),)


def test_i08_a_directory_that_never_rests_is_a_complaint(tmp_path: Path) -> None:
    hand = Changing(lambda turn: put(tmp_path / f"{turn}.yaml"), 99)
    found = snapshot(tmp_path, sleep=hand)
    assert found.files == ()
    assert [item.code for item in found.diagnostics] == [Code.CHANGING]
    assert len(hand.pauses) == 5


def test_i08_git_at_work_is_waited_for(tmp_path: Path) -> None:
    put(tmp_path / "manifests/a.yaml")
    put(tmp_path / ".git/HEAD", "ref: refs/heads/main\n")
    lock = put(tmp_path / ".git/index.lock")
    found = snapshot(tmp_path / "manifests")
    assert [(item.code, item.message) for item in found.diagnostics] == [
        (Code.CHANGING, "is being changed by git")
    ]
    hand = Changing(lambda _: lock.unlink(missing_ok=True), 1)
    assert len(snapshot(tmp_path / "manifests", sleep=hand).files) == 1


def test_a_hook_of_git_is_not_kept_waiting_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.yaml")
    put(tmp_path / ".git/index.lock")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index.lock")
    assert len(snapshot(tmp_path).files) == 1


def test_i08_a_file_that_names_no_git_folder_is_none(tmp_path: Path) -> None:
    put(tmp_path / "a.yaml")
    put(tmp_path / ".git", "gitdir: \0\0\0")
    assert len(snapshot(tmp_path).files) == 1


@pytest.mark.parametrize("moved", [".git/HEAD", ".git/refs/heads/main"])
def test_i08_a_commit_checked_out_while_reading_is_seen(tmp_path: Path, moved: str) -> None:
    put(tmp_path / "a.yaml")
    put(tmp_path / ".git/HEAD", "ref: refs/heads/main\n")
    put(tmp_path / ".git/refs/heads/main", "1\n")
    hand = Changing(lambda _: put(tmp_path / moved, "2\n"), 1)
    assert len(snapshot(tmp_path, sleep=hand).files) == 1
    assert len(hand.pauses) == 2


def test_i08_a_linked_work_tree(tmp_path: Path) -> None:
    put(tmp_path / "tree/a.yaml")
    put(tmp_path / "tree/.git", f"gitdir: {tmp_path}/main/.git/worktrees/tree\n")
    put(tmp_path / "main/.git/worktrees/tree/index.lock")
    found = snapshot(tmp_path / "tree")
    assert [item.code for item in found.diagnostics] == [Code.CHANGING]


def test_a_fingerprint_changes_with_the_files_and_only_with_them(tmp_path: Path) -> None:
    file = put(tmp_path / "a.yaml")
    first = fingerprint([str(tmp_path), "-"])
    put(tmp_path / "notes.txt")
    assert fingerprint([str(tmp_path), "-"]) == first
    file.write_text("other")
    assert fingerprint([str(tmp_path), "-"]) != first


def test_i05_a_fingerprint_of_what_is_gone(tmp_path: Path) -> None:
    present = fingerprint([str(tmp_path)])
    tmp_path.rmdir()
    gone = fingerprint([str(tmp_path)])
    assert gone != present
    assert gone == fingerprint([str(tmp_path)])


IGNORE = ".reconcilerignore"


def test_a_fingerprint_changes_with_patterns_that_matter(tmp_path: Path) -> None:
    put(tmp_path / "a.yaml")
    first = fingerprint([str(tmp_path)])
    put(tmp_path / IGNORE, "b.yaml")
    assert fingerprint([str(tmp_path)]) == first
    put(tmp_path / IGNORE, "a.yaml")
    assert fingerprint([str(tmp_path)]) not in (first, fingerprint([str(tmp_path)], ["!a.yaml"]))


def test_patterns_that_change_while_reading_are_seen(tmp_path: Path) -> None:
    put(tmp_path / "a.yaml")
    hand = Changing(lambda _: put(tmp_path / IGNORE, "a.yaml"), 1)
    assert snapshot(tmp_path, sleep=hand).files == ()
    assert len(hand.pauses) == 2


def test_a_pipe_with_patterns_is_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path / "a.yaml")
    os.mkfifo(tmp_path / IGNORE)
    found = snapshot(tmp_path)
    (item,) = found.diagnostics
    assert (item.code, item.message) == (
        Code.IGNORE_FILE,
        "cannot be read: it is not a regular file",
    )
    assert found.files == ()
