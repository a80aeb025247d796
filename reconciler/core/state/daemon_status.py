"""How a daemon's target stands, for whoever looks from outside: a value, made anew each cycle.

All times are wall-clock seconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.changes import Cause, TrafficEffect
from reconciler.core.diff import FieldChange
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Key, Origin, TargetId, Unlisted


class State(StrEnum):
    """How one resource stands."""

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
    """How one resource stands since ``since``.

    ``fields`` are what differs, ``reason`` is what a reader is told of it. ``outcome`` is the last
    one, in words, and stays when the resource is in sync again. ``attempts`` counts those that
    failed in a row; before ``next_attempt_at`` there is no other. ``last_seen_at`` is when a
    resource that is missing was last live.
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


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """Who may write, and until when that is known; ``holder`` is empty while nobody is known to."""

    holder: str
    term_seconds: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """One daemon and its target.

    ``cycle`` is the number of the last cycle begun, from 1; 0 is none yet. ``exit_code`` is that
    of the last cycle finished. ``diagnostics`` say what is wrong with the source, ``error`` why the
    target could not be read, ``unlisted`` which of its lists could not. ``calls`` counts API
    calls by operation since the start, ``responses`` what came back: ok, refused, throttled, failed
    or none.
    ``recheck_seconds`` is how long it takes until all tags were looked at once more. ``is_leader``
    is whether this daemon writes; without a lock it always does.
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
    error: str | None = None
    unlisted: tuple[Unlisted, ...] = ()
    resources: tuple[ResourceStatus, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)
    responses: Mapping[str, int] = field(default_factory=dict)
    recheck_seconds: float | None = None
    lease: LeaseStatus | None = None
    is_leader: bool = True
