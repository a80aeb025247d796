"""Plans that adopt or release resources, which changes their owner tag."""

from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.changes import (
    Adopt,
    Cause,
    Change,
    Create,
    Difference,
    ReasonCode,
    Update,
    Withheld,
)
from reconciler.core.diff import split_pointer
from reconciler.core.planning.guards import GuardSettings, Policy, apply_guards
from reconciler.core.planning.last_applied import is_protected, user_tags
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.verdicts import view
from reconciler.core.resources import (
    OWNER_TAG,
    Key,
    LiveResource,
    TargetId,
    Unreadable,
    describe_owner,
)

NO_LIVE_DIFFERENCE = (["tags", OWNER_TAG], ["protect"])


def plan_adoption(plan: Plan, *, accept_changes: bool) -> Plan:
    """Return the part of ``plan`` that adopts live resources.

    Changes of owned resources are withheld, and creates are left out.

    Args:
        plan: A plan with all changes.
        accept_changes: Also adopt resources whose spec or tags then change.
    """
    absent = keys_to_create(plan)
    verdicts = [
        _adoption_verdict(verdict, accept_changes=accept_changes)
        for verdict in (*plan.changes, *plan.withheld)
        if verdict.key not in absent
    ]
    return replace(
        plan,
        changes=tuple(verdict for verdict in verdicts if isinstance(verdict, Adopt)),
        withheld=_sort(verdict for verdict in verdicts if isinstance(verdict, Withheld)),
    )


def keys_to_create(plan: Plan) -> frozenset[Key]:
    """Return the keys that do not exist, including those whose create is withheld."""
    withheld = (withheld.change for withheld in plan.withheld)
    changes = (*plan.changes, *withheld)
    return frozenset(change.key for change in changes if isinstance(change, Create))


def plan_release(
    target: TargetId, owner: str, live: Iterable[LiveResource | Unreadable], policy: Policy
) -> Plan:
    """Return the plan that removes the tags of mesh-reconciler from ``live``, and nothing else."""
    verdicts = [_release_verdict(resource, owner) for resource in live]
    allowed, withheld_by_guards = apply_guards(
        [verdict for verdict in verdicts if isinstance(verdict, Update)],
        GuardSettings(policy),
        owned=0,
        nothing_desired=False,
        unlisted=(),
    )
    not_owned = [verdict for verdict in verdicts if isinstance(verdict, Withheld)]
    return Plan(target, owner, tuple(allowed), (), _sort(not_owned + withheld_by_guards))


def _adoption_verdict(change: Change | Withheld, *, accept_changes: bool) -> Adopt | Withheld:
    if isinstance(change, Withheld):
        return change
    if not isinstance(change, Adopt):
        reason = "it is already owned by this id: run apply to change it"
        return Withheld(change.key, reason, ReasonCode.POLICY, change.origin, change)
    paths = (split_pointer(field.pointer) for field in change.difference.fields)
    fields = [".".join(path) for path in paths if path not in NO_LIVE_DIFFERENCE]
    if accept_changes or not fields:
        return change
    reason = (
        f"its manifest differs from the live resource in {', '.join(fields)}: run export to write "
        "the live values, or pass --accept-changes to apply the manifest"
    )
    return Withheld(change.key, reason, ReasonCode.GUARD, change.origin, change)


def _release_verdict(live: LiveResource | Unreadable, owner: str) -> Update | Withheld:
    if isinstance(live, Unreadable):
        return Withheld(live.key, live.message, ReasonCode.UNREADABLE)
    if live.owner != owner:
        reason = f"it is {describe_owner(live.owner)}; only resources owned by {owner} are released"
        return Withheld(live.key, reason, ReasonCode.FOREIGN)
    tags = user_tags(live.tags)
    before = view(None, live.tags, protect=is_protected(live.tags))
    difference = Difference(before, view(None, tags, protect=False))
    return Update(live.key, live, None, tags, None, difference, Cause.RELEASED)


def _sort(withheld: Iterable[Withheld]) -> tuple[Withheld, ...]:
    return tuple(sorted(withheld, key=lambda item: item.key))
