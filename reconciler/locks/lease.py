"""Leases: one of several processes may write as long as it renews its record.

Clocks of different machines are never compared. The holder counts the term from before it writes
the record, the others from after they see the record change. So the lease expires for the holder
before another process can take it over.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import asdict, dataclass, replace
from threading import Event, Thread
from typing import Any, Protocol

from reconciler import limits
from reconciler.core.errors import LockError, LockHeldError
from reconciler.core.state.daemon_status import LeaseStatus

NO_HOLDER = ""
NEVER = float("-inf")

logger = logging.getLogger(__name__)


class LeaseStore(Protocol):
    """Storage of one record. Its methods raise LockError if the storage cannot be used."""

    @property
    def name(self) -> str:
        """Name for messages."""

    def read(self) -> str | None:
        """Return the current record, or None if none was ever written."""

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Replace the record with `after` if it is `before`; return whether it was."""


@dataclass(frozen=True, slots=True)
class StoreContext:
    """Dependencies of a lock store's ``open_store``; a store uses only those that it needs."""

    lease_name: str
    """Name of the lease: equal for competing replicas, different for other owners and targets."""
    open_client: Callable[[str], Any]
    """Returns a boto3 client for a service; it tries each call once."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The content of a store."""

    holder: str = NO_HOLDER
    number: int = 0
    """Number of times that the lease was acquired."""
    renewals: int = 0
    """Number of renewals since it was acquired."""
    term_seconds: float = 0.0

    @classmethod
    def parse(cls, text: str | None) -> "LeaseRecord":
        """Return the record in `text`; None is an empty record.

        Raises:
            ValueError: `text` is not JSON, or the term is out of range.
            TypeError: `text` is not an object with the fields of a record.
        """
        record = cls() if text is None else cls(**json.loads(text))
        numbers = record.number, record.renewals
        if not isinstance(record.holder, str) or not all(type(number) is int for number in numbers):
            raise TypeError(text)
        if not 0 <= record.term_seconds < float("inf"):
            raise ValueError(text)
        return record

    def __str__(self) -> str:
        """Return the text to store."""
        return json.dumps(asdict(self))


class Elector:
    """A process that competes for a lease.

    Attributes:
        store: Storage of the lease record.
        holder: Name of this process; no other process may have it.
        term_seconds: Time after which a lease that is not renewed expires.
        acquired_at: The time by ``monotonic`` since which this process has held the lease without
            a break, or held it last.
    """

    def __init__(
        self,
        store: LeaseStore,
        holder: str,
        term_seconds: float,
        monotonic: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        """Start without the lease; the store is not contacted yet.

        `monotonic` returns seconds, is never set, and counts while the machine sleeps. `now`
        returns the time of day and is used only for display.
        """
        self.store = store
        self.holder = holder
        self.term_seconds = term_seconds
        self._monotonic = monotonic
        self._now = now
        self._observed: tuple[str | None, float] | None = None
        self._expires_at = NEVER
        self.acquired_at = NEVER

    def is_leader(self) -> bool:
        """Return whether this process holds the lease now, without contacting the store."""
        return self._monotonic() < self._expires_at

    def acquire(self, sleep: Callable[[float], object]) -> None:
        """Return when this process holds the lease.

        Raises:
            LockHeldError: another process renews it.
            LockError: the store cannot be used.
        """
        before: str | None = None
        self.renew_or_acquire()
        while not self.is_leader():
            text = self._observed[0] if self._observed else None
            if before is not None and text != before:
                raise LockHeldError(
                    f"{self._parse(text).holder} holds {self.store.name}: "
                    "try again when that process has ended"
                )
            before = text
            sleep(self.term_seconds / limits.RENEWALS_PER_TERM)
            self.renew_or_acquire()

    def renew_or_acquire(self) -> None:
        """Renew the lease if this process holds it, or acquire it if it is free or expired.

        Raises:
            LockError: the store cannot be used. A lease that this process holds then expires.
        """
        requested_at, was_leader = self._monotonic(), self.is_leader()
        text = self.store.read()
        record = self._parse(text)
        if record.holder == self.holder:
            after = replace(record, renewals=record.renewals + 1, term_seconds=self.term_seconds)
        elif record.holder == NO_HOLDER or self._is_expired(text, record):
            after = LeaseRecord(self.holder, record.number + 1, 0, self.term_seconds)
        else:
            self._expires_at = NEVER
            return
        won = self.store.compare_and_swap(text, str(after))
        # Set first, so that a reader never sees the lease with an earlier time.
        if won and not (was_leader and record.holder == self.holder):
            self.acquired_at = self._monotonic()
        self._expires_at = requested_at + self.term_seconds if won else NEVER
        self._observed = (str(after), requested_at) if won else None

    def release(self) -> None:
        """Free the lease if this process holds it, so that another can acquire it at once."""
        if self.is_leader():
            self._expires_at = NEVER
            text = self.store.read()
            record = self._parse(text)
            if record.holder == self.holder:
                self.store.compare_and_swap(text, str(replace(record, holder=NO_HOLDER)))

    def lease(self) -> LeaseStatus:
        """Return the status of the lease as of the last read of the store."""
        text, since = self._observed or (None, self._monotonic())
        record = self._parse(text)
        expires_at = self._now() + since + record.term_seconds - self._monotonic()
        return LeaseStatus(record.holder, self.term_seconds, expires_at)

    def _is_expired(self, text: str | None, record: LeaseRecord) -> bool:
        now = self._monotonic()
        if self._observed is None or self._observed[0] != text:
            self._observed = text, now
        return now - self._observed[1] >= record.term_seconds

    def _parse(self, text: str | None) -> LeaseRecord:
        try:
            return LeaseRecord.parse(text)
        except (ValueError, TypeError):
            raise LockError(
                f"{self.store.name} does not contain a lease: use another lock"
            ) from None


@contextmanager
def keep_renewed(elector: Elector) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether `elector` holds the lease; release it at the end.

    A thread renews or acquires the lease, so that it does not expire during a long call. If that
    thread fails, the yielded function raises its exception.
    """
    stop = Event()
    failures: list[BaseException] = []
    warned = False

    def is_leader() -> bool:
        if failures:
            raise failures[0]
        return elector.is_leader()

    def renew() -> None:
        nonlocal warned
        try:
            elector.renew_or_acquire()
        except LockError as error:
            if not warned:
                logger.warning("%s; this replica writes only until its lease expires", error)
            warned = True
        else:
            warned = False

    def run() -> None:
        try:
            while not stop.wait(elector.term_seconds / limits.RENEWALS_PER_TERM):
                renew()
        except BaseException as error:  # noqa: BLE001  # is_leader raises it in the main thread
            failures.append(error)

    renew()
    try:
        with _running(run, stop):
            yield is_leader
    finally:
        with suppress(LockError):
            elector.release()


@contextmanager
def _running(work: Callable[[], None], stop: Event) -> Iterator[None]:
    """Do ``work``, which ends when ``stop`` is set, in a thread until the block ends."""
    # In the context of this thread, whose target the log records have.
    thread = Thread(target=copy_context().run, args=(work,), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # A renewal that ends after the release would take the lease again, for a process that
        # does not use it.
        thread.join(limits.LOCK_RELEASE_TIMEOUT_SECONDS)
