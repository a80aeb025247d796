"""Parses the output of `git ls-tree -z`, with which all sources list the tree of a commit."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class TreeEntry:
    """A file, link, submodule or directory in a tree."""

    mode: int
    """Its type, as in `os.stat_result`; a submodule has a type of git's own."""
    blob: str
    """The id of its object."""
    size: int | None = None
    """In bytes; None until it is known, and if the repository lacks the object."""

    @property
    def is_regular(self) -> bool:
        """Whether it is a file, not a link, a submodule or a directory."""
        return stat.S_ISREG(self.mode)


def parse_listing(output: bytes) -> Iterator[tuple[str, TreeEntry]]:
    """Yield the path and the entry of each line of `ls-tree -z`; with `-l` the size too."""
    for line in output.split(b"\0")[:-1]:
        attributes, _, path = line.partition(b"\t")
        mode, _, blob, *size = attributes.split()
        is_known = bool(size) and size[0].isdigit()
        entry = TreeEntry(int(mode, 8), blob.decode(), int(size[0]) if is_known else None)
        yield os.fsdecode(path), entry
