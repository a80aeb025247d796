"""The effects of a plan on traffic: how requests are answered before and after it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from reconciler import limits
from reconciler.core.changes import Change, Create, Delete, detached_routes
from reconciler.core.reachability.effects import effects
from reconciler.core.reachability.model import Reachability
from reconciler.core.resources import Key, LiveResource, Spec, Unlisted, Unreadable


def traffic_by_change(
    changes: Collection[Change],
    live: Iterable[LiveResource | Unreadable],
    not_read: Iterable[Key],
    unlisted: Iterable[Unlisted],
) -> Mapping[str, tuple[str, ...]]:
    """Return the effects of each change on traffic, by the key of the change.

    Changes in a mesh of which a list could not be read have none.

    Args:
        changes: The changes of the plan.
        live: The live resources that were read.
        not_read: Keys of live resources that were not read.
        unlisted: Lists that could not be read.
    """
    incomplete = {it.parent.mesh for it in unlisted}
    changed = {
        key: change
        for change in changes
        for key, _ in _specs_after(change)
        if key.mesh not in incomplete
    }
    meshes = {key.mesh for key in changed}
    known: dict[Key, Spec | None] = dict.fromkeys(not_read)
    known |= {item.key: item.spec if isinstance(item, LiveResource) else None for item in live}
    before = {key: spec for key, spec in known.items() if key.mesh in meshes}
    after = dict(before)
    for change in changed.values():
        for key, spec in _specs_after(change):
            if spec is None:
                after.pop(key, None)
            else:
                after[key] = spec
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for cause, text in effects(Reachability(before), Reachability(after), changed.keys()):
        found[str(changed[cause].key)][text] = None
    return {key: _shortened([*texts]) for key, texts in sorted(found.items())}


def _specs_after(change: Change) -> Iterator[tuple[Key, Spec | None]]:
    """Yield the keys whose spec a change replaces, each with its new spec; None deletes it."""
    if isinstance(change, Delete):
        yield change.key, None
    elif isinstance(change, Create):
        yield change.key, change.spec or {}
    elif change.spec is not None:
        yield change.key, change.spec
    for route in detached_routes(change):
        yield route.attach.key, route.attach.spec or {}


def _shortened(texts: list[str]) -> tuple[str, ...]:
    rest = len(texts) - limits.MAX_EFFECTS_LISTED
    if rest <= 0:
        return tuple(texts)
    return (*texts[: limits.MAX_EFFECTS_LISTED], f"and {rest} more effects on traffic")
