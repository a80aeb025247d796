"""The contract of the stores of the endpoint. The kinds, tokens, lag and quotas are above it."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from reconciler.endpoint.state.tables import Resource, Scope, Tables

Outcome = TypeVar("Outcome")
Work = Callable[[Tables], Outcome]


@dataclass(frozen=True, slots=True)
class Written(Generic[Outcome]):
    """The result of a committed write."""

    outcome: Outcome
    revision: int
    """The revision of the scope after this write."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All resources of a scope, which are exactly the effect of its writes up to `revision`."""

    revision: int
    resources: tuple[Resource, ...]
    specs: Mapping[str, dict[str, Any]] = field(default_factory=dict, compare=False, repr=False)
    """The specs by their text in the store."""


class Readable(Protocol):
    """A store that can be read."""

    def read(self, work: Work[Outcome]) -> "Future[Outcome]":
        """Run `work` on the committed state.

        The future raises what `work` raises, or StoreFailedError if the state cannot be read.
        """

    def revision(self, scope: Scope) -> int:
        """Return the revision of a scope: the number of committed writes that changed it.

        Raises:
            StoreFailedError: The revision cannot be read.
        """

    def wait(self, scope: Scope, after: int, timeout: float) -> int:
        """Wait until the revision of a scope is higher than `after`, and return the revision.

        After `timeout` seconds, or if the store is closed, return the revision as it is.

        Raises:
            StoreFailedError: The revision cannot be read.
        """

    def snapshot(self, work: Work[Outcome]) -> Outcome:
        """Run `work` in one transaction, so that all its reads see the same writes.

        Raises:
            StoreFailedError: The state cannot be read.
        """

    def read_all(self, scope: Scope, before: Snapshot | None = None) -> Snapshot:
        """Read the resources of a scope and its revision in one transaction.

        Args:
            scope: The scope.
            before: An earlier snapshot, whose specs are used again if they are equal.

        Raises:
            StoreFailedError: The state cannot be read.
        """

    def close(self) -> None:
        """Close the store; the writes that wait are finished."""


class Store(Readable, Protocol):
    """A store that can be read and written."""

    def write(self, scope: Scope | None, work: Work[Outcome]) -> "Future[Written[Outcome]]":
        """Run `work` in a transaction; the future completes when its writes are durable.

        Waiting writes share one commit, but each is atomic on its own. `work` may run more than
        once; only the effect of its last run is kept.

        Args:
            scope: The scope of the resource, or None if the work changes all scopes.
            work: The work. If it raises, nothing is written and the future raises the same error.

        The future raises StoreFailedError if nothing was written, and OutcomeUnknownError if the
        connection was lost during the commit.
        """


class WriteSignal:
    """Wakes the threads that wait for a revision.

    A signal may be missed or come without a write: the revision in the store decides.
    """

    def __init__(self, poll_seconds: float) -> None:
        """Look at the revision every `poll_seconds`, also without a signal."""
        self._poll_seconds = poll_seconds
        self._given = threading.Condition()
        self._count = 0
        self._closed = False

    def give(self) -> None:
        """Wake all waiting threads."""
        with self._given:
            self._count += 1
            self._given.notify_all()

    def close(self) -> None:
        """End all waiting, now and later."""
        self._closed = True
        self.give()

    def wait(self, revision: Callable[[], int], after: int, timeout: float) -> int:
        """Return `revision()` when it is higher than `after`, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self._count
            found = revision()
            left = deadline - time.monotonic()
            if found > after or left <= 0 or self._closed:
                return found
            with self._given:
                self._given.wait_for(lambda: self._count != seen, min(left, self._poll_seconds))  # noqa: B023 - called in this round only


def read_scope(scope: Scope, before: Snapshot | None) -> Work[Snapshot]:
    """Return the work that reads all resources of a scope.

    To parse the specs of a large mesh takes ten times longer than to compare their texts with those
    of `before`.
    """
    known = {} if before is None else before.specs

    def read(tables: Tables) -> Snapshot:
        specs: dict[str, dict[str, Any]] = {}

        def parse(text: str) -> dict[str, Any]:
            if text not in specs:
                specs[text] = known[text] if text in known else json.loads(text)
            return specs[text]

        return Snapshot(tables.revision(scope), tuple(tables.all_of(scope, parse)), specs)

    return read


def completed(work: Callable[[], Outcome]) -> "Future[Outcome]":
    """Return a future with the result or the error of `work`, which runs now."""
    future: Future[Outcome] = Future()
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - raised by the future
        future.set_exception(error)
    return future
