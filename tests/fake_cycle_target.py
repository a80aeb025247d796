"""The means of a daemon's cycles, in memory: manifests that a test sets, and a fake target."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from builders import NOW, OWNER, SYNC
from fakes import FakeTarget

from reconciler.core.errors import RepositoryError, UsageError
from reconciler.core.planning.guards import GuardSettings
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Failed, Report
from reconciler.core.resources import Desired, Key
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.engine import ApplyOptions, apply, propose
from reconciler.manifest.loading import LoadResult
from reconciler.manifest.parsing.diagnostics import Diagnostic


@dataclass
class FakeCycleTarget:
    """What a cycle reaches; ``reads`` counts how often the manifests were read."""

    desired: tuple[Desired, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    revision: SourceRevision | None = None
    gone: bool = False
    unknown: bool = False
    notices: tuple[str, ...] = ()
    target: FakeTarget = field(default_factory=FakeTarget)
    restraint: GuardSettings = SYNC
    idle: str | None = None
    reads: int = 0
    made: Counter[str] = field(default_factory=Counter)

    def read(self) -> LoadResult:
        self.reads += 1
        if self.gone:
            raise UsageError("manifests does not exist")
        if self.unknown:
            raise RepositoryError("the repository is away")
        return LoadResult(
            self.desired,
            self.diagnostics,
            {},
            revision=self.revision,
            notices=self.notices,
        )

    def propose(
        self,
        desired: Sequence[Desired],
        *,
        incomplete_reason: str | None,
        settled: frozenset[Key] = frozenset(),
    ) -> Plan:
        restraint = replace(self.restraint, incomplete_reason=incomplete_reason)
        return propose(
            self.target, desired, owner=OWNER, guards=restraint, now=NOW, settled=settled
        )

    def apply(self, plan: Plan, waiting: Mapping[Key, Failed]) -> Report:
        return apply(plan, self.target, ApplyOptions(workers=1, sleep=lambda _: None), waiting)

    def standby_reason(self) -> str | None:
        return self.idle

    def drop_cache(self) -> None:
        """Do nothing: it takes nothing for granted."""

    def end(self, status: DaemonStatus) -> DaemonStatus:
        """Count the calls since the last time, and forget each."""
        self.made.update(operation for operation, _ in self.target.calls)
        self.target.calls.clear()
        return replace(status, calls=dict(self.made))
