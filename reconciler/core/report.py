"""The report of a run: one outcome for each change, and the exit code that results."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.core.changes import Change, ReasonCode
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan

REASON_EXIT_CODES = {
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


# A run on one target has at most one of the further codes, and nothing else.
_FLEET_PRECEDENCE = (
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
    ExitCode.MANIFESTS,
    ExitCode.ERROR,
    ExitCode.PARTIAL,
    ExitCode.STALE,
    ExitCode.LOCKED,
    ExitCode.WITHHELD,
    ExitCode.PENDING,
)


@dataclass(frozen=True, slots=True)
class Applied:
    """The change was made, and a read confirmed it."""

    change: Change


@dataclass(frozen=True, slots=True)
class Failed:
    """The change was not made, or no read could confirm it.

    Attributes:
        reason: The explanation for users, with the next step.
        effects: The effects that the change had nevertheless, each as a sentence.
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
    """The live resource changed after the plan was made; ``reason`` says whether it was tried."""

    change: Change
    reason: str


Outcome: TypeAlias = Applied | Failed | Skipped | Stale


def outcome_name(outcome: Outcome) -> str:
    """Return the name of ``outcome``: applied, failed, skipped or stale."""
    return type(outcome).__name__.lower()


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one cycle on one target: one outcome for each change, in the plan's order.

    Attributes:
        renewed: Number of last-applied records that were written to unchanged resources.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...]
    renewed: int = 0

    @property
    def converged(self) -> bool:
        """Whether nothing is left to do, except for suspensions and changes beyond the policy."""
        return exit_code(self) is ExitCode.OK and not any(
            isinstance(outcome, Skipped) for outcome in self.outcomes
        )


def exit_code(report: Report) -> ExitCode:
    """Return the exit code of a run that applied a plan."""
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
    """Return the exit code of a run that only planned.

    Args:
        plan: The plan that the run made.
        detailed: Return `PENDING` if the plan has changes.
    """
    codes = _exit_codes(plan)
    is_withheld = any(withheld.reason_code is ReasonCode.POLICY for withheld in plan.withheld)
    if detailed and (plan.changes or is_withheld):
        codes.add(ExitCode.PENDING)
    return _most_severe(codes)


def fleet_exit_code(codes: Collection[ExitCode]) -> ExitCode:
    """Return the exit code of a run over targets with these codes."""
    return next((code for code in _FLEET_PRECEDENCE if code in codes), ExitCode.OK)


def _exit_codes(plan: Plan) -> set[ExitCode]:
    codes = {REASON_EXIT_CODES[withheld.reason_code] for withheld in plan.withheld}
    return codes | {ExitCode.ERROR} if plan.unlisted else codes


def _most_severe(codes: set[ExitCode]) -> ExitCode:
    return next((code for code in PRECEDENCE if code in codes), ExitCode.OK)
