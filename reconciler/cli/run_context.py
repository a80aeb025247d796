"""Context of a run on a target: manifests, target, guards and lock."""

import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from reconciler import engine
from reconciler.cli.command import KEY_HINT, Invocation
from reconciler.cli.output import print_error, print_message, wants_color
from reconciler.cli.progress import read_progress
from reconciler.cli.recording import recorded_failure
from reconciler.cli.shared_parts import ALONE, ReadManifests, Shared
from reconciler.cli.whole_source import find_incomplete_reason
from reconciler.core.changes import Delete, Update
from reconciler.core.errors import ManifestError, RepositoryError, UsageError
from reconciler.core.planning.guards import ALLOWED, GuardSettings, HourlyDeletes, Limit, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.selection import Selection
from reconciler.core.report import Report
from reconciler.core.resources import Desired, Key, Unlisted
from reconciler.core.source_revision import AppliedCommit, SourceRevision
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import LoadResult
from reconciler.render import diagnostic_reports
from reconciler.settings.options import RENEWING_COMMANDS
from reconciler.settings.target_config import TargetConfig, choose_target
from reconciler.source.file_walk import DEFAULT_SOURCE
from reconciler.source.git_settings import GitSettings
from reconciler.source.source import Source
from reconciler.targets.cache import ReadCache
from reconciler.targets.session import configured_url
from reconciler.wiring.manifest_inputs import read_inputs
from reconciler.wiring.manifests import read_manifests
from reconciler.wiring.sources import open_source
from reconciler.wiring.targets import open_target, read_limit, target_scope

logger = logging.getLogger(__name__)

UNLIMITED = Limit()
# Options that a reload of the configuration cannot change.
RESTART_ONLY_OPTIONS = ("lock", "lock_term", "members", "parallelism")


