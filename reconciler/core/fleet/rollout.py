"""Waves of a rollout: which targets may take a new revision of the manifests.

A revision is a commit, or the fingerprint of a directory. Its rollout begins in the first wave. The
next wave begins when every target of the waves before has been in sync with it for the soak.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler import limits

_DIGEST_CHARACTERS = 16


class Progress(StrEnum):
    """How the last cycle of a target ended.

    A target that waits has its revision in the record alone: no daemon can read it, so nothing is
    compared or repaired.
    """

    IN_SYNC = "in sync"
    CHANGING = "changing"
    FAILED = "failed"
    DRIFT = "drift"
    WITHHELD = "withheld"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class TargetReport:
    """The end of the last cycle of a target.

    Attributes:
        revision: The revision that its last cycle applied.
        progress: How that cycle ended.
    """

    revision: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class RolloutRules:
    """The table ``[rollout]``.

    Attributes:
        waves: Names of the targets of each wave, in order.
        soak_seconds: Time for which the waves before must have been in sync.
        stop_on: The progress that stops the rollout until it is resumed.
        max_unavailable: Number of targets of a wave that take a revision at once.
    """

    waves: tuple[tuple[str, ...], ...]
    soak_seconds: float
    stop_on: frozenset[Progress]
    max_unavailable: int

    def wave_of(self, target: str) -> int:
        """Return the index of the wave of ``target``."""
        return next(index for index, wave in enumerate(self.waves) if target in wave)

    def of(self, targets: Collection[str]) -> "RolloutRules":
        """Return the rules of these targets alone; a wave may then be empty."""
        waves = (tuple(name for name in wave if name in targets) for wave in self.waves)
        return replace(self, waves=tuple(waves))

    @property
    def summary(self) -> dict[str, str]:
        """The settings of the table as short texts, to compare them between daemons."""
        return {
            "waves": hashlib.sha256(repr(self.waves).encode()).hexdigest()[:_DIGEST_CHARACTERS],
            "soak": str(float(self.soak_seconds)),
            "stop_on": ", ".join(sorted(self.stop_on)),
            "max_unavailable": str(self.max_unavailable),
        }

    @property
    def steps(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """The number of each wave, from 1, with the targets that take a change at once."""
        size = self.max_unavailable
        return tuple(
            (number, wave[first : first + size])
            for number, wave in enumerate(self.waves, 1)
            for first in range(0, len(wave), size)
        )


@dataclass(frozen=True, slots=True)
class Rollout:
    """The state of a rollout, which the daemons share.

    Attributes:
        revision: The revision that is rolled out.
        wave: Index of the wave that takes it; the number of waves after the last one.
        soaked_seconds: Time for which the wave and those before have been in sync.
        is_held: Whether a person holds it.
        stopped_by: The target and the reason that stopped it; empty if it goes on.
        seen: The latest revisions, the newest last. A daemon that fetches late does not bring an
            earlier one back.
    """

    revision: str
    wave: int = 0
    soaked_seconds: float = 0.0
    is_held: bool = False
    stopped_by: str = ""
    seen: tuple[str, ...] = ()

    def follow(self, before: str | None, newest: str) -> "Rollout":
        """Return the rollout of ``newest``, or this one if it is not a later revision.

        Args:
            before: The newest revision that this process saw earlier, or None.
            newest: The newest revision that it sees now.
        """
        is_later = newest not in self.seen or before == self.revision
        if newest == self.revision or not is_later:
            return self
        return replace(start(newest, self.seen), is_held=self.is_held)

    def hold(self) -> "Rollout":
        """Return the rollout, held until `resume`."""
        return replace(self, is_held=True)

    def resume(self) -> "Rollout":
        """Return the rollout, neither held nor stopped."""
        return replace(self, is_held=False, stopped_by="")

    def is_in_progress(self, rules: RolloutRules) -> bool:
        """Return whether a later wave can begin: it is neither held nor stopped nor complete."""
        return not self.is_held and not self.stopped_by and self.wave < len(rules.waves)

    def observe(self, rules: RolloutRules, reports: Mapping[str, TargetReport]) -> "Rollout":
        """Return the rollout after the reports, for which no time has passed.

        It is stopped if it is in progress and a target is a reason to stop it. The soak begins
        again if a target is not in sync, also while the rollout is held.
        """
        reason = self._stop_reason(rules, reports) if self.is_in_progress(rules) else ""
        if reason:
            return replace(self, stopped_by=reason, soaked_seconds=0.0)
        return replace(self, soaked_seconds=0.0) if self._late(rules, reports) else self

    def advance(
        self, rules: RolloutRules, reports: Mapping[str, TargetReport], elapsed_seconds: float
    ) -> "Rollout":
        """Return the rollout after ``elapsed_seconds`` in which the targets were as reported."""
        observed = self.observe(rules, reports)
        if not observed.is_in_progress(rules) or self._late(rules, reports):
            return observed
        soaked = self.soaked_seconds + elapsed_seconds
        is_last = self.wave + 1 == len(rules.waves)
        if is_last or soaked >= rules.soak_seconds:
            return replace(self, wave=self.wave + 1, soaked_seconds=0.0)
        return replace(self, soaked_seconds=soaked)

    def may_take(
        self, rules: RolloutRules, reports: Mapping[str, TargetReport], target: str
    ) -> bool:
        """Return whether ``target`` may take the revision, or keep it if it has it."""
        report = reports.get(target)
        wave = rules.wave_of(target)
        if wave < self.wave or (report is not None and report.revision == self.revision):
            return True
        if wave > self.wave or self.is_held or self.stopped_by:
            return False
        # The number of the wave may be of a table with other waves, before an edit.
        before = (name for names in rules.waves[:wave] for name in names)
        if not all(self._is_in_sync(reports.get(name)) for name in before):
            return False
        waiting = [name for name in rules.waves[wave] if not self._is_in_sync(reports.get(name))]
        return target in waiting[: rules.max_unavailable]

    def waits_for(self, rules: RolloutRules, reports: Mapping[str, TargetReport]) -> str:
        """Return why the next wave waits; empty if there is no next one.

        The text continues a sentence about the rollout or the wave.
        """
        if self.wave >= len(rules.waves):
            return ""
        if self.is_held:
            return "is held; run reconciler rollout resume"
        if self.stopped_by:
            return f"is stopped by {self.stopped_by}; fix it, then run reconciler rollout resume"
        late = self._late(rules, reports)
        if late:
            more = f" and {len(late) - 1} more" if len(late) > 1 else ""
            return f"waits for {late[0]}{more} to be in sync"
        return f"waits for the soak ({self.soaked_seconds:.0f} of {rules.soak_seconds:.0f} s)"

    def _is_in_sync(self, report: TargetReport | None) -> bool:
        return report == TargetReport(self.revision, Progress.IN_SYNC)

    def _begun(self, rules: RolloutRules) -> Iterator[str]:
        """Yield the targets of the waves that have begun."""
        for wave in rules.waves[: self.wave + 1]:
            yield from wave

    def _late(self, rules: RolloutRules, reports: Mapping[str, TargetReport]) -> list[str]:
        """Return the targets of the begun waves that are not in sync."""
        return [it for it in self._begun(rules) if not self._is_in_sync(reports.get(it))]

    def _stop_reason(self, rules: RolloutRules, reports: Mapping[str, TargetReport]) -> str:
        for target in self._begun(rules):
            report = reports.get(target)
            if report and report.revision == self.revision and report.progress in rules.stop_on:
                return f"{target} ({report.progress})"
        return ""


def start(revision: str, seen: tuple[str, ...] = ()) -> Rollout:
    """Return the rollout of ``revision`` at its beginning."""
    latest = (*(earlier for earlier in seen if earlier != revision), revision)
    return Rollout(revision, seen=latest[-limits.MAX_SEEN_REVISIONS :])
