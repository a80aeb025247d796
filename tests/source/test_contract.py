"""What every kind of source does with the same files: a directory, and a commit of them."""

import getpass
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from amounts import amount
from git_servers import git_daemon, git_server
from repository import publish
from ssh_servers import make_key, ssh_server

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.source.git_mirror import Mirror
from reconciler.source.git_settings import GitSettings
from reconciler.source.git_source import GitSource
from reconciler.source.git_url import parse_address
from reconciler.source.snapshot import Snapshot
from reconciler.source.source import DiskSource, Source

TRANSPORTS = ("git", "file", "http", "ssh")[
    : amount("transports of a repository under the contract of sources", test=1, full=4)
]
# Opens the source at a path below the directory `files`.
Open = Callable[..., Source]


def on_disk(root: Path, path: str, exclude: tuple[str, ...]) -> Source:
    place = root / "files" / path if path else root / "files"
    return DiskSource((str(place),), io.BytesIO(), exclude, sleep=lambda _: None)


@contextmanager
def served_over(transport: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the repositories in ``root`` over ``transport`` and yield the URL of ``root``."""
    if transport == "git":
        with git_daemon() as port:
            yield f"git://127.0.0.1:{port}{root}"
    elif transport == "http":
        with git_server(root) as server:
            yield server.url
    elif transport == "ssh":
        host, _ = make_key(root / "host"), make_key(root / "ours")
        with ssh_server(root) as port:
            (root / "known").write_text(f"[127.0.0.1]:{port} {host}")
            command = f"ssh -F none -i {root}/ours -o UserKnownHostsFile={root}/known"
            monkeypatch.setenv("GIT_SSH_COMMAND", command)
            yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}{root}"
    else:
        yield f"file://{root}"


def in_git(root: Path, url: str, path: str, exclude: tuple[str, ...]) -> Source:
    publish(root / "files", root / "repository.git")
    address = parse_address(f"git+{url}/repository.git?path={path}")
    mirror = Mirror(root / "cache", address)
    settings = GitSettings(exclude=exclude, poll_seconds=0.001)
    return GitSource(address, mirror, settings, time.monotonic)


@pytest.fixture(
    params=[
        "directory",
        *(pytest.param(name, marks=pytest.mark.process) for name in TRANSPORTS),
    ]
)
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Yield a function that opens the source of the directory ``files``."""
    (tmp_path / "files").mkdir()
    if request.param == "directory":
        yield lambda path="", exclude=(): on_disk(tmp_path, path, exclude)
        return
    with served_over(request.param, tmp_path, monkeypatch) as url:
        yield lambda path="", exclude=(): in_git(tmp_path, url, path, exclude)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return the directory with the files of the source."""
    return tmp_path / "files"


def short(name: str) -> str:
    """Return the part of a name below the directory of the files."""
    return name.rpartition("/files/")[2]


def names(found: Snapshot) -> list[str]:
    return [short(name) for name, _ in found.files]


def complaints(found: Snapshot) -> list[tuple[str, Code]]:
    return sorted((short(item.origin.file), item.code) for item in found.diagnostics)


def put(path: Path, content: str = "a") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_manifests_are_read_in_order_and_others_are_not(opened: Open, files: Path) -> None:
    for name in ("b.yaml", "a/z.yml", "a/y.json", "c.template", "README.md", "d.yaml.txt"):
        put(files / name, name)
    found = opened().read()
    assert names(found) == ["a/y.json", "a/z.yml", "b.yaml", "c.template"]
    assert [content for _, content in found.files] == [
        b"a/y.json", b"a/z.yml", b"b.yaml", b"c.template"
    ]  # fmt: skip
    assert found.diagnostics == ()


def test_a_path_in_it_is_a_directory_or_a_file_with_any_name(opened: Open, files: Path) -> None:
    put(files / "prod/d/a.yaml")
    put(files / "prod/.mesh.txt")
    put(files / "test/b.yaml")
    assert names(opened("prod").read()) == ["prod/d/a.yaml"]
    assert names(opened("prod/").read()) == ["prod/d/a.yaml"]
    assert names(opened("prod/.mesh.txt").read()) == ["prod/.mesh.txt"]


def test_i02_what_editors_leave_behind_is_not_read(opened: Open, files: Path) -> None:
    for name in (
        ".a.yaml.swp",
        "4913",
        "a.yaml~",
        "#a.yaml#",
        "a.yaml.tmp",
        ".DS_Store",
        ".a.yaml",
    ):
        put(files / name)
    (files / ".#a.yaml").symlink_to("user@host.1:2")
    put(files / ".github/config.yaml")
    found = opened().read()
    assert (found.files, found.diagnostics) == ((), ())


def test_i07_nothing_in_it_is_no_error_by_itself(opened: Open) -> None:
    found = opened().read()
    assert (found.files, found.diagnostics) == ((), ())


def test_i05_a_missing_path_is_wrong_usage(opened: Open) -> None:
    with pytest.raises(UsageError, match="gone does not exist"):
        opened("gone").read()


def test_i04_a_config_map_volume(opened: Open, files: Path) -> None:
    put(files / "..2026_11_23/a.yaml", "content")
    (files / "..data").symlink_to("..2026_11_23")
    (files / "a.yaml").symlink_to("..data/a.yaml")
    found = opened().read()
    assert [(short(name), content) for name, content in found.files] == [("a.yaml", b"content")]
    assert found.diagnostics == ()


def test_a_file_with_two_names_is_read_once_under_its_own(opened: Open, files: Path) -> None:
    put(files / "z.yaml")
    put(files / "y/x.yaml", "b")
    (files / "a.yaml").symlink_to("z.yaml")
    (files / "a").symlink_to("./y/../y")
    assert names(opened().read()) == ["y/x.yaml", "z.yaml"]


def test_a_link_leads_to_a_file_with_any_name(opened: Open, files: Path) -> None:
    put(files / "mesh.txt", "content")
    (files / "a.yaml").symlink_to("mesh.txt")
    found = opened().read()
    assert [(short(name), content) for name, content in found.files] == [("a.yaml", b"content")]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "target", ["/etc", "../outside", "../outside/secret.yaml", "/etc/hostname", "x/../../outside"]
)
def test_i11_links_that_leave_it_are_refused(opened: Open, files: Path, target: str) -> None:
    put(files.parent / "outside/secret.yaml", "CANARY")
    put(files / "x/b.yaml")
    (files / "a.yaml").symlink_to(target)
    found = opened().read()
    assert complaints(found) == [("a.yaml", Code.SYMLINK)]
    assert "CANARY" not in repr(found)


def test_i11_a_link_within_the_repository_may_still_leave_the_path(
    opened: Open, files: Path
) -> None:
    put(files / "other/secret.yaml", "CANARY")
    put(files / "prod/b.yaml")
    (files / "prod/a.yaml").symlink_to("../other/secret.yaml")
    found = opened("prod").read()
    assert complaints(found) == [("prod/a.yaml", Code.SYMLINK)]
    assert "CANARY" not in repr(found)


def test_i10_loops_and_dangling_links_are_reported(opened: Open, files: Path) -> None:
    put(files / "d/a.yaml")
    for name, target in {
        "d/up": "..",
        "gone": "nowhere",
        "self.yaml": "self.yaml",
        "through.yaml": "d/a.yaml/b",
        "x.yaml": "y.yaml",
        "y.yaml": "x.yaml",
    }.items():
        (files / name).symlink_to(target)
    found = opened().read()
    assert names(found) == ["d/a.yaml"]
    assert complaints(found) == [
        (name, Code.SYMLINK)
        for name in ("d/up", "gone", "self.yaml", "through.yaml", "x.yaml", "y.yaml")
    ]


def test_i13_a_large_file_is_refused_unread(opened: Open, files: Path) -> None:
    with (files / "a.yaml").open("wb") as file:
        file.truncate(2 << 20)
    put(files / "b.yaml")
    found = opened().read()
    assert complaints(found) == [("a.yaml", Code.LIMIT)]
    assert names(found) == ["b.yaml"]


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_SOURCE_FILES", 3, "exceeds the limit of 3 files"),
        ("MAX_SOURCE_FILES", 1, "exceeds the limit of 1 files"),
        ("MAX_SOURCE_BYTES", 3, "exceeds the limit of 0 MiB in total"),
        ("MAX_SOURCE_DEPTH", 1, "is more than 1 directories deep"),
    ],
)
def test_i14_over_a_limit_nothing_is_read(
    opened: Open,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    message: str,
) -> None:
    for name in ("a.yaml", "b.yaml", "c.yaml", "d/e/f.yaml"):
        put(files / name, name)
    assert len(opened().read().files) == 4
    monkeypatch.setattr(limits, limit, value)
    found = opened().read()
    assert found.files == ()
    assert [item.message for item in found.diagnostics] == [message]


def test_i18_a_name_that_is_not_utf_8_is_shown_escaped(opened: Open, files: Path) -> None:
    with open(os.fsencode(files) + b"/a\xff.yaml", "wb"):  # noqa: PTH123  # Path takes no bytes
        pass
    assert complaints(opened().read()) == [("a\\xff.yaml", Code.FILE_NAME)]


def test_i18_a_name_with_a_newline_is_one_line_in_messages(opened: Open, files: Path) -> None:
    (files / "a\nb.yaml").symlink_to("nowhere")
    put(files / "c\nd.yaml")
    found = opened().read()
    assert complaints(found) == [("a\\nb.yaml", Code.SYMLINK)]
    assert names(found) == ["c\nd.yaml"]


def test_a_fingerprint_changes_with_the_files_and_only_with_them(opened: Open, files: Path) -> None:
    put(files / "a.yaml")
    source = opened()
    first = source.fingerprint()
    assert source.fingerprint() == first
    put(files / "a.yaml", "other")
    opened()
    time.sleep(0.01)
    assert source.fingerprint() != first


def test_i05_a_fingerprint_of_what_is_gone(opened: Open, files: Path) -> None:
    put(files / "prod/a.yaml")
    source = opened("prod")
    first = source.fingerprint()
    (files / "prod/a.yaml").unlink()
    (files / "prod").rmdir()
    opened()
    time.sleep(0.01)
    gone = source.fingerprint()
    assert gone != first
    with pytest.raises(UsageError, match="prod does not exist"):
        source.read()


def test_each_directory_is_walked_once(opened: Open, files: Path) -> None:
    for item in range(12):
        put(files / f"{item}/a.yaml")
        for other in range(12):
            if item != other:
                (files / f"{item}/to-{other}").symlink_to(f"../{other}")
    assert len(opened().read().files) == 12


IGNORE = ".reconcilerignore"


def test_patterns_exclude_files_of_their_directory(opened: Open, files: Path) -> None:
    for name in ("a.yaml", "b/a.yaml", "charts/c/d.yaml", "iam/p.json", "iam/p.txt", "x/b.yaml"):
        put(files / name)
    (files / "link.yaml").symlink_to("a.yaml")
    (files / "to-x").symlink_to("x")
    put(files / IGNORE, "charts/\n/iam/p.*\nlink.yaml\nto-x\n")
    found = opened(exclude=("b/*", "!iam/p.json")).read()
    assert names(found) == ["a.yaml", "iam/p.json", "x/b.yaml"]
    assert [short(name) for name in found.ignored] == ["b/a.yaml", "charts/", "link.yaml", "to-x"]
    assert found.diagnostics == ()
    assert names(opened("charts").read()) == ["charts/c/d.yaml"]


def test_exclude_needs_no_file_of_patterns_and_begins_at_the_path(
    opened: Open, files: Path
) -> None:
    put(files / "prod/a.yaml")
    put(files / "prod/prod/a.yaml")
    found = opened("prod", ("/prod",)).read()
    assert names(found) == ["prod/a.yaml"]
    assert [short(name) for name in found.ignored] == ["prod/prod/"]
    assert names(opened("prod/a.yaml", ("a.yaml",)).read()) == ["prod/a.yaml"]


def test_patterns_come_through_a_config_map_volume(opened: Open, files: Path) -> None:
    put(files / f"..data/{IGNORE}", "a.yaml")
    put(files / "a.yaml")
    put(files / "b.yaml")
    (files / IGNORE).symlink_to(f"..data/{IGNORE}")
    found = opened().read()
    assert (names(found), found.diagnostics) == (["b.yaml"], ())


@pytest.mark.parametrize(
    ("make", "line", "message"),
    [
        (lambda file: put(file, "a\n[b\n"), 2, "is not a supported pattern"),
        (lambda file: put(file, "\n" * (64 << 10) + "a"), 1, "larger than 64 KiB"),
        (lambda file: put(file / "a"), 1, "cannot be read: "),
        (lambda file: file.symlink_to("gone"), 1, "cannot be read: No such file"),
        (lambda file: file.symlink_to("/etc/hostname"), 1, "points outside"),
    ],
)
def test_patterns_that_cannot_be_used_exclude_nothing_and_block(
    opened: Open, files: Path, make: Callable[[Path], object], line: int, message: str
) -> None:
    put(files / "prod/a.yaml")
    make(files / "prod" / IGNORE)
    found = opened("prod").read()
    (item,) = found.diagnostics
    assert (item.code, item.origin.line) == (Code.IGNORE_FILE, line)
    assert short(item.origin.file) == f"prod/{IGNORE}"
    assert message in item.message
    assert found.files == ()


def test_patterns_in_a_subdirectory_are_an_error(opened: Open, files: Path) -> None:
    put(files / "d/a.yaml")
    put(files / f"d/{IGNORE}", "a.yaml")
    found = opened().read()
    assert complaints(found) == [(f"d/{IGNORE}", Code.IGNORE_FILE)]
    assert names(found) == ["d/a.yaml"]


def test_an_invalid_exclude_is_wrong_usage(opened: Open) -> None:
    with pytest.raises(UsageError, match="exclude in the target's table: pattern 1 is not a"):
        opened(exclude=("[a",)).read()


def test_excluded_files_count_for_no_limit(
    opened: Open, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_SOURCE_FILES", 2)
    for number in range(6):
        put(files / f"{number}.json", str(number))
        (files / f"to-{number}.json").symlink_to(f"{number}.json")
    put(files / "a.yaml")
    found = opened(exclude=("*.json",)).read()
    assert (names(found), found.diagnostics) == (["a.yaml"], ())


def test_a_fingerprint_changes_with_patterns_that_matter(opened: Open, files: Path) -> None:
    put(files / "a.yaml")
    source = opened()
    first = source.fingerprint()
    put(files / IGNORE, "a.yaml")
    opened()
    time.sleep(0.01)
    assert source.fingerprint() != first
    assert source.read().files == ()
