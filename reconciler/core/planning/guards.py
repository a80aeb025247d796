"""The guards, which limit how much of a plan a run may apply.

A guard only withholds changes, each with a reason. The guards are the same for plan, apply and the
daemon, so that a pull request fails before the merge and not after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from reconciler.core.changes import (
    Adopt,
    Change,
    Create,
    Delete,
    ReasonCode,
    Update,
    Withheld,
    operation_name,
)


class Policy(StrEnum):
    """The operations that a run may use; each policy includes the ones before it."""

    OBSERVE = "observe"
    CREATE_ONLY = "create-only"
    UPSERT_ONLY = "upsert-only"
    SYNC = "sync"


ALLOWED: dict[Policy, tuple[type[Change], ...]] = {
    Policy.OBSERVE: (),
    Policy.CREATE_ONLY: (Create,),
    Policy.UPSERT_ONLY: (Create, Update, Adopt),
    Policy.SYNC: (Create, Update, Adopt, Delete),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of ``count`` changes, or of a ``share`` of owned resources, at least ``floor``."""

    count: int | None = None
    share: Fraction | None = None
    floor: int = 0

    def allowed(self, owned: int) -> int | None:
        """Return the maximum number of changes for ``owned`` resources; None is no limit."""
        if self.share is None:
            return self.count
        return max(self.floor, int(self.share * owned))


@dataclass(frozen=True, slots=True)
class HourlyDeletes:
    """The deletes on all targets of a daemon: those of the last hour, and their limit."""

    made: int
    limit: int


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """The limits of a run.

    Attributes:
        allow_empty: Allow a source without manifests to delete everything it owned.
        incomplete_reason: Why the run does not cover the whole source, or None if it does. Only a
            run over the whole source can tell that a manifest was removed.
        rewind_reason: Why the source may be older than the one applied last, or None if it is not.
    """

    policy: Policy = Policy.UPSERT_ONLY
    max_deletes: int = 1
    hourly_deletes: HourlyDeletes | None = None
    max_updates: Limit = Limit()
    allow_empty: bool = False
    incomplete_reason: str | None = None
    rewind_reason: str | None = None


def apply_guards(
    changes: Sequence[Change],
    guards: GuardSettings,
    *,
    owned: int,
    nothing_desired: bool,
    unlisted: Sequence[str],
) -> tuple[list[Change], list[Withheld]]:
    """Return the changes that may be made, and the others as withheld, with reasons.

    Args:
        changes: All changes of the plan.
        guards: The limits of the run.
        owned: Number of live resources of the owner.
        nothing_desired: Whether the source has no manifest.
        unlisted: Sentences about lists and resources that could not be read.
    """
    allowed: list[Change] = []
    withheld: list[Withheld] = []
    delete_hit = _delete_guard(changes, guards, nothing_desired=nothing_desired, unlisted=unlisted)
    update_hit = _update_guard(changes, guards.max_updates.allowed(owned))
    for change in changes:
        if isinstance(change, Delete):
            hit = _orphan_hit(guards, delete_hit) or delete_hit
        elif isinstance(change, Create):
            hit = _policy_hit(change, guards)
        else:
            hit = _policy_hit(change, guards) or update_hit
        if hit is None:
            allowed.append(change)
        else:
            reason_code, reason = hit
            withheld.append(Withheld(change.key, reason, reason_code, change.origin, change))
    return allowed, withheld


GuardHit = tuple[ReasonCode, str]


def _policy_hit(change: Change, guards: GuardSettings) -> GuardHit | None:
    if isinstance(change, ALLOWED[guards.policy]):
        return None
    sufficient = next(policy for policy in Policy if isinstance(change, ALLOWED[policy]))
    reason = f"policy {guards.policy} does not allow this {operation_name(change)}"
    return ReasonCode.POLICY, f"{reason}: pass --policy {sufficient}"


def _orphan_hit(guards: GuardSettings, delete_hit: GuardHit | None) -> GuardHit | None:
    if Delete in ALLOWED[guards.policy]:
        return None
    reason = f"it has no manifest, and policy {guards.policy} does not delete"
    advice = f"pass --policy {Policy.SYNC} to delete it"
    # A reader who follows the advice must not meet the next guard only then.
    then = f"; with it, {delete_hit[1]}" if delete_hit else ""
    return ReasonCode.ORPHAN, f"{reason}: {advice}{then}"


def _delete_guard(
    changes: Sequence[Change],
    guards: GuardSettings,
    *,
    nothing_desired: bool,
    unlisted: Sequence[str],
) -> GuardHit | None:
    deletes = sum(isinstance(change, Delete) for change in changes)
    if guards.incomplete_reason is not None:
        return ReasonCode.ORPHAN, f"nothing is deleted because {guards.incomplete_reason}"
    if unlisted:
        return ReasonCode.GUARD, f"nothing is deleted because {unlisted[0]}"
    causes, options = [], []
    if nothing_desired and not guards.allow_empty:
        causes.append("no manifest was found")
        options.append("--allow-empty")
    if deletes > guards.max_deletes:
        causes.append(f"{deletes} deletes exceed --max-deletes {guards.max_deletes}")
        options.append(f"--max-deletes {deletes}")
    hour = guards.hourly_deletes
    if hour is not None and hour.made + deletes > hour.limit:
        causes.append(
            f"{hour.made} deletes on all targets in the last hour, and {deletes} here, exceed"
            f" --max-deletes-per-hour {hour.limit}"
        )
        options.append(f"--max-deletes-per-hour {hour.made + deletes}")
    if guards.rewind_reason is not None:
        causes.append(guards.rewind_reason)
        options.append("--allow-rewind")
    if not causes:
        return None
    reason = f"{' and '.join(causes)}, so nothing is deleted: pass {' '.join(options)}"
    return ReasonCode.GUARD, reason


def _update_guard(changes: Sequence[Change], limit: int | None) -> GuardHit | None:
    updates = sum(isinstance(change, Update | Adopt) for change in changes)
    if limit is None or updates <= limit:
        return None
    reason = f"{updates} updates exceed --max-updates, which allows {limit} here"
    return ReasonCode.GUARD, f"{reason}, so nothing is updated: pass --max-updates {updates}"
