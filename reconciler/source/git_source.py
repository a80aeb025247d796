"""A repository as the source: one commit, chosen by a branch, tag, commit or pin.

A single run fetches first and fails if it cannot. The daemon polls, and goes on with the last good
commit: one that was fetched as a whole and, if signers are given, is signed by one of them.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from reconciler.core.errors import RepositoryError, UsageError
from reconciler.core.escaping import escaped
from reconciler.core.source_revision import AppliedCommit, SourceRevision
from reconciler.core.state.schedule import Schedule
from reconciler.manifest.budget import Budget, TooSlowError, unlimited
from reconciler.source.git_applied import AppliedRef, cache_errors
from reconciler.source.git_cache import slug
from reconciler.source.git_command import GitError
from reconciler.source.git_mirror import Mirror
from reconciler.source.git_pins import Pin, PinFile
from reconciler.source.git_settings import GitSettings
from reconciler.source.git_signers import AllowedSigners
from reconciler.source.git_tracked import TrackedRef
from reconciler.source.git_tree import read_tree
from reconciler.source.git_url import ABBREVIATED_COMMIT, GitAddress
from reconciler.source.snapshot import Snapshot


class GitSource:
    """Reads the manifests of one commit."""

    def __init__(
        self,
        address: GitAddress,
        mirror: Mirror,
        settings: GitSettings,
        monotonic: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Create a source that has fetched nothing yet."""
        self._address = address
        self._mirror = mirror
        self._settings = settings
        self._monotonic = monotonic
        self._jitter = jitter
        self._tracked = TrackedRef(mirror, address.ref)
        name, old = (slug(*settings.target, address.path, *scope) for scope in (settings.scope, ()))
        self._applied = AppliedRef(mirror, f"refs/applied/{name}", f"refs/applied/{old}")
        self._pinned_ref = f"refs/pinned/{name}"
        pins = mirror.directory.with_suffix(".pins")
        self._pin_file = PinFile(pins / f"{name}.json", pins / f"{old}.json")
        self._pin: Pin | None = None
        self._tip: str | None = None  # the newest commit when the good one was read
        self._newest: str | None = None  # the newest known commit, also if it cannot be used
        self._good: Snapshot | None = None
        self._read: SourceRevision | None = None
        self._error: UsageError | RepositoryError | None = None
        self._pin_error: RepositoryError | None = None
        self._failures = 0
        self._next_poll_at: float | None = None
        self._fetched_at = float("-inf")
        self._was_rebuilt = False
        self._used: str | None = None  # the last good commit, also after it lost its signer
        self._signers = AllowedSigners(settings.allowed_signers)
        self._signers_stamp = self._signers.stamp()

    @property
    def names(self) -> tuple[str, ...]:
        """The address."""
        return (str(self._address),)

    @property
    def watched_paths(self) -> tuple[str, ...]:
        """Nothing on disk."""
        return ()

    def with_scope(self, scope: tuple[str, ...]) -> "GitSource":
        """Return this source for the target in a scope, such as its account and region."""
        settings = replace(self._settings, scope=scope)
        return GitSource(self._address, self._mirror, settings, self._monotonic, self._jitter)

    def refresh(self, on_wait: Callable[[], None] = unlimited) -> None:
        """Fetch new commits, if that is due, and keep the last good one if it fails."""
        self._mirror.on_wait = on_wait
        self._poll()

    def fingerprint(self) -> str:
        """Return a text that changes when the commit, its pin or its branch change."""
        self._poll()
        commit = self._good and self._good.revision
        return repr((commit, self._pin, self._tip, str(self._error or "")))

    def look_now(self) -> None:
        """Let the next refresh fetch."""
        self._next_poll_at = None

    def read(self, check_time: Callable[[], None] = unlimited) -> Snapshot:
        """Return the manifests of the commit. git has its own limits instead of `check_time`."""
        del check_time
        self._poll()
        if self._error is not None and (self._good is None or self._settings.poll_seconds is None):
            raise self._error
        assert self._good is not None  # noqa: S101  # there is a commit or an error
        self._read = self._good.revision
        return replace(self._good, notices=tuple(self._notices(self._revision)))

    def rewind_reason(self) -> str | None:
        """Return why deletes of this commit wait for --allow-rewind, or None."""
        if self._read is None:  # After a reload, a daemon may have only the manifests from before.
            return "the commit of the manifests is not known"
        if self._newest not in (None, self._tip):
            # A commit that was applied but not recorded may be newer than the one in use.
            return "the newest commit of the source cannot be used"
        return self._applied.rewind_reason(self._revision)

    def applied_commit(self) -> AppliedCommit | None:
        """Return the commit that was read last, for `record_applied`."""
        before, address = self._applied.commit, str(self._address)
        return AppliedCommit(address, self._read.commit, before) if self._read else None

    def record_applied(self, applied: AppliedCommit) -> None:
        """Let later commits be compared with this one, unless another one was applied since."""
        with cache_errors(applied.commit):
            self._applied.record(applied)

    def pin(self, user: str, now: float) -> Path:
        """Hold the target at this commit, and return the cache in which daemons find that."""
        commit = self._revision.commit
        with cache_errors(commit):  # The ref keeps the commit, also if its branch is replaced.
            self._mirror.set_ref(self._pinned_ref, commit)
        self._pin_file.write(Pin(commit, now, escaped(user)))
        return self._mirror.cache

    def release(self) -> None:
        """Let the target follow its branch again."""
        self._pin_file.remove()

    @property
    def is_held(self) -> bool:
        """Whether a pin holds the target."""
        return self._pin is not None

    @property
    def age_seconds(self) -> float:
        """Seconds since the last fetch that succeeded; infinite before the first."""
        return self._monotonic() - self._fetched_at

    def at(self, commit: str) -> "GitSource":
        """Return this source at a commit of its history. It reads the cache if a fetch fails."""
        never = float("inf")
        settings = replace(self._settings, revision=commit, follows_pin=False, poll_seconds=never)
        return GitSource(self._address, self._mirror, settings, self._monotonic, self._jitter)

    @property
    def _revision(self) -> SourceRevision:
        assert self._read is not None  # noqa: S101  # a run plans what it has read
        return self._read

    def _poll(self) -> None:
        """Fetch if that is due, and keep the last good commit if it fails."""
        now = self._monotonic()
        try:
            self._mirror.require_private()
            pin = self._read_pin()
        except RepositoryError as error:
            self._error, self._good, self._next_poll_at = error, None, None
            return
        is_due = self._next_poll_at is None or now >= self._next_poll_at
        stamp = self._signers.stamp()
        if stamp != self._signers_stamp:
            # The signer of the commit in use may be allowed no longer.
            self._good, is_due = None, True
        if not is_due and pin == self._pin:
            return
        self._pin, self._signers_stamp = pin, stamp
        try:
            self._fetch()
        except (GitError, RepositoryError) as error:
            self._keep_last_good(error)
        except UsageError as error:
            # The commit is there, and its manifests are not: nothing older is applied instead.
            self._error, self._good = error, None
        else:
            self._error, self._failures, self._newest = None, 0, self._tip
            self._fetched_at = now
        schedule = Schedule(self._settings.poll_seconds or 0)
        delay = schedule.cycle_delay(self._jitter())
        delay = max(delay, schedule.retry_delay(self._failures) if self._failures else 0)
        # A single run fetches once.
        once = self._settings.poll_seconds is None
        self._next_poll_at = float("inf") if once else self._monotonic() + delay

    def _read_pin(self) -> Pin | None:
        try:
            return self._pin_file.read()
        except RepositoryError as error:
            if self._settings.follows_pin:
                raise
            self._pin_error = error  # This run chooses its commit itself, and may replace the pin.
            return None

    def _fetch(self) -> None:
        """Fetch and read the newest commit. A damaged mirror is fetched again, once."""
        try:
            self._refresh(self._tracked.fetch())
        except GitError:
            if self._was_rebuilt or not self._mirror.exists or not self._tracked.has_answered:
                raise
            if self._mirror.is_sound():
                raise
            self._was_rebuilt = True
            applied = self._mirror.discard()
            self._refresh(self._tracked.fetch())
            for ref, commit in applied.items():
                if self._mirror.commit_of(commit):
                    self._mirror.set_ref(ref, commit)

    def _keep_last_good(self, error: GitError | RepositoryError) -> None:
        self._failures += 1
        if self._failures == 1 or self._good is None:
            # The text is kept until the next success, because each change of it is logged.
            self._error = RepositoryError(f"reading {self._address}: {error}")
        if self._settings.poll_seconds is None or not self._mirror.exists:
            return
        for tip in self._known_tips():
            try:
                self._refresh(tip)
            except UsageError as problem:
                if self._good is None:
                    # As in _poll: nothing older is applied instead.
                    self._error = problem
                    return
            except (GitError, RepositoryError) as problem:
                self._good = None if self._wants_other() else self._good
                is_new = self._good is None and str(problem) not in str(self._error)
                if is_new and isinstance(problem, RepositoryError):
                    self._error = RepositoryError(f"{self._error}; {problem}")
            else:
                return

    def _known_tips(self) -> Iterator[str | None]:
        """Yield commits of the cache to use without the repository, until there is a good one.

        After a restart there is none, or the pin or the file of signers has changed. The newest one
        may not be signed, or its files may be missing.
        """
        self._newest = self._tracked.commit
        yield self._newest
        if self._good is None:
            yield self._used or self._applied.commit

    def _wants_other(self) -> bool:
        """Whether the last good commit is not the one of the pin."""
        good = self._good.revision if self._good else None
        return self._pin is not None and (good is None or good.commit != self._pin.commit)

    def _refresh(self, tip: str | None) -> None:
        """Choose the commit and read its tree; `tip` is the newest commit."""
        if tip is None:
            raise GitError(f"{self._tracked} does not name a commit")
        commit = self._choose(tip)
        revision = self._mirror.revision(commit)
        self._signers.require_signed(self._mirror, revision)
        budget = Budget(self._monotonic, self._mirror.on_wait)
        try:
            self._good = read_tree(
                self._mirror, revision, self._address.path, self._settings.exclude, budget.check
            )
        except TooSlowError as error:
            raise RepositoryError(f"{error}: {error.hint}") from error
        self._tip, self._used = tip, commit

    def _choose(self, tip: str) -> str:
        revision, pin = self._settings.revision, self._pin
        if revision is not None:
            is_id = ABBREVIATED_COMMIT.fullmatch(revision)
            commit = self._mirror.commit_of(revision) if is_id else None
            # The cache may also have commits of other branches, or from before a force push.
            if commit is None or not self._mirror.descends(tip, commit):
                usage = "a commit of it" if is_id else "at least 7 characters of a commit id"
                raise UsageError(
                    f"--revision {escaped(revision)}: there is no such commit in the history of "
                    f"{self._tracked}: pass {usage}"
                )
            return commit
        if pin is not None and self._settings.follows_pin:
            commit = self._mirror.commit_of(pin.commit)
            if commit is None:
                raise RepositoryError(
                    f"the target is held at commit {pin.commit}, which the repository no longer "
                    "has: run reconcile, or apply without --revision, to release it"
                )
            return commit
        return tip

    def _notices(self, revision: SourceRevision) -> list[str]:
        notices = []
        if self._error is not None:
            notices.append(f"{self._error}; commit {revision.short} stays in effect")
        if self._pin_error is not None:
            notices.append(str(self._pin_error))
        if self._pin is not None and self._tip is not None:
            behind = self._mirror.count_between(self._pin.commit, self._tip)
            notices.append(self._pin.notice(behind, str(self._tracked)))
        return notices
