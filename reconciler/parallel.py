"""Runs calls on a bounded pool and returns results in the order asked."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
