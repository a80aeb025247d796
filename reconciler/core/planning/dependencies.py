"""Withholds changes that cannot succeed because of other resources.

A create or update requires the parent and the resources that its spec refers to. A delete requires
that the resource has no children and no referrers.
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
    """Return the keys that must exist for ``change``, the parent first.

    Detached routes are attached again, so the keys that they refer to are included.
    """
    parent = parent_of(change.key)
    attached = (route.attach for route in detached_routes(change))
    references = (
        key for part in (change, *attached) for key in referenced_keys(part.key, part.spec)
    )
    return (*([parent] if parent else []), *references)


def withhold_blocked(
    changes: Iterable[Change], live: LiveState
) -> tuple[list[Change], list[Withheld]]:
    """Return the changes that can be made, and the others as withheld, with reasons."""
    ordered = sorted(changes, key=lambda change: KINDS[change.key.kind].wave)
    if not ordered:
        # Most plans change nothing, so they need no search through all resources.
        return [], []
    possible, withheld = _withhold_waiting(
        [item for item in ordered if not isinstance(item, Delete)], live
    )
    deletes = [item for item in reversed(ordered) if isinstance(item, Delete)]
    unblocked, blocked = _withhold_blocked_deletes(deletes, possible, live)
    return [*possible, *unblocked], [*withheld, *blocked]


def _withhold_waiting(
    upserts: list[Upsert], live: LiveState
) -> tuple[list[Upsert], list[Withheld]]:
    existing = {*live.resources, *live.not_selected}
    possible: list[Upsert] = []
    withheld: list[Withheld] = []
    for change in upserts:
        # If a list could not be read, a key that is missing may exist.
        missing = (
            [] if live.unlisted else [key for key in requirements(change) if key not in existing]
        )
        if missing:
            reason = f"it needs {missing[0]}, which does not exist{_remedy(missing[0])}"
            withheld.append(Withheld(change.key, reason, ReasonCode.WAITING, change.origin, change))
        else:
            existing.add(change.key)
            possible.append(change)
    return possible, withheld


def _remedy(missing: Key) -> str:
    if missing.kind == "mesh" and missing.mesh_owner:
        return f": account {missing.mesh_owner} has to create it and share it with this account"
    return " and is not created by this run"


def _withhold_blocked_deletes(
    deletes: list[Delete], upserts: list[Upsert], live: LiveState
) -> tuple[list[Change], list[Withheld]]:
    remaining = _Referrers(_specs_after(upserts, live))
    unblocked: list[Change] = []
    withheld: list[Withheld] = []
    for delete in deletes:
        referrers = sorted(remaining.of(delete.key))
        if referrers:
            names = shorten_list(referrers, limits.MAX_REFERRERS_LISTED)
            reason = f"it is needed by {names}, which {'is' if len(referrers) == 1 else 'are'} kept"
            withheld.append(Withheld(delete.key, reason, ReasonCode.GUARD, None, delete))
        else:
            remaining.release(delete.key)
            unblocked.append(delete)
    return unblocked, withheld


class _Referrers:
    """The children and referrers of each resource."""

    def __init__(self, specs: Mapping[Key, Spec | None]) -> None:
        self._required = {
            key: tuple(filter(None, (parent_of(key), *referenced_keys(key, spec))))
            for key, spec in specs.items()
        }
        self._referrers: dict[Key, set[Key]] = defaultdict(set)
        for referrer, required in self._required.items():
            for key in required:
                self._referrers[key].add(referrer)

    def of(self, key: Key) -> Collection[Key]:
        return self._referrers[key]

    def release(self, key: Key) -> None:
        for reference in self._required[key]:
            self._referrers[reference].discard(key)


def _specs_after(upserts: list[Upsert], live: LiveState) -> Mapping[Key, Spec | None]:
    """Return the keys that will exist after ``upserts``, with their specs if these are known."""
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
