"""What verbs with a target have in common: the target, desired values, what holds a run back."""

import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler import engine
from reconciler.cli.command import KEY_HINT, Invocation
from reconciler.cli.output import print_message, wants_color
from reconciler.cli.progress import spinner
from reconciler.core.errors import ManifestError, UsageError
from reconciler.core.planning.guards import GuardSettings, Limit, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.selection import Selection
from reconciler.core.resources import Desired, Key, TargetId, Unlisted
from reconciler.locks.lease import Elector, keep_renewed
from reconciler.manifest.loading import LoadResult
from reconciler.render import diagnostic_reports
from reconciler.settings.target_config import TargetConfig, choose_target
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.cache import ReadCache
from reconciler.targets.session import configured_url
from reconciler.wiring.locks import open_lock
from reconciler.wiring.manifests import DEFAULT_SOURCE, read_manifests
from reconciler.wiring.run_variables import read_variables
from reconciler.wiring.targets import open_target, read_limit

UNLIMITED = Limit()
# Options that no run can change its mind about.
RESTART_ONLY_OPTIONS = ("lock", "lock_term", "parallelism")


@dataclass(frozen=True, slots=True)
class RunContext:
    """A run that is ready to look and to act."""

    invocation: Invocation
    config: TargetConfig
    paths: tuple[str, ...]
    variables: Mapping[str, str]
    guards: GuardSettings
    target: AppMesh

    def propose(
        self,
        desired: Sequence[Desired],
        *,
        incomplete_reason: str | None = None,
        only: Sequence[str] = (),
    ) -> Plan:
        """Return the plan for ``desired``; ``incomplete_reason`` says why that is not the whole source.

        It is about what the patterns ``only`` name, where there are any, and --only and --except.
        """
        # Asked anew each time: a directory may come only after a daemon has begun.
        incomplete_reason = incomplete_reason or _incomplete_reason(
            self.invocation, self.config, self.paths
        )
        with spinner(f"reading {self.target.id.url}"):
            return engine.propose(
                self.target,
                desired,
                owner=self.config.owner,
                guards=replace(self.guards, incomplete_reason=incomplete_reason),
                now=datetime.now(UTC),
                selection=Selection((only, self.invocation["only"]), self.invocation["except"]),
            )

    def require_patterns_to_match(
        self, keys: Iterable[Key], desired: Iterable[Desired], unlisted: Collection[Unlisted]
    ) -> None:
        """Refuse a pattern of --only or --except that names none of ``keys`` and ``desired``.

        It is a mistyped one, and must not pass for a wish fulfilled. UsageError says which. If it
        may name one of ``unlisted``, that is unknown, and the pattern is taken.
        """
        known = {resource.key for resource in desired} | set(keys)
        for name in ("only", "except"):
            for pattern in self.invocation[name]:
                if not any(key.matches(pattern) for key in known) and not any(
                    item.may_match(pattern) for item in unlisted
                ):
                    raise UsageError(
                        f"--{name} {pattern} matches no resource, neither desired nor live"
                        f"{KEY_HINT}"
                    )

    def read(self, beat: Callable[[], None] = lambda: None) -> LoadResult:
        """Return what the manifests say now, complaints included; ``beat`` is called often."""
        return read_manifests(
            self.paths,
            self.variables,
            stdin=sys.stdin,
            allow_empty=self.invocation["allow_empty"],
            beat=beat,
        )


@contextmanager
def open_run(
    invocation: Invocation, *, max_updates: Limit = UNLIMITED, cache: ReadCache | None = None
) -> Iterator[RunContext]:
    """Yield the work of ``invocation``; ``max_updates`` holds where the user set no limit.

    With a ``cache`` what lists show unmoved is not read anew in each look.
    """
    config = resolve_target(invocation)
    with open_target(config, workers=invocation["parallelism"], cache=cache) as target:
        yield _make_context(invocation, config, target, max_updates)


