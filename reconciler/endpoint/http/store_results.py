"""Results of the store, awaited for a limited time."""

import asyncio
from concurrent.futures import Future
from threading import Lock
from typing import TypeVar

from reconciler import limits
from reconciler.endpoint.endpoint_errors import OutcomeUnknownError, StoreFailedError
from reconciler.endpoint.state.store import Written

Outcome = TypeVar("Outcome")


async def read_result(reading: "Future[Outcome]") -> Outcome:
    """Return the result of a read.

    Raises:
        StoreFailedError: The store failed, or did not answer in time.
    """
    if reading.done():  # SQLite reads at once, and the event loop need not run again
        return reading.result()
    try:
        async with asyncio.timeout(limits.STORE_TIMEOUT_SECONDS):
            return await asyncio.wrap_future(reading)
    except TimeoutError:
        raise _too_slow() from None


class WriteResults:
    """Awaits writes in one event loop.

    Writes that share a commit complete together. The loop is woken once for all of them, because
    each wake-up is a system call, and costs the thread of the store the lock of the interpreter.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._completed: list[asyncio.Future[None]] = []

    async def result(self, writing: "Future[Written[Outcome]]") -> Written[Outcome]:
        """Return the result of a write.

        Raises:
            StoreFailedError: The store failed, or had not begun the write in time.
            OutcomeUnknownError: The store did not finish the write in time.
        """
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        writing.add_done_callback(lambda _: self._wake(loop, waiting))
        timer = loop.call_later(limits.STORE_TIMEOUT_SECONDS, _end, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            # Without effect if it is complete, or has begun.
            writing.cancel()
        if writing.cancelled():
            raise _too_slow()
        if not writing.done():
            raise OutcomeUnknownError
        return writing.result()

    def _wake(self, loop: asyncio.AbstractEventLoop, waiting: "asyncio.Future[None]") -> None:
        if loop.is_closed():
            return
        with self._guard:
            self._completed.append(waiting)
            is_first = len(self._completed) == 1
        if is_first:
            loop.call_soon_threadsafe(self._end_completed)

    def _end_completed(self) -> None:
        with self._guard:
            completed, self._completed = self._completed, []
        for waiting in completed:
            _end(waiting)


def _end(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)


def _too_slow() -> StoreFailedError:
    return StoreFailedError("the database does not answer", busy=True)
