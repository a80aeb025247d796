"""Applies the news of one daemon since its last heartbeat to the record of a fleet."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.member_rules import have_same_rules
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
        before: The newest one that this daemon sent earlier; None before the first.
        reports: Ends of cycles by target, in their order. Each counts: a drift that was repaired
            stops a rollout too. A report of another revision than the record has is late.
        held: Targets that a person holds at a revision, whose reports always count.
        takes: Targets that request a revision, with this revision. They take it when the record is
            stored, so that another daemon knows which revision they may have in part.
        commands: Commands of people, in their order.
    """

    newest: str | None = None
    before: str | None = None
    reports: tuple[tuple[str, TargetReport], ...] = ()
    held: frozenset[str] = frozenset()
    takes: tuple[tuple[str, str], ...] = ()
    commands: tuple[RolloutCommand, ...] = ()


def apply_news(
    record: FleetRecord, rules: RolloutRules, news: RolloutNews, elapsed_seconds: float
) -> FleetRecord:
    """Return ``record`` with ``news``.

    Args:
        record: The record as of the last heartbeat of any daemon.
        rules: The table ``[rollout]``.
        news: The news of one daemon.
        elapsed_seconds: Time that this daemon measured since its last heartbeat.
    """
    rollout = _follow(record.rollout, news)
    reports: Mapping[str, TargetReport] = record.reports
    agree = have_same_rules(record.members)
    for target, report in news.reports:
        known = reports.get(target, report)
        if known.revision != report.revision and target not in news.held:
            continue
        reports = {**reports, target: report}
        rollout = rollout and _advance(rollout, rules, reports, 0.0, agree=agree)
    if rollout is None:
        return replace(record, reports=reports)
    for command in news.commands:
        if command is RolloutCommand.HOLD:
            rollout = rollout.hold()
        else:
            rollout, reports = rollout.resume(), _without_stops(reports, rules)
    for target, revision in news.takes:
        # The rollout may have been held since this daemon requested it.
        if agree and revision == rollout.revision and rollout.may_take(rules, reports, target):
            reports = {**reports, target: _taking(reports.get(target), revision)}
    # A target that left sync did so at some moment of this time.
    stayed_in_sync = all(report.progress is Progress.IN_SYNC for _, report in news.reports)
    seconds = elapsed_seconds if stayed_in_sync else 0.0
    rollout = _advance(rollout, rules, reports, seconds, agree=agree)
    return replace(record, reports=reports, rollout=rollout)


def restore(record: FleetRecord, known: FleetRecord) -> FleetRecord:
    """Return ``record`` with the rollout of ``known``, the one before it, if its store lost it.

    A hold or a stop stays. The soak begins again, because no report tells of the time in between.
    A daemon that has started since may have begun a rollout in the empty store.
    """
    begun = record.rollout
    is_lost = begun is None or record.beats < known.beats
    if known.rollout is None or not is_lost:
        return record
    is_held = known.rollout.is_held or (begun is not None and begun.is_held)
    return replace(
        record,
        reports={**known.reports, **record.reports},
        rollout=replace(known.rollout, soaked_seconds=0.0, is_held=is_held),
        beats=known.beats + 1,
    )


def _advance(
    rollout: Rollout,
    rules: RolloutRules,
    reports: Mapping[str, TargetReport],
    elapsed_seconds: float,
    *,
    agree: bool,
) -> Rollout:
    """Return the rollout after a time; no wave begins while members have different rules."""
    if not agree:
        return rollout.observe(rules, reports)
    return rollout.advance(rules, reports, elapsed_seconds)


def _taking(report: TargetReport | None, revision: str) -> TargetReport:
    """Return the report of a target that takes ``revision``, unless it has it already."""
    if report is not None and report.revision == revision:
        return report
    return TargetReport(revision, Progress.CHANGING)


def _without_stops(
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
