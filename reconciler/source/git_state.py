"""What a git checkout says about itself, read as data: is git at work, and on what commit.

Runs no git and follows nothing that a repository configures: hooks and filters stay asleep.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from reconciler import limits


def state(path: str) -> tuple[str, bool]:
    """Return what the checkout around ``path`` has checked out, and whether git changes it now.

    Outside of a checkout that is nothing, and no.
    """
    folder = _git_directory(Path(os.path.realpath(path)))
    if folder is None:
        return "", False
    head = _text(folder / "HEAD")
    if head.startswith("ref: "):
        # The branch that HEAD names may be packed; then the files themselves tell of a change.
        name = head.removeprefix("ref: ")
        if not name.startswith("/") and ".." not in name.split("/"):
            head += _text(folder / name)
    # git itself runs us as its hook, and waits for us while it holds the lock.
    is_hook = "GIT_INDEX_FILE" in os.environ
    return head, _is(folder / "index.lock", stat.S_ISREG) and not is_hook


def _git_directory(path: Path) -> Path | None:
    for folder in (path, *path.parents):
        git = folder / ".git"
        if _is(git, stat.S_ISDIR):
            return git
        # In a linked work tree or a submodule .git is a file that names the folder.
        if _is(git, stat.S_ISREG):
            return folder / _text(git).removeprefix("gitdir: ")
    return None


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(path.stat().st_mode)
    except (OSError, ValueError):
        # A file that names the folder may hold anything, NUL bytes too.
        return False


def _text(path: Path) -> str:
    """Return what a small regular file says; of anything else nothing, and without waiting."""
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
