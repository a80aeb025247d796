"""The lock of a run, for --lock."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from reconciler.cli.command import Invocation
from reconciler.cli.progress import spinner
from reconciler.cli.run_context import resolve_target
from reconciler.core.resources import TargetId
from reconciler.locks.lease import Elector, keep_renewed
from reconciler.targets.session import Sessions
from reconciler.wiring.locks import open_lock


@contextmanager
def hold_lock(invocation: Invocation, target: TargetId, owner: str) -> Iterator[Callable[[], bool]]:
    """Take the lock, if --lock is set, and yield a function that returns whether it is still held.

    A lost lock is not taken again by the same run, because that run may have skipped changes.

    Raises:
        LockHeldError: If another run holds the lock.
    """
    elector = make_elector(invocation, target, owner)
    if elector is None:
        yield lambda: True
        return
    with spinner(f"waiting for {elector.store.name}", color=invocation["color"]):
        elector.acquire(time.sleep)
    with keep_renewed(elector) as is_leader:
        is_held = True

        def may_write() -> bool:
            nonlocal is_held
            is_held = is_held and is_leader()
            return is_held

        yield may_write


def make_elector(
    invocation: Invocation,
    target: TargetId,
    owner: str,
    sessions: Sessions | None = None,
    holder: str | None = None,
) -> Elector | None:
    """Return an elector for the lock of --lock, or None if it is not set.

    ``sessions`` are shared with other targets, and ``holder`` is the name of this process for all.
    """
    if not invocation["lock"]:
        return None
    config = replace(resolve_target(invocation, needs_owner=False), owner=owner)
    term_seconds = invocation["lock_term"]
    return open_lock(
        invocation["lock"], term_seconds, config, target, sessions=sessions, holder=holder
    )
