"""The status of a daemon and its resources, an immutable value for each cycle.

All times are wall-clock seconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.changes import Cause, TrafficEffect
from reconciler.core.diff import FieldChange
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Desired, Key, Origin, TargetId, Unlisted
from reconciler.core.source_revision import SourceRevision


class State(StrEnum):
    """The state of one resource."""

    IN_SYNC = "in sync"
    PENDING = "pending"
    DRIFTED = "drifted"
    FAILED = "failed"
    WITHHELD = "withheld"
    SUSPENDED = "suspended"
    STALE = "stale"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """The status of one resource.

    Attributes:
        since: When the resource entered ``state``.
        fields: The fields that differ.
        reason: The explanation for users.
        outcome: The last outcome, as text. It is kept when the resource is in sync again.
        attempts: Number of failed attempts in a row.
        next_attempt_at: Time of the next attempt after a failure.
        last_seen_at: When a missing resource was last live.
        effects: The effects of its change on traffic.
    """

    key: Key
    state: State
    since: float
    origin: Origin | None = None
    owner: str | None = None
    cause: Cause | None = None
    fields: tuple[FieldChange, ...] = ()
    traffic: TrafficEffect | None = None
    reason: str | None = None
    outcome: str | None = None
    outcome_at: float | None = None
    attempts: int = 0
    next_attempt_at: float | None = None
    last_seen_at: float | None = None
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """The lease that permits writes; ``holder`` is empty if the holder is unknown."""

    holder: str
    term_seconds: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The status of one daemon and its target.

    Attributes:
        cycle: Number of the last started cycle, from 1; 0 before the first.
        exit_code: Exit code of the last finished cycle.
        diagnostics: Problems of the source.
        revision: Commit of the last valid manifests; None if it is not known.
        error: Why the target could not be read.
        unlisted: Lists of the target that could not be read.
        calls: Number of API calls since the start, by operation.
        responses: Number of responses, by class: ok, refused, throttled, failed or none.
        recheck_seconds: How long it takes to read all tags once.
        description_seconds: How long it takes to describe all resources once.
        is_leader: Whether this daemon writes; always true without a lock.
        held_by: The member of the fleet that reconciles this target; None if it is this daemon.
        waits_for: Why the wave of the target waits; None if it has the newest revision.
        next_cycle_at: When the next cycle starts at the latest, unless a cycle runs.
        plan: The plan of the last cycle that could read the target.
        desired: The manifests that this plan is for.
    """

    target: TargetId
    owner: str
    policy: str
    started_at: float
    interval_seconds: float
    cycle: int = 0
    cycle_started_at: float | None = None
    cycle_finished_at: float | None = None
    exit_code: ExitCode | None = None
    source_valid: bool = True
    diagnostics: tuple[str, ...] = ()
    revision: SourceRevision | None = None
    error: str | None = None
    unlisted: tuple[Unlisted, ...] = ()
    resources: tuple[ResourceStatus, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)
    responses: Mapping[str, int] = field(default_factory=dict)
    recheck_seconds: float | None = None
    description_seconds: float | None = None
    lease: LeaseStatus | None = None
    is_leader: bool = True
    held_by: str | None = None
    waits_for: str | None = None
    next_cycle_at: float | None = None
    plan: Plan | None = field(default=None, repr=False, compare=False)
    desired: Mapping[Key, Desired] = field(default_factory=dict, repr=False, compare=False)
