"""The files of one commit, read from a repository without a work tree.

The tree is listed as a whole and then walked like a directory, so that links, limits and names have
the same rules and diagnostics. A commit does not change, so no second look is needed.
"""

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.core.escaping import escaped
from reconciler.core.source_revision import SourceRevision
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file
from reconciler.source.file_walk import SUFFIXES, FileTree, Status, walk
from reconciler.source.git_command import parse_contents
from reconciler.source.snapshot import Snapshot

_LFS = b"version https://git-lfs.github.com/spec/"
_ROOT = "/tree"
_OUTSIDE = "/outside"
_NOT_NAMES = ("", ".", "..")


class Repository(Protocol):
    """A repository with the trees of a commit, and means to get the contents of its files."""

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run a git command that only reads, and return its output."""

    def require_blobs(self, blobs: Iterable[str]) -> None:
        """Fetch those of `blobs` that are missing, all in one request."""


@dataclass(slots=True)
class TreeEntry:
    """A file, link or directory in a tree."""

    mode: int
    blob: str
    size: int = 0
    """0 until it is known."""


@dataclass(slots=True)
class GitTree:
    """Implements `Files` for the files of a commit. Its root is the directory `/tree`."""

    name: str
    """The path in the repository; empty for the whole of it."""
    entries: dict[str, TreeEntry]
    """By path below the root; the root itself is there too."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)
    """The targets of symbolic links by blob."""
    _children: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Index the entries by directory."""
        for path in self.entries:
            parent, _, name = path.rpartition("/")
            if parent:
                self._children.setdefault(parent, []).append(name)

    @property
    def links(self) -> list[tuple[str, TreeEntry]]:
        """The symbolic links."""
        return [item for item in self.entries.items() if stat.S_ISLNK(item[1].mode)]

    def real_path(self, path: str) -> str:
        """Return `path` without symbolic links; a path that leaves the root is `/outside`."""
        if path == self.name:
            return _ROOT
        waiting, found, followed = path.removeprefix("/").split("/")[::-1], "", 0
        while waiting:
            found = _step(found, waiting.pop())
            if found != _ROOT and not found.startswith(f"{_ROOT}/"):
                return _OUTSIDE
            entry = self.entries.get(found)
            if entry is None or (waiting and not _has_path(entry)):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if stat.S_ISLNK(entry.mode):
                target, followed = self.targets.get(entry.blob), followed + 1
                if followed > limits.MAX_GIT_LINKS or not target:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                # An absolute path begins outside.
                found = "" if target.startswith("/") else found.rpartition("/")[0]
                waiting += target.split("/")[::-1]
        return found

    def status(self, path: str) -> Status:
        """Return the status of an existing path."""
        # The type of a file outside is not known. As a directory, it is always reported.
        entry = self.entries.get(path) or TreeEntry(stat.S_IFDIR, "")
        return Status(entry.mode, (0, 0, entry.size, 0, 0))

    def children(self, path: str) -> list[str]:
        """Return the names in a directory."""
        return self._children.get(path, [])


def _step(path: str, part: str) -> str:
    """Return the path that `part` leads to from `path`."""
    if part in ("", "."):
        return path
    return path.rpartition("/")[0] if part == ".." else f"{path}/{part}"


def _has_path(entry: TreeEntry) -> bool:
    """Whether a path may go on behind this entry."""
    return stat.S_ISDIR(entry.mode) or stat.S_ISLNK(entry.mode)


def read_tree(repository: Repository, revision: SourceRevision, path: str) -> Snapshot:
    """Return the manifests in `path` at a commit.

    Raises:
        GitError: The repository cannot be read, or files cannot be fetched.
        UsageError: `path` does not exist at the commit.
    """
    tree = _list(repository, revision, path)
    # All in one request: the links too, because their targets decide which files are read.
    wanted = _wanted_blobs(tree)
    # With more than these, the walk exceeds a limit or reports links, so no content is needed.
    is_bounded = len(wanted) <= 2 * limits.MAX_SOURCE_FILES
    if is_bounded:
        _get(repository, tree, wanted)
        _read_links(repository, tree)
    listed = walk([path], files=tree)
    # A link may lead to a file that is hidden or has another suffix.
    further = {tree.entries[entry.path].blob for entry in listed.entries} - wanted
    if further:
        _get(repository, tree, further)
        listed = walk([path], files=tree)
    if not is_bounded:
        listed = FileTree((), listed.diagnostics)
    blobs = [tree.entries[entry.path].blob for entry in listed.entries]
    contents = repository.run("cat-file", "--batch", stdin=_lines(blobs))
    files, pointers = [], []
    for entry, content in zip(listed.entries, parse_contents(contents, len(blobs)), strict=True):
        if content.startswith(_LFS):
            pointers.append(
                about_file(
                    Code.NOT_REGULAR,
                    entry.name,
                    "is a pointer to a file in Git LFS, which is not read",
                    "commit the manifest itself",
                )
            )
        else:
            files.append((entry.name, content))
    return Snapshot(tuple(files), (*tree.diagnostics, *listed.diagnostics, *pointers), revision)


def _list(repository: Repository, revision: SourceRevision, path: str) -> GitTree:
    """Return the tree of `path`, without the sizes of its files."""
    root = TreeEntry(stat.S_IFDIR, f"{revision.commit}^{{tree}}")
    if path:
        found = repository.run("ls-tree", "-z", "--full-tree", revision.commit, "--", path)
        if not found:
            raise UsageError(
                f"{path} does not exist in the repository at commit {revision.short}: check path, "
                "which starts at the root of the repository, and ref"
            )
        root = _parse_entry(found.removesuffix(b"\0"))[1]
        if stat.S_ISLNK(root.mode):
            raise UsageError(
                f"{path} is a symbolic link in the repository: set path to the target of the link"
            )
    entries, diagnostics = {_ROOT: root}, []
    if stat.S_ISDIR(root.mode):
        listing = repository.run("ls-tree", "-r", "-t", "-z", root.blob)
        for line in listing.split(b"\0")[:-1]:
            name, status = _parse_entry(line)
            place = f"{_ROOT}/{name}"
            # A tree that was made by hand may hold such names.
            parent = entries.get(place.rpartition("/")[0])
            if any(part in _NOT_NAMES for part in name.split("/")) or (
                place in entries or parent is None or not stat.S_ISDIR(parent.mode)
            ):
                shown = f"{path}/{name}" if path else name
                message = "has a name that no file can have"
                diagnostics.append(about_file(Code.FILE_NAME, escaped(shown), message))
            else:
                entries[place] = status
    return GitTree(path, entries, diagnostics)


def _parse_entry(line: bytes) -> tuple[str, TreeEntry]:
    attributes, _, name = line.partition(b"\t")
    mode, _, blob = attributes.split()
    return os.fsdecode(name), TreeEntry(int(mode, 8), blob.decode())


def _wanted_blobs(tree: GitTree) -> set[str]:
    """Return the ids of all links, and of the files that a walk reads if no link leads further."""
    return {
        status.blob
        for path, status in tree.entries.items()
        if stat.S_ISLNK(status.mode)
        or (stat.S_ISREG(status.mode) and path.endswith(SUFFIXES) and "/." not in path)
        or (stat.S_ISREG(status.mode) and path == _ROOT)
    }


def _get(repository: Repository, tree: GitTree, blobs: Iterable[str]) -> None:
    """Fetch the files with these ids if they are missing, and set their sizes."""
    repository.require_blobs(blobs)
    lines = repository.run("cat-file", "--batch-check", stdin=_lines(blobs)).decode().splitlines()
    sizes = {blob: int(size) for blob, _, size in map(str.split, lines)}
    for status in tree.entries.values():
        status.size = sizes.get(status.blob, status.size)


def _read_links(repository: Repository, tree: GitTree) -> None:
    """Read the targets of the symbolic links; one that is too long for a path is empty."""
    links = {status.blob: status.size for _, status in tree.links}
    short = [blob for blob, size in links.items() if size <= limits.MAX_GIT_FILE_BYTES]
    contents = repository.run("cat-file", "--batch", stdin=_lines(short))
    tree.targets.update(dict.fromkeys(links, ""))
    tree.targets.update(
        zip(short, map(os.fsdecode, parse_contents(contents, len(short))), strict=True)
    )


def _lines(blobs: Iterable[str]) -> bytes:
    return "".join(f"{blob}\n" for blob in blobs).encode()
