"""Runs calls on a bounded pool and returns results in the order asked."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(call: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> list[Result]:
    """Return ``call(item)`` for every item, in their order, at most ``workers`` at a time.

    The first exception in that order is raised, after every call that had begun has ended and
    the others were dropped.
    """
    work = list(items)
    if workers == 1 or len(work) == 1:
        return [call(item) for item in work]
    with ThreadPoolExecutor(max_workers=min(workers, max(len(work), 1))) as pool:
        futures = [pool.submit(call, item) for item in work]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
