"""A bare mirror of a repository in the cache directory, without a work tree.

It holds the whole history, but no files if the server offers to omit them: those of one tree are
fetched together, in one request. The remote is set for each fetch and not in the mirror, so that no
other command fetches.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler import limits
from reconciler.core.source_revision import SourceRevision
from reconciler.known_secrets import shown
from reconciler.manifest.budget import unlimited
from reconciler.source.git_cache import lock_mirror, require_private, slug
from reconciler.source.git_command import GitError, GitOptions, run_git
from reconciler.source.git_url import COMMIT, GitAddress

_TRANSFER = (
    ("http.lowSpeedLimit", str(limits.GIT_LOW_SPEED_BYTES)),
    ("http.lowSpeedTime", str(limits.GIT_LOW_SPEED_SECONDS)),
    ("protocol.version", "2"),
    # Refs are files, so that a look at one is cheap, and housekeeping ends with its fetch.
    ("gc.packRefs", "false"),
    ("gc.autoDetach", "false"),
)


class Mirror:
    """The mirror of one repository. The methods raise GitError if git fails."""

    def __init__(
        self, cache: Path, address: GitAddress, on_wait: Callable[[], None] = unlimited
    ) -> None:
        """Use the mirror of `address` in the directory `cache`; the first fetch creates it.

        `on_wait` is called about once a second while git runs.
        """
        self._url = address.url
        # Settings of the user may replace the URL by one of these.
        self._transports = {address.transport, "https", "ssh"}
        # A proxy would read http:// on its own machine, not on this one.
        no_proxy = (("http.proxy", ""),) if address.transport == "http" else ()
        self._transfer = (*_TRANSFER, *no_proxy)
        self.on_wait = on_wait
        self._lock: int | None = None
        self.cache = cache
        self.directory = cache / "git" / f"{slug(address.url)}.git"

    @property
    def exists(self) -> bool:
        """Whether the mirror was created."""
        return self.directory.is_dir()

    def require_private(self) -> None:
        """Reject a cache that another user can change, before anything in it is read.

        Raises:
            RepositoryError: Another user can change it.
        """
        require_private(self.directory.parent)

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run a git command on the mirror, without network, and return its output."""
        options = GitOptions(git_directory=str(self.directory), on_wait=self.on_wait)
        return run_git(*arguments, stdin=stdin, options=options)

    def remote_refs(self, *patterns: str) -> dict[str, str]:
        """Return the refs of the repository that match, with the ids of their objects."""
        options = GitOptions(
            self._transports, settings=self._transfer, timeout_seconds=limits.GIT_TIMEOUT_SECONDS,
            # Not the repository of the working directory, whose settings may run commands.
            on_wait=self.on_wait, git_directory=os.devnull,
        )  # fmt: skip
        listing = run_git("ls-remote", "--quiet", "--", self._url, *patterns, options=options)
        pairs = (line.split("\t", 1) for line in listing.decode(errors="replace").splitlines())
        return {name: item for item, name in pairs if name in patterns and COMMIT.fullmatch(item)}

    def fetch(self, source: str, ref: str, object_id: str) -> None:
        """Fetch the history of `source`, a ref or commit of the repository, as `ref`.

        `object_id` is the object that the repository promises.
        """
        before = self.object_of(ref) if self.exists else None
        with self.locked():
            self._create(object_id)
            self._fetch(f"+{source}:{ref}")
        # git only warns about a shallow clone.
        if self.object_of(ref) in {None, before} - {object_id}:
            raise GitError(
                "git fetch: the repository did not send its whole history, so it may be a shallow "
                "clone: use the repository that it was cloned from"
            )

    def require_blobs(self, blobs: Iterable[str]) -> None:
        """Fetch those of `blobs` that are missing, all in one request."""
        missing = self._missing(blobs)
        if not missing:
            return
        with self.locked():
            # As git itself gets missing objects of a partial clone, but all at once.
            self._fetch(
                "--stdin", stdin="".join(f"{blob}\n" for blob in missing).encode(),
                settings=(("fetch.negotiationAlgorithm", "noop"),),
                max_bytes=2 * limits.MAX_SOURCE_BYTES,
            )  # fmt: skip
        if self._missing(missing):
            raise GitError("git fetch: the repository did not send all files of the tree")

    def object_of(self, name: str) -> str | None:
        """Return the id of the object that a ref or an unambiguous id names, or None."""
        try:
            return (
                self.run("rev-parse", "--verify", "--quiet", "--end-of-options", name)
                .decode()
                .strip()
            )
        except GitError:
            return None

    def commit_of(self, name: str) -> str | None:
        """Return the commit that a ref or an unambiguous id names, or None."""
        return self.object_of(f"{name}^{{commit}}")

    def revision(self, commit: str) -> SourceRevision:
        """Return the commit with its subject and author."""
        text = self.run(
            "log", "-1", "--no-mailmap", "--encoding=UTF-8", "--format=%s%x00%an", commit, "--"
        ).decode(errors="replace")
        subject, _, author = text.rstrip("\n").partition("\0")
        limit = limits.MAX_COMMIT_TEXT_CHARACTERS
        return SourceRevision(commit, shown(subject, limit), shown(author, limit))

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or descends from it; False if that is not known."""
        try:
            self.run("merge-base", "--is-ancestor", ancestor, commit)
        except GitError:
            return False
        return True

    def count_between(self, before: str, after: str) -> int | None:
        """Return how many commits `after` has that `before` has not; None if that is not known."""
        try:
            return int(self.run("rev-list", "--count", f"{before}..{after}"))
        except GitError:
            return None

    def set_ref(self, ref: str, commit: str) -> None:
        """Let `ref` of the mirror point to `commit`."""
        with self.locked():
            self.run("update-ref", ref, commit)

    def delete_ref(self, ref: str) -> None:
        """Delete `ref` of the mirror, if it exists."""
        with self.locked():
            if self.object_of(ref):
                self.run("update-ref", "-d", ref)

    def is_sound(self) -> bool:
        """Whether no object is known to be damaged, or missing although a server has to send it.

        If that cannot be found out, nothing is known, and the mirror is kept.
        """
        options = GitOptions(
            git_directory=str(self.directory), settings=self._remote, on_wait=self.on_wait,
            timeout_seconds=limits.GIT_FETCH_TIMEOUT_SECONDS,
        )  # fmt: skip
        try:
            run_git("fsck", "--no-dangling", "--no-progress", options=options)
        except GitError as error:
            return error.exit_code is None
        return True

    def signature_problem(self, commit: str, allowed_signers: Path) -> str | None:
        """Return why no signer in a file for ssh-keygen has signed `commit`, or None."""
        # A key ring of GnuPG may hold any key, so its signatures do not count.
        settings = {"gpg.ssh.allowedSignersFile": str(allowed_signers)}
        settings |= dict.fromkeys(
            ("gpg.program", "gpg.openpgp.program", "gpg.x509.program"), "false"
        )
        options = GitOptions(
            git_directory=str(self.directory), settings=settings.items(), on_wait=self.on_wait
        )
        try:
            run_git("verify-commit", "--", commit, options=options)
        except GitError as error:
            return str(error)
        return None

    def discard(self) -> dict[str, str]:
        """Delete a damaged mirror, and return the commits of its refs as far as they are known."""
        refs = self.directory / "refs"
        with self.locked():
            kept = {
                str(file.relative_to(self.directory)): file.read_text(errors="replace").strip()
                for file in (refs / "applied").glob("*")
            }
            broken = self.directory.with_suffix(".broken")
            shutil.rmtree(broken, ignore_errors=True)
            self.directory.rename(broken)
            shutil.rmtree(broken, ignore_errors=True)
        return kept

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude all other writers of the mirror; within a locked block it does nothing.

        Raises:
            RepositoryError: The cache cannot be used, another user can change it, or another
                process holds the lock too long.
        """
        if self._lock is not None:
            yield
            return
        with lock_mirror(self.directory, self.on_wait) as lock:
            self._lock = lock
            try:
                yield
            finally:
                self._lock = None

    def _create(self, object_id: str) -> None:
        """Create the mirror, if it does not exist, for objects like `object_id`."""
        if self.exists:
            return
        new = self.directory.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        object_format = "sha1" if len(object_id) == len(hashlib.sha1().hexdigest()) else "sha256"  # noqa: S324  # git's own choice
        run_git(
            "init", "--quiet", "--bare", "--template=", f"--object-format={object_format}",
            "--", str(new), options=GitOptions(on_wait=self.on_wait),
        )  # fmt: skip
        new.rename(self.directory)

    @property
    def _remote(self) -> tuple[tuple[str, str], ...]:
        """The settings of the repository as a partial clone, for one command."""
        names = {"url": self._url, "promisor": "true", "partialclonefilter": "blob:none"}
        return tuple((f"remote.origin.{name}", value) for name, value in names.items())

    def _fetch(
        self,
        *arguments: str,
        stdin: bytes = b"",
        settings: Iterable[tuple[str, str]] = (),
        max_bytes: int | None = None,
    ) -> None:
        options = GitOptions(
            self._transports,
            settings=(*self._transfer, *self._remote, *settings),
            git_directory=str(self.directory),
            timeout_seconds=limits.GIT_FETCH_TIMEOUT_SECONDS,
            on_wait=self.on_wait,
            max_file_bytes=max_bytes or limits.MAX_GIT_FETCH_BYTES,
            inherited=(self._lock,) if self._lock is not None else (),
        )
        words = ("--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no")
        flags = [word for word in arguments if word.startswith("-")]
        refs = [word for word in arguments if not word.startswith("-")]
        run_git("fetch", *words, *flags, "--", "origin", *refs, stdin=stdin, options=options)

    def _missing(self, blobs: Iterable[str]) -> list[str]:
        lines = "".join(f"{blob}\n" for blob in blobs).encode()
        if not lines:
            return []
        found = self.run("cat-file", "--batch-check=%(objectname)", stdin=lines).decode()
        return [line.split()[0] for line in found.splitlines() if line.endswith(" missing")]
