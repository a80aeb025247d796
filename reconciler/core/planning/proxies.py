"""Finds the proxies whose configuration depends on a resource, by the references between specs.

The proxy of a node depends on its backends, and that of a gateway on its routes: on the service,
its provider, and the routes of a router with their targets. A target is called, so its own backends
do not count.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from reconciler.core.changes import Change, Create, Delete, Withheld
from reconciler.core.kinds import PROXY_KINDS, called_services, parent_of, referenced_keys
from reconciler.core.resources import Desired, Key, LiveResource, Spec, Unreadable


def proxies_by_change(
    changes: Iterable[Change | Withheld],
    desired: Iterable[Desired],
    live: Iterable[LiveResource | Unreadable],
) -> Mapping[str, tuple[str, ...]]:
    """Return the keys of the proxies that each change concerns, by the key of the change.

    A proxy may depend on a resource before the change, after it, or both. Proxies are found by the
    resources in ``desired`` and ``live`` only.
    """
    keys = [key for change in changes if (key := _changed_key(change))]
    if not keys:
        return {}
    specs = [
        *((item.key, item.spec) for item in desired),
        *((item.key, item.spec) for item in live if isinstance(item, LiveResource)),
    ]
    dependents = _Dependents(specs)
    return {str(key): tuple(sorted(map(str, dependents.proxies_of(key)))) for key in keys}


def _changed_key(change: Change | Withheld) -> Key | None:
    """Return the key of a change, or None if only tags or protection change."""
    if isinstance(change, Withheld):
        return _changed_key(change.change) if change.change else None
    if isinstance(change, Create | Delete):
        return change.key
    return change.key if change.spec is not None else None


class _Dependents:
    """The resources that depend on each resource: they refer to it or contain it."""

    def __init__(self, specs: Iterable[tuple[Key, Spec | None]]) -> None:
        self._dependents: defaultdict[Key, set[Key]] = defaultdict(set)
        self._found: dict[Key, frozenset[Key]] = {}
        for key, spec in specs:
            for referenced in referenced_keys(key, spec):
                self._dependents[referenced].add(key)
            for called in called_services(key, spec):
                self._dependents[called].add(key)
            parent = parent_of(key)
            if parent and parent.kind != "mesh":
                self._dependents[key].add(parent)
            elif parent and key.kind in PROXY_KINDS:
                self._dependents[parent].add(key)

    def proxies_of(self, key: Key) -> frozenset[Key]:
        """Return the proxies that depend on ``key``."""
        if key not in self._found:
            own = {key} if key.kind in PROXY_KINDS else set()
            self._found[key] = frozenset(own).union(
                *map(self._proxies_beyond, self._dependents.get(key, ()))
            )
        return self._found[key]

    def _proxies_beyond(self, dependent: Key) -> frozenset[Key]:
        is_proxy = dependent.kind in PROXY_KINDS
        return frozenset({dependent}) if is_proxy else self.proxies_of(dependent)
