"""Runs calls in a bounded number of threads and returns the results in order."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(call: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> list[Result]:
    """Return ``call(item)`` for every item, in their order, at most `workers` at a time.

    If calls raise, the first exception in that order is raised. Calls that were not started are
    dropped, and calls that were started are awaited. An interruption does not wait for them.
    """
    return list(stream(call, items, workers=workers))


def stream(
    call: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Iterator[Result]:
    """Yield the results of `run`, each as soon as it and all before it are available.

    If the system refuses threads, fewer are used; without any, the calling thread makes the calls.
    """
    work = list(items)
    if workers == 1 or len(work) <= 1:
        yield from map(call, work)
        return
    futures: list[Future[Result]] = [Future() for _ in work]
    waiting: SimpleQueue[tuple[Item, Future[Result]]] = SimpleQueue()
    for pair in zip(work, futures, strict=True):
        waiting.put(pair)

    def make_waiting_calls() -> None:
        with suppress(Empty):
            while True:
                _settle(call, *waiting.get_nowait())

    threads: list[Thread] = []
    try:
        _start(threads, make_waiting_calls, min(workers, len(work)))
        for item, future in zip(work, futures, strict=True):
            yield future.result() if threads else call(item)
    except Exception:
        _cancel(futures)
        for thread in threads:
            thread.join()
        raise
    finally:
        _cancel(futures)


def _settle(call: Callable[[Item], Result], item: Item, future: "Future[Result]") -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call(item))
    except BaseException as error:  # noqa: BLE001  # future.result() raises it
        future.set_exception(error)


def _cancel(futures: "Iterable[Future[Result]]") -> None:
    for future in futures:
        future.cancel()


def _start(threads: list[Thread], work: Callable[[], None], count: int) -> None:
    """Start `count` threads that run `work`, or as many as the system allows; add to `threads`.

    ThreadPoolExecutor is not used: if a thread cannot be started, its `submit` raises after it has
    queued the call, so a write may be made whose outcome is lost.
    """
    for _ in range(count):
        # Records of the log have the target of the caller.
        thread = Thread(target=copy_context().run, args=(work,), name="parallel")
        try:
            thread.start()
        except RuntimeError:
            return
        threads.append(thread)


def both(
    first: Callable[[], Item], second: Callable[[], Result], *, workers: int
) -> tuple[Item, Result]:
    """Return the results of two calls, made at the same time if `workers` is over 1."""
    calls: tuple[Callable[[], Any], ...] = (first, second)
    first_result, second_result = run(lambda call: call(), calls, workers=workers)
    return first_result, second_result


@contextmanager
def on_one_core() -> Iterator[None]:
    """Run this thread, and the threads that it starts, on one core during the block.

    Only one thread of an interpreter runs at a time, and handing over to another core is slow:
    without this, a thousand reads through the SDK take a fifth longer. Has no effect if the system
    does not support or does not allow it.
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
