"""Changes the record of a fleet by what one daemon learned since its last heartbeat."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.rollout import (
    Progress,
    Rollout,
    RolloutRules,
    TargetReport,
    start,
)


class RolloutCommand(StrEnum):
    """A command of a person for a rollout."""

    HOLD = "hold"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class RolloutNews:
    """The news of a daemon since its last heartbeat.

    Attributes:
        newest: The newest revision of the source; None if it is not known.
        before: The newest one that this daemon told of earlier; None before the first.
        reports: Ends of cycles by target, in their order. Each counts: a drift that was repaired
            stops a rollout too.
        commands: Commands of people, in their order.
    """

    newest: str | None = None
    before: str | None = None
    reports: tuple[tuple[str, TargetReport], ...] = ()
    commands: tuple[RolloutCommand, ...] = ()


def tell(
    record: FleetRecord, rules: RolloutRules, news: RolloutNews, elapsed_seconds: float
) -> FleetRecord:
    """Return ``record`` with ``news``; ``elapsed_seconds`` were measured since the last one."""
    rollout = _follow(record.rollout, news)
    reports: Mapping[str, TargetReport] = record.reports
    if rollout is None:
        return replace(record, reports={**reports, **dict(news.reports)})
    for target, report in news.reports:
        reports = {**reports, target: report}
        rollout = rollout.advance(rules, reports, 0.0)
    for command in news.commands:
        if command is RolloutCommand.HOLD:
            rollout = rollout.hold()
        else:
            rollout, reports = rollout.resume(), _forgiven(reports, rules)
    # A target that left sync did so at some moment of this time.
    was_calm = all(report.progress is Progress.IN_SYNC for _, report in news.reports)
    rollout = rollout.advance(rules, reports, elapsed_seconds if was_calm else 0.0)
    return replace(record, reports=reports, rollout=rollout)


def _forgiven(
    reports: Mapping[str, TargetReport], rules: RolloutRules
) -> Mapping[str, TargetReport]:
    """Return the reports of targets whose next cycles decide whether they stop a rollout again."""
    return {
        target: replace(report, progress=Progress.CHANGING)
        if report.progress in rules.stop_on
        else report
        for target, report in reports.items()
    }


def _follow(rollout: Rollout | None, news: RolloutNews) -> Rollout | None:
    if news.newest is None:
        return rollout
    return rollout.follow(news.before, news.newest) if rollout else start(news.newest)
