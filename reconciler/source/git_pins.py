"""The commit at which a target is held, as a file beside the mirror of its repository.

The daemon reads it before each cycle, so it is a file and not a ref: no process is needed. It is
kept if a damaged mirror is fetched again.
"""

import json
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


def read_pin(file: Path) -> Pin | None:
    """Return the pin in `file`, or None if there is none.

    Raises:
        RepositoryError: The file cannot be read. The target may then be held at any commit.
    """
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


def write_pin(file: Path, pin: Pin | None) -> None:
    """Write `pin` to `file`; None removes it.

    Raises:
        RepositoryError: The file cannot be written.
    """
    try:
        if pin is None:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(mode=0o700, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(pin)), encoding="utf-8")
        new.replace(file)
    except OSError as error:
        raise RepositoryError(
            f"the commit of the target cannot be changed: writing {file}: {error.strerror}"
        ) from error
