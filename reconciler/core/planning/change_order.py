"""The order of changes: parents first, and deletes after everything that refers to the resource.

It is not documented whether a service that is a backend of a node can be deleted, so a node is
deleted before the services that are its backends. If nodes and services refer to each other in a
cycle, the nodes are updated first to drop the service from their backends.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from reconciler.core.changes import Change, Delete, Difference, Unlinked
from reconciler.core.kinds import KINDS, mentioned_by, parent_of, referenced_keys, without_mentions
from reconciler.core.resources import Key


def order_changes(changes: Iterable[Change], before_parent: Collection[Key]) -> tuple[Change, ...]:
    """Return creates and updates with parents first, then deletes with children first.

    Changes of ``before_parent``, deletes included, come right before the change of their parent.
    """
    writes: list[Change] = []
    deletes: list[Delete] = []
    for change in changes:
        if isinstance(change, Delete) and change.key not in before_parent:
            deletes.append(change)
        else:
            writes.append(change)
    writes.sort(key=lambda change: _sort_key(change.key, before_parent))
    return (*writes, *order_deletes(deletes))


def _sort_key(key: Key, before_parent: Collection[Key]) -> tuple[float, Key]:
    parent = parent_of(key)
    if key in before_parent and parent is not None:
        return KINDS[parent.kind].wave - 0.5, key
    return KINDS[key.kind].wave, key


def order_deletes(deletes: Collection[Delete]) -> list[Delete]:
    """Return ``deletes`` in a safe order, grouped by kind if possible.

    Deletes in a cycle have the updates that break it in ``unlinked``.
    """
    by_depth = sorted(deletes, key=lambda delete: (-KINDS[delete.key.kind].wave, delete.key))
    remaining = {delete.key: delete for delete in by_depth}
    ordered: list[Delete] = []
    while remaining:
        blockers = _blockers(remaining)
        free = [key for key in remaining if key not in blockers]
        if free:
            ordered += [remaining.pop(key) for key in free if key.kind == free[0].kind]
        else:
            ordered.append(_break_cycle(remaining, blockers))
    return ordered


def _blockers(remaining: Mapping[Key, Delete]) -> Mapping[Key, list[Key]]:
    """Return for each key the keys to delete before it, without an entry if there are none."""
    blockers: dict[Key, list[Key]] = defaultdict(list)
    for key, delete in remaining.items():
        spec = delete.before.spec
        for blocked in (parent_of(key), *referenced_keys(key, spec), *mentioned_by(key, spec)):
            if blocked is not None and blocked in remaining:
                blockers[blocked].append(key)
    return dict(blockers)


def _break_cycle(remaining: dict[Key, Delete], blockers: Mapping[Key, list[Key]]) -> Delete:
    """Remove one delete of a cycle and return it with the updates that make it possible."""
    referrers = {
        key: [
            referrer
            for referrer in blockers[key]
            if key in mentioned_by(referrer, remaining[referrer].before.spec)
        ]
        for key in _find_cycle(blockers)
    }
    freed = min((key for key in referrers if referrers[key]), key=lambda key: len(referrers[key]))
    nodes = tuple(_unlink(remaining[key], remaining) for key in referrers[freed])
    for node in nodes:
        key = node.before.key
        remaining[key] = replace(remaining[key], before=node.after)
    return replace(remaining.pop(freed), unlinked=nodes)


def _find_cycle(blockers: Mapping[Key, list[Key]]) -> list[Key]:
    """Return keys of which each is blocked by the next one, and the last by the first."""
    path: list[Key] = []
    key = min(blockers)
    while key not in path:
        path.append(key)
        key = blockers[key][0]
    return sorted(path[path.index(key) :])


def _unlink(delete: Delete, remaining: Mapping[Key, Delete]) -> Unlinked:
    """Return the update after which a node mentions none of the keys in ``remaining``."""
    before = delete.before
    spec = without_mentions(before.key, before.spec, remaining.keys())
    return Unlinked(before, spec, Difference({"spec": before.spec}, {"spec": spec}))
