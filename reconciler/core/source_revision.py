"""The commit that the manifests of a run come from, and the record that it was applied."""

from dataclasses import dataclass

SHORT_COMMIT_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class SourceRevision:
    """A commit of the source, for people to read; it decides nothing in a plan."""

    commit: str
    """Its full id, in hexadecimal."""
    subject: str
    """The first line of its message, as the author wrote it."""
    author: str
    """The name of its author, without the address."""
    dirty: bool = False
    """Whether manifests differ from the commit: a directory has local changes."""

    @property
    def short(self) -> str:
        """The beginning of the commit id, as git shows it in a large repository."""
        return self.commit[:SHORT_COMMIT_CHARACTERS]


@dataclass(frozen=True, slots=True)
class AppliedCommit:
    """A commit of a repository, to be recorded in the cache when its plan is applied.

    Deletes of a later commit need --allow-rewind, unless it descends from the recorded one.
    """

    address: str
    """The address of the repository."""
    commit: str
    """Its full id, in hexadecimal."""
    before: str | None
    """The commit that was recorded when the plan was made."""
    may_rewind: bool = False
    """Whether it may replace `before` without descending from it."""
