"""Who of several may write: whoever's name stands in a record that he renews all the time.

No two clocks are compared. The holder counts his term from before he asked for it, the others
from after they saw the record move, so his is over before anybody may take the record over.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from threading import Event, Thread
from typing import Protocol

from reconciler.core.errors import LockError, LockHeldError
from reconciler.core.state.daemon_status import LeaseStatus

# Of a holder who is gone the record is last seen to move within one step, is over a term later,
# and is taken at the step after: within two terms where three steps make one.
RENEWALS_PER_TERM = 3
NO_HOLDER = ""
NEVER = float("-inf")

logger = logging.getLogger(__name__)


class LeaseStore(Protocol):
    """Where one record is kept. Its calls raise ``LockError`` where that cannot be reached."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    def read(self) -> str | None:
        """Return the record as it is now; None where there never was one."""

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Put ``after`` in the place of ``before`` and of nothing else; whether it was there."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """Whose lease it is, its number since the first one, and how often it was renewed."""

    holder: str = NO_HOLDER
    number: int = 0
    renewals: int = 0
    term_seconds: float = 0.0

    @classmethod
    def parse(cls, text: str | None) -> "LeaseRecord":
        """Return what ``text`` says; ValueError or TypeError where it is no record."""
        record = cls() if text is None else cls(**json.loads(text))
        numbers = record.number, record.renewals
        if not isinstance(record.holder, str) or not all(type(number) is int for number in numbers):
            raise TypeError(text)
        if not 0 <= record.term_seconds < float("inf"):
            raise ValueError(text)
        return record

    def __str__(self) -> str:
        """Return the text that is kept."""
        return json.dumps(asdict(self))


class Elector:
    """One of those who would write; ``holder`` is a name that no other one has.

    ``clock`` is in seconds, is never set, and goes on while the machine sleeps; the one on the
    ``wall`` is for people.
    """

    def __init__(
        self,
        store: LeaseStore,
        holder: str,
        term_seconds: float,
        monotonic: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        """Stand by; nothing is asked yet."""
        self.store = store
        self.holder = holder
        self.term_seconds = term_seconds
        self._monotonic = monotonic
        self._now = now
        self._observed: tuple[str | None, float] | None = None
        self._until = NEVER

    def is_leader(self) -> bool:
        """Whether the lease is ours at this moment; asks nobody."""
        return self._monotonic() < self._until

    def acquire(self, sleep: Callable[[float], object]) -> None:
        """Return once the lease is ours; HeldError where somebody else renews it."""
        before: str | None = None
        self.renew_or_acquire()
        while not self.is_leader():
            text = self._observed[0] if self._observed else None
            if before is not None and text != before:
                raise LockHeldError(
                    f"{self._parsed(text).holder} holds {self.store.name}: "
                    "try again when that process has ended"
                )
            before = text
            sleep(self.term_seconds / RENEWALS_PER_TERM)
            self.renew_or_acquire()

    def renew_or_acquire(self) -> None:
        """Renew the lease that is ours, take over one that nobody renews, or look on.

        LockError where the store cannot be reached: a lease that is ours then runs out by itself.
        """
        asked_at = self._monotonic()
        text = self.store.read()
        record = self._parsed(text)
        if record.holder == self.holder:
            after = replace(record, renewals=record.renewals + 1, term_seconds=self.term_seconds)
        elif record.holder == NO_HOLDER or self._is_over(text, record):
            after = LeaseRecord(self.holder, record.number + 1, 0, self.term_seconds)
        else:
            self._until = NEVER
            return
        won = self.store.compare_and_swap(text, str(after))
        self._until = asked_at + self.term_seconds if won else NEVER
        self._observed = (str(after), asked_at) if won else None

    def release(self) -> None:
        """Let others have the lease at once, where it is ours."""
        if self.is_leader():
            self._until = NEVER
            text = self.store.read()
            record = self._parsed(text)
            if record.holder == self.holder:
                self.store.compare_and_swap(text, str(replace(record, holder=NO_HOLDER)))

    def lease(self) -> LeaseStatus:
        """Return whose lease it is, as far as was seen."""
        text, since = self._observed or (None, self._monotonic())
        record = self._parsed(text)
        expires_at = self._now() + since + record.term_seconds - self._monotonic()
        return LeaseStatus(record.holder, self.term_seconds, expires_at)

    def _is_over(self, text: str | None, record: LeaseRecord) -> bool:
        now = self._monotonic()
        if self._observed is None or self._observed[0] != text:
            self._observed = text, now
        return now - self._observed[1] >= record.term_seconds

    def _parsed(self, text: str | None) -> LeaseRecord:
        try:
            return LeaseRecord.parse(text)
        except (ValueError, TypeError):
            raise LockError(
                f"{self.store.name} does not contain a lease: use another lock"
            ) from None


@contextmanager
def keep_renewed(elector: Elector) -> Iterator[Callable[[], bool]]:
    """Yield whether the lease is ours at the moment of asking; it is let go when the block ends.

    A thread renews it, or waits for it: calls under way must not let it run out. What ended that
    thread is raised where it is asked.
    """
    ending = Event()
    failures: list[BaseException] = []
    complained = False

    def leads() -> bool:
        if failures:
            raise failures[0]
        return elector.is_leader()

    def step() -> None:
        nonlocal complained
        try:
            elector.renew_or_acquire()
        except LockError as error:
            if not complained:
                logger.warning("%s; this replica writes only until its lease expires", error)
            complained = True
        else:
            complained = False

    def run() -> None:
        try:
            while not ending.wait(elector.term_seconds / RENEWALS_PER_TERM):
                step()
        except BaseException as error:  # noqa: BLE001  # the loop raises it, where it is heard
            failures.append(error)

    step()
    try:
        Thread(target=run, name="lease", daemon=True).start()
        yield leads
    finally:
        ending.set()
        with suppress(LockError):
            elector.release()
