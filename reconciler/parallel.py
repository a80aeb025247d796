"""Runs calls on a bounded pool and returns results in the order asked."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(call: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> list[Result]:
    """Return ``call(item)`` for every item, in their order, at most ``workers`` at a time.

    The first exception in that order is raised, after every call that had begun has ended and
    the others were dropped; an interruption waits for none of them.
    """
    return list(stream(call, items, workers=workers))


def stream(
    call: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Iterator[Result]:
    """Yield what ``run`` returns, each result as soon as it and those before it are there."""
    work = list(items)
    if workers == 1 or len(work) <= 1:
        yield from map(call, work)
        return
    pool = ThreadPoolExecutor(max_workers=min(workers, len(work)))
    try:
        futures = [pool.submit(call, item) for item in work]
        for future in futures:
            yield future.result()
    except Exception:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def both(
    first: Callable[[], Item], second: Callable[[], Result], *, workers: int
) -> tuple[Item, Result]:
    """Return what two calls return, made at the same time where ``workers`` allows it."""
    calls: tuple[Callable[[], Any], ...] = (first, second)
    one, other = run(lambda call: call(), calls, workers=workers)
    return one, other


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this thread, and those that it starts, on one core as long as the block lasts.

    The threads of an interpreter run by turns, and to pass a turn to another core takes longer than
    many a turn: off one core, a thousand reads through the SDK take a fifth longer. It does nothing
    where the system has no such wish, or grants none.
    """
    try:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {sorted(before)[os.getpid() % len(before)]})
    except (AttributeError, OSError):
        before = None
    try:
        yield
    finally:
        if before is not None:
            os.sched_setaffinity(0, before)
