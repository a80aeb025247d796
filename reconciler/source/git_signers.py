"""The file of allowed signers: commits that no allowed signer signed are not used."""

from dataclasses import dataclass
from pathlib import Path

from reconciler.core.errors import RepositoryError
from reconciler.core.source_revision import SourceRevision
from reconciler.source.files import Stamp, stamp_of
from reconciler.source.git_mirror import Mirror


@dataclass(frozen=True, slots=True)
class AllowedSigners:
    """The signers in a file for ssh-keygen; without a file all commits are used."""

    file: Path | None

    def stamp(self) -> Stamp | None:
        """Return a value that changes with the file; None if it cannot be read."""
        try:
            return stamp_of(self.file.stat()) if self.file else None
        except OSError:
            return None

    def require_signed(self, mirror: Mirror, revision: SourceRevision) -> None:
        """Reject a commit of `mirror` that no signer has signed.

        Raises:
            RepositoryError: No signer has signed it, or the file cannot be read.
        """
        if self.file and (problem := mirror.signature_problem(revision.commit, self.file)):
            raise RepositoryError(
                f"commit {revision.short} is not signed by a signer in {self.file}, so it is not "
                f"used: {problem}"
            )
