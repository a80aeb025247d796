"""The commit at which a target is held, as a file beside the mirror of its repository.

The daemon reads it before each cycle, so it is a file and not a ref: no process is needed. It is
kept if a damaged mirror is fetched again.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import RepositoryError
from reconciler.core.source_revision import SHORT_COMMIT_CHARACTERS
from reconciler.source.git_url import COMMIT


@dataclass(frozen=True, slots=True)
class Pin:
    """The commit at which a target is held."""

    commit: str
    since: float
    """Seconds since 1970."""
    user: str

    def __str__(self) -> str:
        """Return the facts for a message."""
        since = datetime.fromtimestamp(self.since, UTC).isoformat(timespec="seconds")
        return f"since {since} by {self.user}"

    def notice(self, behind: int | None, ref: str) -> str:
        """Return a sentence about the pin. `behind` is None if the distance to `ref` is unknown."""
        count = "an unknown number of" if behind is None else behind
        return (
            f"the target is held at commit {self.commit[:SHORT_COMMIT_CHARACTERS]} {self}, {count} "
            f"commit{'' if behind == 1 else 's'} behind {ref}: "
            "reconcile, or apply without --revision, releases it"
        )


@dataclass(frozen=True, slots=True)
class PinFile:
    """The file with the pin of one target."""

    file: Path
    old_file: Path
    """The file of earlier versions, which targets of the same name in other regions share. It holds
    each of them that has no file of its own."""

    def read(self) -> Pin | None:
        """Return the pin, or None if there is none.

        Raises:
            RepositoryError: A file cannot be read. The target may then be held at any commit.
        """
        return _read(self.file) or _read(self.old_file)

    def write(self, pin: Pin) -> None:
        """Hold the target.

        Raises:
            RepositoryError: The file cannot be written.
        """
        with _write_errors(self.file):
            self.file.parent.mkdir(mode=0o700, exist_ok=True)
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(asdict(pin)), encoding="utf-8")
            new.replace(self.file)

    def remove(self) -> None:
        """Release the target.

        Raises:
            RepositoryError: A file cannot be removed.
        """
        for file in (self.file, self.old_file):
            with _write_errors(file):
                file.unlink(missing_ok=True)


def _read(file: Path) -> Pin | None:
    try:
        with file.open("rb") as opened:
            pin = Pin(**json.loads(opened.read(limits.MAX_GIT_FILE_BYTES)))
            if COMMIT.fullmatch(pin.commit) and str(pin):
                return pin
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise RepositoryError(
        f"the file that holds the target at a commit cannot be read: {file}: run apply with or "
        "without --revision to replace it"
    )


@contextmanager
def _write_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RepositoryError(
            f"the commit of the target cannot be changed: writing {file}: {error.strerror}"
        ) from error
