"""The guards: how much of a plan a run may carry out.

Every guard only takes changes away, and says so; none of them adds one. They hold for plan,
apply and daemon alike, so a pull request fails before the merge and not after.
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
    """What a run may do; each level includes the ones before it."""

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
    """At most ``count`` changes, or ``share`` of what we own but never fewer than ``floor``."""

    count: int | None = None
    share: Fraction | None = None
    floor: int = 0

    def allowed(self, owned: int) -> int | None:
        """Return the number of changes allowed for ``owned`` resources; None is any number."""
        if self.share is None:
            return self.count
        return max(self.floor, int(self.share * owned))


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Everything that holds a run back.

    ``incomplete_reason`` says why the run does not cover the whole source, None where it does: only a run
    over the whole source knows that a manifest is gone. ``allow_empty`` lets a source without
    any manifest mean what it says.
    """

    policy: Policy = Policy.UPSERT_ONLY
    max_deletes: int = 1
    max_updates: Limit = Limit()
    allow_empty: bool = False
    incomplete_reason: str | None = None


def apply_guards(
    changes: Sequence[Change],
    guards: GuardSettings,
    *,
    owned: int,
    nothing_desired: bool,
    unlisted: Sequence[str],
) -> tuple[list[Change], list[Withheld]]:
    """Return the changes that may be made, and those that may not with the reason of each.

    ``owned`` counts the live resources of ours; ``unlisted`` say what could not be looked at.
    """
    allowed: list[Change] = []
    withheld: list[Withheld] = []
    hold_deletes = _delete_guard(
        changes, guards, nothing_desired=nothing_desired, unlisted=unlisted
    )
    hold_updates = _update_guard(changes, guards.max_updates.allowed(owned))
    for change in changes:
        if isinstance(change, Delete):
            hit = _policy_hit(change, guards) or hold_deletes
        elif isinstance(change, Create):
            hit = _policy_hit(change, guards)
        else:
            hit = _policy_hit(change, guards) or hold_updates
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
    enough = next(policy for policy in Policy if isinstance(change, ALLOWED[policy]))
    if isinstance(change, Delete):
        reason = f"it has no manifest, and policy {guards.policy} does not delete"
        return ReasonCode.ORPHAN, f"{reason}: pass --policy {enough} to delete it"
    reason = f"policy {guards.policy} does not allow this {operation_name(change)}"
    return ReasonCode.POLICY, f"{reason}: pass --policy {enough}"


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
