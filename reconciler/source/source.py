"""The source of a run: paths on disk, or a repository."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from reconciler.core.source_revision import AppliedCommit
from reconciler.manifest.budget import unlimited
from reconciler.source import snapshot
from reconciler.source.snapshot import Snapshot


class Source(Protocol):
    """The place that the manifests of a run come from."""

    @property
    def names(self) -> tuple[str, ...]:
        """The paths or the address, for messages."""

    @property
    def watched_paths(self) -> tuple[str, ...]:
        """The paths on disk that change with the source."""

    def with_scope(self, scope: tuple[str, ...]) -> "Source":
        """Return this source for the target in a scope, such as its account and region."""

    def read(self, check_time: Callable[[], None] = unlimited) -> Snapshot:
        """Return all manifests as they were at one moment.

        Raises:
            UsageError: They do not exist.
            RepositoryError: They are in a repository that cannot be read.
        """

    def fingerprint(self) -> str:
        """Return a text that changes when the manifests change."""

    def refresh(self, on_wait: Callable[[], None] = unlimited) -> None:
        """Fetch new commits, if that is due; `on_wait` is called about once a second."""

    def look_now(self) -> None:
        """Let the next refresh fetch."""

    def rewind_reason(self) -> str | None:
        """Return why the manifests that were read last may be older than those applied last."""

    def applied_commit(self) -> AppliedCommit | None:
        """Return the commit of the manifests that were read last, for `record_applied`."""

    def record_applied(self, applied: AppliedCommit) -> None:
        """Record that a commit was applied, unless it would be an unwanted rewind.

        Raises:
            RepositoryError: The cache cannot record it.
        """

    def pin(self, user: str, now: float) -> Path | None:
        """Hold the target at the commit of the manifests that were read last.

        Returns:
            The cache in which daemons find that; None for files, which have no commits.
        """

    def release(self) -> None:
        """Let the target follow its source again."""

    @property
    def is_held(self) -> bool:
        """Whether the target does not follow its source, because a person holds it at a commit."""

    @property
    def age_seconds(self) -> float:
        """Seconds since the place of the manifests was last read; infinite if it never was."""

    def at(self, commit: str) -> "Source | None":
        """Return this source at an earlier commit, or None if it has no history."""


@dataclass(frozen=True, slots=True)
class DiskSource:
    """Files, directories and standard input. A history is not known, so nothing is recorded."""

    paths: tuple[str, ...]
    stdin: BinaryIO
    exclude: tuple[str, ...] = ()
    """Patterns of files that are not part of it."""
    sleep: Callable[[float], None] = time.sleep

    @property
    def names(self) -> tuple[str, ...]:
        """The paths."""
        return self.paths

    @property
    def watched_paths(self) -> tuple[str, ...]:
        """The paths."""
        return self.paths

    def with_scope(self, scope: tuple[str, ...]) -> "DiskSource":
        """Return this source: nothing is recorded for a target."""
        del scope
        return self

    def read(self, check_time: Callable[[], None] = unlimited) -> Snapshot:
        """Return all manifests as they were at one moment."""
        return snapshot.read(
            self.paths,
            stdin=self.stdin,
            sleep=self.sleep,
            check_time=check_time,
            exclude=self.exclude,
        )

    def fingerprint(self) -> str:
        """Return a text that changes when the manifests change."""
        return snapshot.fingerprint(self.paths, self.exclude)

    def refresh(self, on_wait: Callable[[], None] = unlimited) -> None:
        """Do nothing: the files themselves are read."""

    def look_now(self) -> None:
        """Do nothing."""

    def rewind_reason(self) -> str | None:
        """Return None: files have no history."""
        return None

    def applied_commit(self) -> None:
        """Return None: files have no history."""

    def record_applied(self, applied: AppliedCommit) -> None:
        """Do nothing."""

    def pin(self, user: str, now: float) -> None:
        """Do nothing, and return None: only a repository has commits."""

    def release(self) -> None:
        """Do nothing."""

    @property
    def is_held(self) -> bool:
        """Return False: only a repository has commits."""
        return False

    @property
    def age_seconds(self) -> float:
        """Return 0: the files themselves are read."""
        return 0.0

    def at(self, commit: str) -> None:
        """Return None: files have no history."""
