"""Reads the live resources that match the keys of a command."""

from collections.abc import Sequence

from reconciler import engine, parallel
from reconciler.cli.command import KEY_HINT
from reconciler.cli.progress import read_progress
from reconciler.core.errors import UsageError
from reconciler.core.resources import Key, LiveResource, Unreadable


def read_live(
    target: engine.CommandTarget, patterns: Sequence[str], owner: str, *, workers: int, color: str
) -> list[LiveResource | Unreadable]:
    """Return the live resources that match ``patterns``, sorted by key; all without patterns.

    Raises:
        UsageError: If a pattern matches no live resource.
    """
    with read_progress(target, color=color):
        listed = target.list_keys()
        for pattern in patterns:
            if not any(key.matches(pattern) for key in listed):
                raise UsageError(f"{pattern} matches no live resource{KEY_HINT}")
        keys = {key for key in listed if not patterns or any(map(key.matches, patterns))}
        live = target.read_all(keys, owner)
        found = sorted(keys & live.resources.keys())

        def read_current(key: Key) -> LiveResource | Unreadable:
            # Old tags would be exported, or removed a second time.
            is_stale = key in live.possibly_stale
            return engine.reread(target, key) if is_stale else live.resources[key]

        return parallel.run(read_current, found, workers=workers)