def reload_run(context: RunContext, *, max_updates: Limit) -> RunContext:
    """Return ``context`` as the configuration has it now, on the target that is open.

    UsageError where it is not valid, or asks for what is settled once for a process.
    """
    invocation = context.invocation.reparse()
    config = resolve_target(invocation)
    unchanged = replace(config, policy=context.config.policy) == context.config and all(
        invocation[name] == context.invocation[name] for name in RESTART_ONLY_OPTIONS
    )
    if not unchanged:
        raise UsageError("changes of the target, owner, source, lock or parallelism need a restart")
    return _make_context(invocation, config, context.target, max_updates)


@contextmanager
def hold_lock(invocation: Invocation, target: TargetId, owner: str) -> Iterator[Callable[[], bool]]:
    """Take the lock, where one is asked for, and yield what tells whether we still hold it.

    Once it is lost it stays lost for this run, which has skipped changes by then. HeldError where
    another run holds it.
    """
    elector = make_elector(invocation, target, owner)
    if elector is None:
        yield lambda: True
        return
    with spinner(f"waiting for {elector.store.name}"):
        elector.acquire(time.sleep)
    with keep_renewed(elector) as is_leader:
        is_held = True

        def may_write() -> bool:
            nonlocal is_held
            is_held = is_held and is_leader()
            return is_held

        yield may_write


def make_elector(invocation: Invocation, target: TargetId, owner: str) -> Elector | None:
    """Return this process as a candidate for the lock; None where none is asked for."""
    if not invocation["lock"]:
        return None
    config = replace(resolve_target(invocation, needs_owner=False), owner=owner)
    return open_lock(invocation["lock"], invocation["lock_term"], config, target)


def _make_context(
    invocation: Invocation, config: TargetConfig, target: AppMesh, max_updates: Limit
) -> RunContext:
    paths = invocation.paths or (config.source or DEFAULT_SOURCE,)
    guards = GuardSettings(
        policy=Policy(config.policy),
        max_deletes=invocation["max_deletes"],
        max_updates=read_limit(invocation["max_updates"], max_updates),
        allow_empty=invocation["allow_empty"],
    )
    variables = read_variables(invocation.options.values)
    return RunContext(invocation, config, paths, variables, guards, target)


def resolve_target(invocation: Invocation, *, needs_owner: bool = True) -> TargetConfig:
    """Return the target that the settings of the run name; a CI job must be told it outright."""
    implied = (lambda _: None) if invocation.command == "ci" else configured_url
    config = choose_target(invocation.options, invocation.file, implied, needs_owner=needs_owner)
    if config.region is None:
        # Every other SDK reads this variable; botocore knows AWS_DEFAULT_REGION alone.
        config = replace(config, region=os.environ.get("AWS_REGION") or None)
    return config


def require_valid(loaded: LoadResult, *, color: str) -> tuple[Desired, ...]:
    """Return the desired values; complaints go to stderr, and an error among them ends the run."""
    found = loaded.diagnostics
    if found:
        print_message(diagnostic_reports.text(found, color=wants_color(color, sys.stderr)))
    if not loaded.valid:
        raise ManifestError("the manifests are not valid, so nothing was written")
    return loaded.desired


def _incomplete_reason(
    invocation: Invocation, config: TargetConfig, paths: Sequence[str]
) -> str | None:
    """Say why a run does not cover the whole source; None where it does."""
    for name in ("only", "except"):
        if invocation[name]:
            return f"--{name} was given"
    if "-" in paths:
        return "the manifests came from standard input"
    given = {Path(path).resolve() for path in paths}
    if config.source is not None:
        # A folder above it is not enough: what the walk leaves out would read as gone.
        is_whole = Path(config.source).resolve() in given
        return None if is_whole else f"{', '.join(paths)} is not the source {config.source}"
    default = Path(DEFAULT_SOURCE).resolve()
    for path in given:
        if path != default and (default in path.parents or not path.is_dir()):
            return f"{path.name} may be only a part of the source; set the source of the target"
    return None
