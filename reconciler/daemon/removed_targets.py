"""Removes the reports of targets that are in no file any more; else the record would grow."""

from collections.abc import Callable
from dataclasses import replace

from reconciler import limits
from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.member_rules import have_same_rules
from reconciler.core.fleet.rollout import RolloutRules


class RemovedTargets:
    """Measures for how long no member has had a target. Not thread-safe."""

    def __init__(self, rules: RolloutRules, monotonic: Callable[[], float]) -> None:
        """Start to measure; ``rules`` have all targets of the file."""
        self._targets = frozenset(name for wave in rules.waves for name in wave)
        self._monotonic = monotonic
        self._since: dict[str, float] = {}

    def prune(self, record: FleetRecord) -> FleetRecord:
        """Return ``record`` without the reports of targets that were removed some time ago.

        Members with the same rules have the same targets. If they differ, one of them may have any.
        """
        now, before = self._monotonic(), self._since
        removed = record.reports.keys() - self._targets if have_same_rules(record.members) else ()
        self._since = {target: before.get(target, now) for target in removed}
        reports = {
            target: report
            for target, report in record.reports.items()
            if now - self._since.get(target, now) < limits.REMOVED_TARGET_SECONDS
        }
        return replace(record, reports=reports)
