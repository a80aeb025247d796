"""The files of one commit, read from a repository without a work tree.

The tree is listed as a whole and then walked like a directory, so that links, limits and names have
the same rules and diagnostics. A commit does not change, so no second look is needed.
"""

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.core.escaping import escaped
from reconciler.core.source_revision import SourceRevision
from reconciler.manifest.budget import unlimited
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file
from reconciler.source.file_walk import FileTree, walk
from reconciler.source.files import Status, require_patterns_file
from reconciler.source.git_command import parse_contents
from reconciler.source.git_listing import TreeEntry, parse_listing
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
class GitTree:
    """Implements `Files` for the files of a commit. Its root is the directory `/tree`."""

    repository: Repository
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
        return Status(entry.mode, (0, 0, entry.size or 0, 0, 0))

    def children(self, path: str) -> list[str]:
        """Return the names in a directory."""
        return self._children.get(path, [])

    def read_patterns(self, path: str) -> bytes:
        """Return the content of an `IGNORE_FILE`."""
        entry = self.entries[path]
        if entry.is_regular:
            self.get({entry.blob})
        require_patterns_file(entry.mode, entry.size or 0)
        return self.repository.run("cat-file", "blob", entry.blob)

    def get(self, blobs: Collection[str]) -> None:
        """Fetch the files and links with these ids if they are missing, and set their sizes."""
        self.repository.require_blobs(blobs)
        lines = self.repository.run("cat-file", "--batch-check", stdin=_lines(blobs))
        sizes = {blob: int(size) for blob, _, size in map(str.split, lines.decode().splitlines())}
        for entry in self.entries.values():
            entry.size = sizes.get(entry.blob, entry.size)

    def read_links(self) -> None:
        """Read the targets of the symbolic links; one that is too long for a path is empty."""
        links = {entry.blob: entry.size for _, entry in self.links}
        short = [blob for blob, size in links.items() if (size or 0) <= limits.MAX_GIT_FILE_BYTES]
        contents = self.repository.run("cat-file", "--batch", stdin=_lines(short))
        self.targets.update(dict.fromkeys(links, ""))
        self.targets.update(
            zip(short, map(os.fsdecode, parse_contents(contents, len(short))), strict=True)
        )


def _step(path: str, part: str) -> str:
    """Return the path that `part` leads to from `path`."""
    if part in ("", "."):
        return path
    return path.rpartition("/")[0] if part == ".." else f"{path}/{part}"


def _has_path(entry: TreeEntry) -> bool:
    """Whether a path may go on behind this entry."""
    return stat.S_ISDIR(entry.mode) or stat.S_ISLNK(entry.mode)


def read_tree(
    repository: Repository,
    revision: SourceRevision,
    path: str,
    exclude: Sequence[str] = (),
    check_time: Callable[[], None] = unlimited,
) -> Snapshot:
    """Return the manifests in `path` at a commit, except those that patterns exclude.

    Raises:
        GitError: The repository cannot be read, or files cannot be fetched.
        UsageError: `path` does not exist at the commit, or a pattern in `exclude` is invalid.
    """
    tree = _list(repository, revision, path)
    listed = _walk(tree, exclude, check_time)
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
    diagnostics = (*tree.diagnostics, *listed.diagnostics, *pointers)
    return Snapshot(tuple(files), diagnostics, revision, listed.ignored)


def _walk(tree: GitTree, exclude: Sequence[str], check_time: Callable[[], None]) -> FileTree:
    """List the manifest files, and get them and the links.

    The first walk knows no sizes and no targets of links, so it is repeated until nothing is
    missing. A link may lead to a file that the walk did not list before.
    """
    links = {entry.blob for _, entry in tree.links}
    if len(links) > limits.MAX_SOURCE_FILES:
        # The walk reports them, because their targets stay unknown.
        links = set()
    known: set[str] = set()
    while True:
        listed = walk([tree.name], check_time, tree, exclude)
        missing = (links | {tree.entries[entry.path].blob for entry in listed.entries}) - known
        if not missing:
            return listed
        tree.get(missing)
        if missing & links:
            tree.read_links()
        known |= missing


def _list(repository: Repository, revision: SourceRevision, path: str) -> GitTree:
    """Return the tree of `path`, without the sizes of its files."""
    root = TreeEntry(stat.S_IFDIR, f"{revision.commit}^{{tree}}")
    if path:
        listing = repository.run("ls-tree", "-z", "--full-tree", revision.commit, "--", path)
        found = next(parse_listing(listing), None)
        if found is None:
            raise UsageError(
                f"{path} does not exist in the repository at commit {revision.short}: check path, "
                "which starts at the root of the repository, and ref"
            )
        root = found[1]
        if stat.S_ISLNK(root.mode):
            raise UsageError(
                f"{path} is a symbolic link in the repository: set path to the target of the link"
            )
    entries, diagnostics = {_ROOT: root}, []
    if stat.S_ISDIR(root.mode):
        listing = repository.run("ls-tree", "-r", "-t", "-z", root.blob)
        for name, entry in parse_listing(listing):
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
                entries[place] = entry
    return GitTree(repository, path, entries, diagnostics)


def _lines(blobs: Iterable[str]) -> bytes:
    return "".join(f"{blob}\n" for blob in blobs).encode()
