"""Requests await the writes of a store, some of which complete together, late or never."""

import asyncio
from concurrent.futures import Future
from threading import Thread

import pytest

from reconciler import limits
from reconciler.endpoint.endpoint_errors import OutcomeUnknownError, StoreFailedError
from reconciler.endpoint.http.store_results import WriteResults, read_result
from reconciler.endpoint.state.store import Written


def begun() -> "Future[Written[int]]":
    writing: Future[Written[int]] = Future()
    writing.set_running_or_notify_cancel()
    return writing


def test_writes_that_complete_together_are_all_answered() -> None:
    writes = [begun() for _ in range(50)]

    def complete() -> None:
        for number, writing in enumerate(writes):
            if number % 7:
                writing.set_result(Written(number, number))
            else:
                writing.set_exception(ValueError(number))

    async def answers() -> list[object]:
        results = WriteResults()
        waiting = [asyncio.ensure_future(results.result(writing)) for writing in writes]
        await asyncio.sleep(0)
        store = Thread(target=complete)
        store.start()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        store.join()
        return list(found)

    for number, answer in enumerate(asyncio.run(answers())):
        expected = Written(number, number) if number % 7 else f"ValueError({number})"
        assert (answer if number % 7 else repr(answer)) == expected


def test_a_write_that_began_and_takes_too_long_has_an_unknown_outcome() -> None:
    writing = begun()
    with pytest.raises(OutcomeUnknownError):
        asyncio.run(WriteResults().result(writing))
    # It completes after the loop has ended.
    writing.set_result(Written(1, 1))


def test_a_read_that_takes_too_long_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(StoreFailedError, match="does not answer"):
        asyncio.run(read_result(Future()))
