"""Reads from a git checkout its commit and whether git is changing it.

It does not run git, so no hook, filter or other command of the repository runs.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from reconciler import limits


def state(path: str) -> tuple[str, bool]:
    """Return the HEAD of the checkout that contains `path`, and whether git is changing it.

    Outside of a checkout, returns "" and False.
    """
    git_directory = _git_directory(Path(os.path.realpath(path)))
    if git_directory is None:
        return "", False
    head = _read_text(git_directory / "HEAD")
    if head.startswith("ref: "):
        # The branch may be packed, and is then not read: the files themselves show the change.
        name = head.removeprefix("ref: ")
        if not name.startswith("/") and ".." not in name.split("/"):
            head += _read_text(git_directory / name)
    # If git runs this process as its hook, it holds the lock and waits for this process.
    is_hook = "GIT_INDEX_FILE" in os.environ
    return head, _has_type(git_directory / "index.lock", stat.S_ISREG) and not is_hook


def _git_directory(path: Path) -> Path | None:
    for directory in (path, *path.parents):
        git = directory / ".git"
        if _has_type(git, stat.S_ISDIR):
            return git
        # In a linked work tree or a submodule, .git is a file that contains the path.
        if _has_type(git, stat.S_ISREG):
            return directory / _read_text(git).removeprefix("gitdir: ")
    return None


def _has_type(path: Path, is_type: Callable[[int], bool]) -> bool:
    try:
        return is_type(path.stat().st_mode)
    except (OSError, ValueError):
        # The path comes from a file, so it may contain anything, for example NUL bytes.
        return False


def _read_text(path: Path) -> str:
    """Return the text of a small regular file, or "" for anything else; never block."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return ""
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return ""
        return os.read(file, limits.MAX_GIT_FILE_BYTES).decode(errors="replace").strip()
    finally:
        os.close(file)
