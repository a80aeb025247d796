"""What became of a plan: one outcome for every change, and the exit code they add up to."""

from dataclasses import dataclass
from typing import TypeAlias

from reconciler.core.changes import Change, ReasonCode
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan

CODE_OF_REASON = {
    ReasonCode.UNREADABLE: ExitCode.ERROR,
    ReasonCode.FOREIGN: ExitCode.WITHHELD,
    ReasonCode.GUARD: ExitCode.WITHHELD,
    ReasonCode.PROTECTED: ExitCode.WITHHELD,
    ReasonCode.UNKNOWN_FIELD: ExitCode.WITHHELD,
    ReasonCode.REPAIR_LOOP: ExitCode.WITHHELD,
    ReasonCode.WAITING: ExitCode.WITHHELD,
    ReasonCode.SUSPENDED: ExitCode.OK,
    ReasonCode.ORPHAN: ExitCode.OK,
    ReasonCode.POLICY: ExitCode.OK,
}

PRECEDENCE = (
    ExitCode.MANIFESTS,
    ExitCode.ERROR,
    ExitCode.PARTIAL,
    ExitCode.STALE,
    ExitCode.WITHHELD,
    ExitCode.PENDING,
)


@dataclass(frozen=True, slots=True)
class Applied:
    """The change was made and was seen to be there (or gone) afterwards."""

    change: Change


@dataclass(frozen=True, slots=True)
class Failed:
    """The change was not made, or could not be seen to be made; ``reason`` says what to do.

    ``effects`` are the effects that it had all the same, each as a sentence.
    """

    change: Change
    reason: str
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """The change was not tried."""

    change: Change
    reason: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The live side moved since the plan was made, so the change was not tried."""

    change: Change
    reason: str


Outcome: TypeAlias = Applied | Failed | Skipped | Stale


def outcome_name(outcome: Outcome) -> str:
    """Return the word for what became of a change: applied, failed, skipped or stale."""
    return type(outcome).__name__.lower()


@dataclass(frozen=True, slots=True)
class Report:
    """One cycle on one target: exactly one outcome for every change of the plan, in its order."""

    plan: Plan
    outcomes: tuple[Outcome, ...]

    @property
    def converged(self) -> bool:
        """Whether desired and observed are equal now, as far as this run may make them."""
        return exit_code(self) is ExitCode.OK and not any(
            isinstance(outcome, Skipped) for outcome in self.outcomes
        )


def exit_code(report: Report) -> ExitCode:
    """Return the code of a run that carried a plan out."""
    kinds = {type(outcome) for outcome in report.outcomes}
    codes = _exit_codes(report.plan)
    failures = [outcome for outcome in report.outcomes if isinstance(outcome, Failed)]
    if failures:
        partly = Applied in kinds or any(failure.effects for failure in failures)
        codes.add(ExitCode.PARTIAL if partly else ExitCode.ERROR)
    if Stale in kinds:
        codes.add(ExitCode.STALE)
    return _most_severe(codes)


def plan_exit_code(plan: Plan, *, detailed: bool) -> ExitCode:
    """Return the code of a run that only planned; ``detailed`` makes pending changes count."""
    codes = _exit_codes(plan)
    is_withheld = any(withheld.reason_code is ReasonCode.POLICY for withheld in plan.withheld)
    if detailed and (plan.changes or is_withheld):
        codes.add(ExitCode.PENDING)
    return _most_severe(codes)


def _exit_codes(plan: Plan) -> set[ExitCode]:
    codes = {CODE_OF_REASON[withheld.reason_code] for withheld in plan.withheld}
    return codes | {ExitCode.ERROR} if plan.unlisted else codes


def _most_severe(codes: set[ExitCode]) -> ExitCode:
    return next((code for code in PRECEDENCE if code in codes), ExitCode.OK)
