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
    restraint: GuardSettings,
    *,
    owned: int,
    nothing_desired: bool,
    gaps: Sequence[str],
) -> tuple[list[Change], list[Withheld]]:
    """Return the changes that may be made, and those that may not with the reason of each.

    ``owned`` counts the live resources of ours; ``gaps`` say what could not be looked at.
    """
    allowed: list[Change] = []
    withheld: list[Withheld] = []
    hold_deletes = _delete_guard(changes, restraint, nothing_desired=nothing_desired, gaps=gaps)
    hold_updates = _update_guard(changes, restraint.max_updates.allowed(owned))
    for change in changes:
        if isinstance(change, Delete):
            refusal = _policy_hit(change, restraint) or hold_deletes
        elif isinstance(change, Create):
            refusal = _policy_hit(change, restraint)
        else:
            refusal = _policy_hit(change, restraint) or hold_updates
        if refusal is None:
            allowed.append(change)
        else:
            reason, why = refusal
            withheld.append(Withheld(change.key, why, reason, change.origin, change))
    return allowed, withheld


GuardHit = tuple[ReasonCode, str]


def _policy_hit(change: Change, restraint: GuardSettings) -> GuardHit | None:
    if isinstance(change, ALLOWED[restraint.policy]):
        return None
    enough = next(policy for policy in Policy if isinstance(change, ALLOWED[policy]))
    if isinstance(change, Delete):
        why = f"no manifest asks for it; policy {restraint.policy} deletes nothing"
        return ReasonCode.ORPHAN, f"{why}: pass --policy {enough} to delete it"
    why = f"policy {restraint.policy} allows no {operation_name(change)}"
    return ReasonCode.POLICY, f"{why}: pass --policy {enough}"


def _delete_guard(
    changes: Sequence[Change],
    restraint: GuardSettings,
    *,
    nothing_desired: bool,
    gaps: Sequence[str],
) -> GuardHit | None:
    deletes = sum(isinstance(change, Delete) for change in changes)
    if restraint.incomplete_reason is not None:
        return ReasonCode.ORPHAN, f"nothing is deleted because {restraint.incomplete_reason}"
    if gaps:
        return ReasonCode.GUARD, f"nothing is deleted because {gaps[0]}"
    causes, options = [], []
    if nothing_desired and not restraint.allow_empty:
        causes.append("no manifest was found")
        options.append("--allow-empty")
    if deletes > restraint.max_deletes:
        causes.append(f"{deletes} deletes are over --max-deletes {restraint.max_deletes}")
        options.append(f"--max-deletes {deletes}")
    if not causes:
        return None
    why = f"{' and '.join(causes)}, so nothing is deleted: pass {' '.join(options)}"
    return ReasonCode.GUARD, why


def _update_guard(changes: Sequence[Change], limit: int | None) -> GuardHit | None:
    updates = sum(isinstance(change, Update | Adopt) for change in changes)
    if limit is None or updates <= limit:
        return None
    why = f"{updates} updates are over --max-updates, which allows {limit} here"
    return ReasonCode.GUARD, f"{why}, so nothing is updated: pass --max-updates {updates}"
