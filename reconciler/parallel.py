"""Runs calls on a bounded pool and returns results in the order asked."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
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
    """Yield what ``run`` returns, each result as soon as it and those before it are there.

    If the system gives fewer threads, fewer work; if it gives none, the calling thread does.
    """
    work = list(items)
    if workers == 1 or len(work) <= 1:
        yield from map(call, work)
        return
    futures: list[Future[Result]] = [Future() for _ in work]
    waiting: SimpleQueue[tuple[Item, Future[Result]]] = SimpleQueue()
    for pair in zip(work, futures, strict=True):
        waiting.put(pair)

    def take() -> None:
        with suppress(Empty):
            while True:
                _settle(call, *waiting.get_nowait())

    threads: list[Thread] = []
    try:
        _start(threads, take, min(workers, len(work)))
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
    except BaseException as error:  # noqa: BLE001  # raised where the result is asked for
        future.set_exception(error)


def _cancel(futures: "Iterable[Future[Result]]") -> None:
    for future in futures:
        future.cancel()


def _start(threads: list[Thread], work: Callable[[], None], number: int) -> None:
    """Add ``number`` threads that do ``work`` to ``threads``, fewer if the system gives fewer.

    ThreadPoolExecutor.submit raises if a thread cannot be started, after it has queued the call: a
    write may then be made whose outcome is lost.
    """
    for _ in range(number):
        thread = Thread(target=work, name="parallel")
        try:
            thread.start()
        except RuntimeError:
            return
        threads.append(thread)


def both(
    first: Callable[[], Item], second: Callable[[], Result], *, workers: int
) -> tuple[Item, Result]:
    """Return what two calls return, made at the same time where ``workers`` allows it."""
    calls: tuple[Callable[[], Any], ...] = (first, second)
    item, other = run(lambda call: call(), calls, workers=workers)
    return item, other


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
