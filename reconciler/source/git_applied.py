"""The ref of a mirror that points to the commit that was applied last to a target.

A commit that does not descend from it may lack manifests that were applied, so its deletes wait.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reconciler.core.errors import RepositoryError
from reconciler.core.escaping import escaped
from reconciler.core.source_revision import AppliedCommit, SourceRevision
from reconciler.source.git_command import GitError
from reconciler.source.git_mirror import Mirror


@dataclass(frozen=True, slots=True)
class AppliedRef:
    """The ref for one target."""

    mirror: Mirror
    name: str
    old_name: str
    """The ref of earlier versions, which targets of the same name in other regions share. The first
    of them that records a commit replaces it; for the others, nothing is known any more."""

    @property
    def commit(self) -> str | None:
        """The commit that was applied last, if the cache still has it."""
        return self.mirror.commit_of(self.name) or self.mirror.commit_of(self.old_name)

    def rewind_reason(self, revision: SourceRevision) -> str | None:
        """Return why deletes of `revision` wait for --allow-rewind, or None."""
        applied = self.commit
        if applied is None:
            return "the cache holds no commit that was applied to this target before"
        if self.mirror.descends(revision.commit, applied):
            return None
        before = replace(revision, commit=applied).short
        return f"commit {revision.short} does not descend from {before}, which was applied last"

    def record(self, applied: AppliedCommit) -> None:
        """Let later commits be compared with `applied`.

        It may replace a commit from which it does not descend only if its plan saw that commit: a
        saved plan may be older than another commit that was applied since.

        Raises:
            GitError: The ref cannot be written.
            RepositoryError: The cache does not have the commit, or cannot be used.
        """
        mirror = self.mirror
        commit = mirror.commit_of(applied.commit) if mirror.exists else None
        if commit is None:
            raise RepositoryError(
                f"commit {escaped(applied.commit)} is not recorded as applied: it is not in "
                f"the cache {mirror.directory}"
            )
        if mirror.commit_of(self.name) == commit:
            return
        with mirror.locked():
            before = self.commit
            is_rewind = before is None or not mirror.descends(commit, before)
            if not is_rewind or (applied.may_rewind and before == applied.before):
                mirror.set_ref(self.name, commit)
                if self.old_name != self.name:
                    mirror.delete_ref(self.old_name)


@contextmanager
def cache_errors(commit: str) -> Iterator[None]:
    """Raise GitError, while a ref is written, as RepositoryError."""
    try:
        yield
    except GitError as error:
        raise RepositoryError(f"recording commit {commit} in the cache: {error}") from error