@dataclass(frozen=True, slots=True)
class RunContext:
    """A run whose target is open and whose settings are valid."""

    invocation: Invocation
    config: TargetConfig
    paths: tuple[str, ...]
    source: Source
    inputs: Inputs
    guards: GuardSettings
    target: engine.CommandTarget
    shared_read: ReadManifests | None = None

    def propose(
        self,
        desired: Sequence[Desired],
        *,
        revision: SourceRevision | None = None,
        incomplete_reason: str | None = None,
        only: Sequence[str] = (),
        settled: frozenset[Key] = frozenset(),
        allow_rewind: bool = False,
        hourly_deletes: HourlyDeletes | None = None,
    ) -> Plan:
        """Return the plan for ``desired``.

        Args:
            desired: The resources of the manifests.
            revision: The commit of the manifests, if it is known.
            incomplete_reason: Why ``desired`` is not the whole source, or None.
            only: Patterns that limit the plan in addition to --only and --except.
            settled: Keys whose last write by this process is complete.
            allow_rewind: Whether a commit that does not descend from the last one may delete.
            hourly_deletes: The deletes of a daemon of many targets.
        """
        allow_rewind = allow_rewind or bool(self.invocation.options.values.get("allow_rewind"))
        # Read before the guard reads it, so that a record of another run shows.
        applied_commit = self.source.applied_commit()
        guards = replace(
            self.guards,
            # Checked each time, because a directory may be created after the daemon has started.
            incomplete_reason=incomplete_reason
            or find_incomplete_reason(self.invocation, self.config, self.paths),
            rewind_reason=None if allow_rewind else self.source.rewind_reason(),
            hourly_deletes=hourly_deletes,
        )
        with read_progress(self.target, color=self.invocation["color"]):
            plan = engine.propose(
                self.target,
                desired,
                owner=self.config.owner,
                guards=guards,
                now=datetime.now(UTC),
                selection=Selection((only, self.invocation["only"]), self.invocation["except"]),
                refresh=self.invocation["refresh"],
                settled=settled,
                workers=self.invocation["parallelism"],
            )
        if applied_commit is not None and guards.incomplete_reason is None:
            applied_commit = _commit_after(plan, applied_commit, allow_rewind=allow_rewind)
        plan = replace(plan, revision=revision, applied_commit=applied_commit)
        return plan if self._may_renew else replace(plan, renewals=())

    @property
    def _may_renew(self) -> bool:
        """Whether the command and the policy allow to renew last-applied records."""
        renews = self.invocation.command in RENEWING_COMMANDS
        return renews and Update in ALLOWED[self.guards.policy]

    def apply(
        self, plan: Plan, target: engine.CommandTarget, options: engine.ApplyOptions
    ) -> Report:
        """Apply ``plan``, and hold the target at the commit of --revision, or release it."""
        if self.invocation.options.values.get("revision") is None:
            self.source.release()
        else:
            from reconciler.wiring.history import user_name  # noqa: PLC0415 - not needed by plan

            cache = self.source.pin(user_name(), time.time())
            # --revision needs a repository, so there is a cache.
            print_error(
                f"a daemon follows this commit only with --cache-dir {cache}: with another cache, "
                "it applies its branch in its next cycle"
            )
        report = engine.apply(plan, target, options)
        record_applied(self.source, plan)
        return report

    def require_patterns_to_match(
        self, keys: Iterable[Key], desired: Iterable[Desired], unlisted: Collection[Unlisted]
    ) -> None:
        """Reject a pattern of --only or --except that matches no resource, because it is mistyped.

        Args:
            keys: The keys of the plan.
            desired: The resources of the manifests.
            unlisted: Lists that could not be read. A pattern that may match there is accepted.

        Raises:
            UsageError: If a pattern matches no resource.
        """
        require_matches(self.invocation, self.unmatched_patterns(keys, desired, unlisted))

    def unmatched_patterns(
        self, keys: Iterable[Key], desired: Iterable[Desired], unlisted: Collection[Unlisted]
    ) -> frozenset[str]:
        """Return the patterns that ``require_patterns_to_match`` rejects."""
        known = {resource.key for resource in desired} | set(keys)
        return frozenset(
            pattern
            for pattern in (*self.invocation["only"], *self.invocation["except"])
            if not any(key.matches(pattern) for key in known)
            and not any(item.may_match(pattern) for item in unlisted)
        )

    def read(self, on_heartbeat: Callable[[], None] = lambda: None) -> LoadResult:
        """Load the manifests, with their diagnostics; ``on_heartbeat`` is called each second."""
        read = self.shared_read or read_manifests
        return read(
            self.source,
            self.inputs,
            allow_empty=self.invocation["allow_empty"],
            find_revision=True,
            beat=on_heartbeat,
        )


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The valid settings of a run whose target is not open."""

    invocation: Invocation
    config: TargetConfig
    make_context: Callable[[engine.CommandTarget], RunContext]

    @contextmanager
    def open(self, cache: ReadCache | None, shared: Shared) -> Iterator[RunContext]:
        """Open the target, and yield the context of the run.

        Raises:
            ReconcilerError: If the target cannot be opened.
        """
        workers = self.invocation["parallelism"]
        with open_target(
            self.config, workers=workers, cache=cache, sessions=shared.sessions
        ) as target:
            yield replace(self.make_context(target), shared_read=shared.read)


def require_matches(invocation: Invocation, unmatched: Collection[str]) -> None:
    """Reject the first pattern of --only or --except that is in ``unmatched``.

    Raises:
        UsageError: If there is one.
    """
    for name in ("only", "except"):
        for pattern in invocation[name]:
            if pattern in unmatched:
                raise UsageError(
                    f"--{name} {pattern} matches no resource, neither desired nor live{KEY_HINT}"
                )


@contextmanager
def open_run(
    invocation: Invocation,
    *,
    max_updates: Limit = UNLIMITED,
    cache: ReadCache | None = None,
    shared: Shared = ALONE,
) -> Iterator[RunContext]:
    """Open the target of ``invocation`` and yield the context of the run.

    Args:
        invocation: The command line.
        max_updates: The limit of updates if the user set none.
        cache: Keeps resources that lists show as unchanged, so that they are not read again.
        shared: The parts that this run shares with others.

    Raises:
        UsageError: If a setting is invalid, or else if the run needs confirmation and cannot ask.
    """
    settings = read_run_settings(invocation, max_updates)
    config = settings.config
    invocation.require_confirmation_possible()
    with (
        recorded_failure(invocation, config.name, config.owner),
        settings.open(cache, shared) as context,
    ):
        yield context


def read_run_settings(invocation: Invocation, max_updates: Limit = UNLIMITED) -> RunSettings:
    """Return the settings of a run whose target is not open yet.

    A target may take a minute to fail, so all settings are read before it is opened.

    Raises:
        UsageError: If a setting is invalid.
    """
    config = resolve_target(invocation)
    return RunSettings(invocation, config, _read_settings(invocation, config, max_updates))


def reload_run(context: RunContext, *, max_updates: Limit) -> RunContext:
    """Return ``context`` with the current configuration, on the same open target.

    Raises:
        UsageError: If the configuration is invalid, or changes a setting that needs a restart.
    """
    invocation = context.invocation.reparse()
    config = resolve_target(invocation)
    before = context.config
    source = replace(config.source, exclude=before.source.exclude)
    # Only apply uses the URLs of proxies.
    same: dict[str, Any] = {
        "policy": before.policy,
        "source": source,
        "proxies_urls": before.proxies_urls,
    }
    unchanged = replace(config, **same) == before and all(
        invocation[name] == context.invocation[name] for name in RESTART_ONLY_OPTIONS
    )
    if not unchanged:
        raise UsageError("changes of the target, owner, source, lock or parallelism need a restart")
    return _read_settings(invocation, config, max_updates)(context.target)


def record_applied(source: Source, plan: Plan) -> None:
    """Record the commit of ``plan``, so that the next commit is compared with it."""
    if plan.applied_commit is None:
        return
    try:
        source.record_applied(plan.applied_commit)
    except RepositoryError as error:
        # The changes are made, and their report is more important.
        logger.warning("%s; deletes of the next commit may need --allow-rewind", error)


def _read_settings(
    invocation: Invocation, config: TargetConfig, max_updates: Limit
) -> Callable[[engine.CommandTarget], RunContext]:
    """Return a function that returns the context of a run on its open target.

    Raises:
        UsageError: If a limit or a variable is invalid.
    """
    paths = invocation.paths or (config.source.source or DEFAULT_SOURCE,)
    is_daemon = invocation.command == "run"
    source = open_source(
        paths,
        config.source,
        GitSettings(
            target=(config.name, config.owner),
            revision=invocation.options.values.get("revision"),
            follows_pin=is_daemon,
            poll_seconds=invocation["poll"] if is_daemon and not invocation["once"] else None,
        ),
        stdin=sys.stdin,
        cache_directory=invocation["cache_dir"],
    )
    guards = GuardSettings(
        policy=Policy(config.policy),
        max_deletes=invocation["max_deletes"],
        max_updates=read_limit(invocation["max_updates"], max_updates),
        allow_empty=invocation["allow_empty"],
    )
    inputs = read_inputs(invocation.options, invocation.file)

    def make_context(target: engine.CommandTarget) -> RunContext:
        scoped = source.with_scope(target_scope(config, target.id))
        return RunContext(invocation, config, paths, scoped, inputs, guards, target)

    return make_context


def resolve_target(invocation: Invocation, *, needs_owner: bool = True) -> TargetConfig:
    """Return the target of the run. In ci, the AWS environment does not select the target."""
    implied = (lambda _: None) if invocation.command == "ci" else configured_url
    config = choose_target(invocation.options, invocation.file, implied, needs_owner=needs_owner)
    if config.region is None:
        # All other SDKs read AWS_REGION; botocore reads only AWS_DEFAULT_REGION.
        config = replace(config, region=os.environ.get("AWS_REGION") or None)
    return config


def require_valid(
    loaded: LoadResult, *, color: str, outcome: str = "no plan was made"
) -> tuple[Desired, ...]:
    """Print the diagnostics and notices on stderr and return the desired resources.

    Args:
        loaded: The manifests.
        color: The value of --color.
        outcome: The consequence if they are not valid, for the message.

    Raises:
        ManifestError: If a diagnostic is an error.
    """
    diagnostics = loaded.diagnostics
    if diagnostics:
        print_message(diagnostic_reports.text(diagnostics, color=wants_color(color, sys.stderr)))
    for notice in loaded.notices:
        print_error(notice)
    if not loaded.valid:
        raise ManifestError(f"the manifests are not valid, so {outcome}")
    return loaded.desired


def _commit_after(plan: Plan, commit: AppliedCommit, *, allow_rewind: bool) -> AppliedCommit:
    """Return the record of ``commit`` after ``plan``, of a run of the whole source, is applied.

    Without a pending delete nothing waits, so later commits are compared with this one. A run of a
    part can delete nothing, so --allow-rewind there allows no later deletes.
    """
    has_pending_deletes = any(isinstance(withheld.change, Delete) for withheld in plan.withheld)
    if allow_rewind or (plan.is_complete and not has_pending_deletes):
        return replace(commit, may_rewind=True)
    return commit
