"""Results of the store, awaited for a limited time."""

import asyncio
from concurrent.futures import Future
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


async def write_result(writing: "Future[Written[Outcome]]") -> Written[Outcome]:
    """Return the result of a write.

    Raises:
        StoreFailedError: The store failed, or had not begun the write in time.
        OutcomeUnknownError: The store did not finish the write in time.
    """
    try:
        async with asyncio.timeout(limits.STORE_TIMEOUT_SECONDS):
            return await asyncio.wrap_future(writing)
    except TimeoutError:
        if writing.cancelled():
            raise _too_slow() from None
        raise OutcomeUnknownError from None


def _too_slow() -> StoreFailedError:
    return StoreFailedError("the database does not answer", busy=True)
