"""What is live, as keys that users type name it."""

from collections.abc import Sequence

from reconciler import engine, parallel
from reconciler.cli.command import KEY_HINT
from reconciler.cli.progress import spinner
from reconciler.core.errors import UsageError
from reconciler.core.resources import Key, LiveResource, Unreadable
from reconciler.targets.appmesh import AppMesh


def read_live(
    target: AppMesh, patterns: Sequence[str], owner: str, *, workers: int
) -> list[LiveResource | Unreadable]:
    """Return what ``patterns`` name, in order of keys; everything where there are none.

    UsageError where one of them names nothing that is live.
    """
    with spinner(f"reading {target.id.url}"):
        listed = target.lister.all_keys()
        for pattern in patterns:
            if not any(key.matches(pattern) for key in listed):
                raise UsageError(f"{pattern} matches no live resource{KEY_HINT}")
        keys = {key for key in listed if not patterns or any(map(key.matches, patterns))}
        live = target.read_all(keys, owner)
        named = sorted(keys & live.resources.keys())

        def seen_now(key: Key) -> LiveResource | Unreadable:
            # Tags that may be old would be written down, or taken off in vain.
            doubtful = key in live.possibly_stale
            return engine.reread(target, key) if doubtful else live.resources[key]

        return parallel.run(seen_now, named, workers=workers)
