"""The state of a rollout as people see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.rollout import RolloutRules, TargetReport


@dataclass(frozen=True, slots=True)
class RolloutTarget:
    """A target of a wave: the revision that it has, and how its last cycle with it ended."""

    target: str
    revision: str | None = None
    progress: str | None = None


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """A rollout and its targets.

    Attributes:
        revision: The revision that is rolled out; None before the first.
        wave: Number of the wave that takes it, from 1; one more than there are after the last.
        waves: The targets of each wave.
        soaked_seconds: Time for which the waves until now have been in sync.
        soak_seconds: Time after which the next wave begins.
        is_held: Whether a person holds it.
        stopped_by: The target and the reason that stopped it; empty if none did.
        waits_for: Why the next wave waits, to continue a sentence; empty if there is no next one.
    """

    revision: str | None
    wave: int
    waves: tuple[tuple[RolloutTarget, ...], ...]
    soaked_seconds: float
    soak_seconds: float
    is_held: bool
    stopped_by: str
    waits_for: str


def rollout_status(record: FleetRecord, rules: RolloutRules) -> RolloutStatus:
    """Return the state of the rollout in ``record``."""
    waves = tuple(tuple(_target(target, record.reports) for target in wave) for wave in rules.waves)
    rollout = record.rollout
    if rollout is None:
        return RolloutStatus(
            revision=None,
            wave=1,
            waves=waves,
            soaked_seconds=0.0,
            soak_seconds=rules.soak_seconds,
            is_held=False,
            stopped_by="",
            waits_for="waits for the first valid manifests",
        )
    return RolloutStatus(
        revision=rollout.revision,
        wave=rollout.wave + 1,
        waves=waves,
        soaked_seconds=rollout.soaked_seconds,
        soak_seconds=rules.soak_seconds,
        is_held=rollout.is_held,
        stopped_by=rollout.stopped_by,
        waits_for=rollout.waits_for(rules, record.reports),
    )


def _target(target: str, reports: Mapping[str, TargetReport]) -> RolloutTarget:
    report = reports.get(target)
    if report is None:
        return RolloutTarget(target)
    return RolloutTarget(target, report.revision, report.progress.value)
