"""Which changes cannot be made because of what is not there, or because of what stays.

A resource needs what contains it and what its spec names; a delete needs that nothing stands in
it and nothing names it any more.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from reconciler import limits
from reconciler.core.changes import (
    Adopt,
    Change,
    Create,
    Delete,
    ReasonCode,
    Update,
    Withheld,
    detached_routes,
)
from reconciler.core.kinds import KINDS, parent_of, referenced_keys
from reconciler.core.resources import Key, LiveResource, LiveState, Spec, shorten_list

Upsert: TypeAlias = Create | Update | Adopt


def requirements(change: Upsert) -> tuple[Key, ...]:
    """Return what has to be there for ``change`` to be made, what contains it first.

    What it detaches is attached again, and needs all that it names.
    """
    parent = parent_of(change.key)
    attached = (part.attach for part in detached_routes(change))
    named = (key for part in (change, *attached) for key in referenced_keys(part.key, part.spec))
    return (*([parent] if parent else []), *named)


def withhold_blocked(
    changes: Iterable[Change], live: LiveState
) -> tuple[list[Change], list[Withheld]]:
    """Return the changes that can be made, and those that cannot with the reason of each."""
    ordered = sorted(changes, key=lambda change: KINDS[change.key.kind].wave)
    possible, withheld = _withhold_waiting(
        [item for item in ordered if not isinstance(item, Delete)], live
    )
    deletes = [item for item in reversed(ordered) if isinstance(item, Delete)]
    gone, blocked = _withhold_blocked_deletes(deletes, possible, live)
    return [*possible, *gone], [*withheld, *blocked]


def _withhold_waiting(
    upserts: list[Upsert], live: LiveState
) -> tuple[list[Upsert], list[Withheld]]:
    there = {*live.resources, *live.not_selected}
    kept: list[Upsert] = []
    withheld: list[Withheld] = []
    for change in upserts:
        # While a list is missing, what it would show may be there.
        missing = [] if live.unlisted else [key for key in requirements(change) if key not in there]
        if missing:
            reason = f"it needs {missing[0]}, which is not there and {_remedy(missing[0])}"
            withheld.append(Withheld(change.key, reason, ReasonCode.WAITING, change.origin, change))
        else:
            there.add(change.key)
            kept.append(change)
    return kept, withheld


def _remedy(missing: Key) -> str:
    if missing.kind == "mesh" and missing.mesh_owner:
        return f"has to be created, and shared with this account, by account {missing.mesh_owner}"
    return "is not created by this run"


def _withhold_blocked_deletes(
    deletes: list[Delete], upserts: list[Upsert], live: LiveState
) -> tuple[list[Change], list[Withheld]]:
    hold = _Referrers(_specs_after(upserts, live))
    gone: list[Change] = []
    withheld: list[Withheld] = []
    for delete in deletes:
        holders = sorted(hold.of(delete.key))
        if holders:
            stay = "stays" if len(holders) == 1 else "stay"
            reason = f"{shorten_list(holders, limits.MAX_REFERRERS_LISTED)} {stay}, and would be without it"
            withheld.append(Withheld(delete.key, reason, ReasonCode.GUARD, None, delete))
        else:
            hold.release(delete.key)
            gone.append(delete)
    return gone, withheld


class _Referrers:
    """Who holds whom: what stands in a resource holds it, and what names it."""

    def __init__(self, specs: Mapping[Key, Spec | None]) -> None:
        self._held = {
            key: tuple(filter(None, (parent_of(key), *referenced_keys(key, spec))))
            for key, spec in specs.items()
        }
        self._holders: dict[Key, set[Key]] = defaultdict(set)
        for referrer, required in self._held.items():
            for key in required:
                self._holders[key].add(referrer)

    def of(self, key: Key) -> Collection[Key]:
        return self._holders[key]

    def release(self, key: Key) -> None:
        for reference in self._held[key]:
            self._holders[reference].discard(key)


def _specs_after(upserts: list[Upsert], live: LiveState) -> Mapping[Key, Spec | None]:
    """Return what there will be, each with the spec that it will have, as far as that is seen."""
    after: dict[Key, Spec | None] = dict.fromkeys(live.not_selected)
    after |= {
        key: resource.spec if isinstance(resource, LiveResource) else None
        for key, resource in live.resources.items()
    }
    written = (
        change
        for upsert in upserts
        for change in (upsert, *(route.attach for route in detached_routes(upsert)))
    )
    return after | {
        change.key: change.spec
        for change in written
        if change.spec is not None or change.key not in after
    }
