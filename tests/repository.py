"""A git repository to make commits in."""

import os
import subprocess
from pathlib import Path

from programs import require_program

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "somebody@example.com" for who in ("AUTHOR", "COMMITTER")},
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in ``folder`` and return what it printed; without git the test is skipped."""
    ended = subprocess.run(
        [require_program("git", purpose="manifests of earlier commits"), *arguments],
        cwd=folder,
        env=_ENVIRONMENT,
        check=True,
        capture_output=True,
        text=True,
    )
    return ended.stdout.strip()


def commit_all(folder: Path) -> str:
    """Commit everything in ``folder``, a repository or one to be, and return the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "a change")
    return git(folder, "rev-parse", "HEAD")


def publish(
    files: Path, repository: Path, message: str = "a change", *, amend: bool = False
) -> str:
    """Commit everything below ``files`` to the bare ``repository``, and return the commit."""
    if not repository.exists():
        git(files, "init", "--quiet", "--bare", "--initial-branch", "main", str(repository))
        # As the forges do.
        git(repository, "config", "uploadpack.allowFilter", "true")
        git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    place = (f"--git-dir={repository}", "--work-tree=.", "-c", "core.bare=false")
    git(files, *place, "add", "--all", "--force")
    more = ("--amend",) if amend else ()
    git(files, *place, "commit", "--quiet", "--allow-empty", "--message", message, *more)
    return git(repository, "rev-parse", "HEAD")
