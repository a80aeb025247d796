"""The commit that the manifests of a run come from."""

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
