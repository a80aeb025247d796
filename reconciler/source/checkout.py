"""What a git checkout says about itself, read as data: is git at work, and on what commit.

Runs no git and follows nothing that a repository configures: hooks and filters stay asleep.
"""

import os
from pathlib import Path

_MOST_CHARACTERS = 4096


def state(path: str) -> tuple[str, bool]:
    """Return what the checkout around ``path`` has checked out, and whether git changes it now.

    Outside of a checkout that is nothing, and no.
    """
    folder = _git_folder(Path(os.path.realpath(path)))
    if folder is None:
        return "", False
    head = _text(folder / "HEAD")
    if head.startswith("ref: "):
        # The branch that HEAD names may be packed; then the files themselves tell of a change.
        head += _text(folder / head.removeprefix("ref: "))
    return head, (folder / "index.lock").exists()


def _git_folder(path: Path) -> Path | None:
    for folder in (path, *path.parents):
        git = folder / ".git"
        if git.is_dir():
            return git
        # In a linked work tree or a submodule .git is a file that names the folder.
        if git.is_file():
            return folder / _text(git).removeprefix("gitdir: ")
    return None


def _text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(_MOST_CHARACTERS).strip()
    except (OSError, ValueError):
        return ""
