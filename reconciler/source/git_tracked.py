"""The branch, tag or commit of a repository that a source follows, as a ref of its mirror."""

from reconciler.core.errors import RepositoryError
from reconciler.source.git_cache import slug
from reconciler.source.git_mirror import Mirror
from reconciler.source.git_url import COMMIT

_DEFAULT_BRANCH = "HEAD"


class TrackedRef:
    """The newest commit of a branch or tag."""

    def __init__(self, mirror: Mirror, ref: str | None) -> None:
        """Follow `ref`, a branch, tag or full commit id; None for the default branch."""
        self._mirror = mirror
        self._ref = ref
        self._name = f"refs/tracked/{slug(ref or _DEFAULT_BRANCH)}"
        self.has_answered = False
        """Whether the repository had the ref when it was fetched last."""

    def __str__(self) -> str:
        """Return the ref for a message."""
        return self._ref or "the default branch"

    @property
    def commit(self) -> str | None:
        """The commit that was fetched last, if the cache has it."""
        return self._mirror.commit_of(self._name)

    def fetch(self) -> str | None:
        """Fetch new commits, and return the newest one.

        Raises:
            GitError: git fails.
            RepositoryError: The repository has no such branch or tag.
        """
        self.has_answered = False
        ref, mirror = self._ref, self._mirror
        if ref is not None and COMMIT.fullmatch(ref):
            if not mirror.exists or mirror.commit_of(ref) is None:
                mirror.fetch(ref, self._name, ref)
            return mirror.commit_of(ref)
        # A tag with the name of the branch must not replace it.
        names = (_DEFAULT_BRANCH,) if ref is None else (f"refs/heads/{ref}", f"refs/tags/{ref}")
        found = mirror.remote_refs(*names)
        name = next((name for name in names if name in found), None)
        if name is None:
            missing = "default branch" if ref is None else f"branch or tag {ref}"
            raise RepositoryError(f"the repository has no {missing}")
        self.has_answered = True
        if not mirror.exists or mirror.object_of(self._name) != found[name]:
            mirror.fetch(name, self._name, found[name])
        return self.commit
