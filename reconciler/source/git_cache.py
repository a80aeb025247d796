"""The cache directory of mirrors, and the lock under which a mirror is written.

git inherits the lock, so that a fetch whose parent was killed still excludes others.
"""

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import RepositoryError, UsageError

_SLUG = re.compile(r"[^a-z0-9]+")
_MAX_SLUG_CHARACTERS = 40
# A process that was killed leaves these. Under the lock, no other process uses them.
_LEFTOVERS = (
    *("*.lock", "*.new", "gc.pid", "refs/**/*.lock", "objects/tmp_*", "objects/*/tmp_*"),
    *("objects/pack/*.keep", "objects/pack/.tmp-*", "objects/info/*.lock"),
)


def default_cache_directory() -> Path:
    """Return the directory for caches of this user, as the XDG specification says.

    Raises:
        UsageError: The environment has neither XDG_CACHE_HOME nor HOME.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):
        return Path(base) / "mesh-reconciler"
    home = os.environ.get("HOME", "")
    if not home.startswith("/"):
        raise UsageError("there is no directory for mirrors of git repositories: pass --cache-dir")
    return Path(home) / ".cache/mesh-reconciler"


def slug(name: str, *identity: str) -> str:
    """Return a file name for `name` that no other `identity` has."""
    word = _SLUG.sub("-", name.lower()).strip("-")[-_MAX_SLUG_CHARACTERS:]
    digest = hashlib.sha256("\0".join((name, *identity)).encode(errors="replace")).hexdigest()
    return f"{word}-{digest[:16]}"


@contextmanager
def lock_mirror(mirror: Path, on_wait: Callable[[], None]) -> Iterator[int]:
    """Exclude all other writers of `mirror`, and yield the descriptor of the lock.

    `on_wait` is called about once a second while another process holds the lock.

    Raises:
        RepositoryError: The cache cannot be used, another user can change it, or another process
            holds the lock too long.
    """
    try:
        mirror.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(mirror.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(mirror.with_suffix(".lock"), flags, 0o600)
        try:
            _wait_for(lock, mirror, on_wait)
            _remove_leftovers(mirror)
            yield lock
        finally:
            # A process that a credential helper left in the background has inherited the lock.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)
    except OSError as error:
        raise _unusable(mirror.parent, error) from error


def _unusable(directory: Path, error: OSError) -> RepositoryError:
    return RepositoryError(
        f"the cache directory {directory} cannot be used: {error.strerror}; pass another "
        "--cache-dir"
    )


def require_private(directory: Path) -> None:
    """Reject a directory of mirrors that another user can change; it may not exist.

    Raises:
        RepositoryError: Another user can change it, or it cannot be read.
    """
    try:
        status = directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _unusable(directory, error) from error
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        # The configuration of a mirror could make git run commands.
        raise RepositoryError(
            f"{directory} belongs to another user or can be written by others: pass a --cache-dir "
            "of your own"
        )


def _wait_for(lock: int, mirror: Path, on_wait: Callable[[], None]) -> None:
    started = time.monotonic()
    next_call = started + 1
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            now = time.monotonic()
            if now >= started + limits.GIT_LOCK_TIMEOUT_SECONDS:
                raise RepositoryError(
                    f"another process has been fetching into {mirror} for "
                    f"{limits.GIT_LOCK_TIMEOUT_SECONDS:g} s: end it, or pass another --cache-dir"
                ) from None
            if now >= next_call:
                next_call = now + 1
                on_wait()
            time.sleep(limits.GIT_LOCK_RETRY_SECONDS)
        else:
            return


def _remove_leftovers(mirror: Path) -> None:
    for pattern in _LEFTOVERS:
        for path in mirror.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
