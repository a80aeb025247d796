"""The order of deletes: a resource goes after everything that names it, is in it or mentions it.

Whether a backend keeps a service from being deleted is not documented, so a node goes before the
services that are its backends. Nodes and services that name each other in a circle have no such
order: there the nodes are updated first, so that the service is not a backend any more.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from reconciler.core.changes import Delete, Difference, Unlinked
from reconciler.core.kinds import KINDS, mentioned_by, parent_of, referenced_keys, without_mentions
from reconciler.core.resources import Key


def in_order(deletes: Collection[Delete]) -> list[Delete]:
    """Return ``deletes`` in the order in which they are made, kind by kind as far as possible."""
    by_depth = sorted(deletes, key=lambda delete: (-KINDS[delete.key.kind].wave, delete.key))
    left = {delete.key: delete for delete in by_depth}
    ordered: list[Delete] = []
    while left:
        holders = _holders(left)
        free = [key for key in left if key not in holders]
        if free:
            ordered += [left.pop(key) for key in free if key.kind == free[0].kind]
        else:
            ordered.append(_free_one(left, holders))
    return ordered


def _holders(left: Mapping[Key, Delete]) -> Mapping[Key, list[Key]]:
    """Return for each key in ``left`` the keys to delete before it; no entry if there are none."""
    holders: dict[Key, list[Key]] = defaultdict(list)
    for key, delete in left.items():
        spec = delete.before.spec
        for withheld in (parent_of(key), *referenced_keys(key, spec), *mentioned_by(key, spec)):
            if withheld is not None and withheld in left:
                holders[withheld].append(key)
    return dict(holders)


def _free_one(left: dict[Key, Delete], holders: Mapping[Key, list[Key]]) -> Delete:
    """Take one delete out of a circle, with the updates that free what it deletes."""
    referrers = {
        key: [item for item in holders[key] if key in mentioned_by(item, left[item].before.spec)]
        for key in _circle(holders)
    }
    freed = min((key for key in referrers if referrers[key]), key=lambda item: len(referrers[item]))
    links = tuple(_unlink(left[key], left) for key in referrers[freed])
    for link in links:
        left[link.before.key] = replace(left[link.before.key], before=link.after)
    return replace(left.pop(freed), unlinked=links)


def _circle(holders: Mapping[Key, list[Key]]) -> list[Key]:
    """Return resources of which each is held by the next one, and the last by the first."""
    path: list[Key] = []
    key = min(holders)
    while key not in path:
        path.append(key)
        key = holders[key][0]
    return sorted(path[path.index(key) :])


def _unlink(delete: Delete, left: Mapping[Key, Delete]) -> Unlinked:
    """Return the update after which a node mentions none of the keys in ``left``."""
    before = delete.before
    spec = without_mentions(before.key, before.spec, left.keys())
    return Unlinked(before, spec, Difference({"spec": before.spec}, {"spec": spec}))
