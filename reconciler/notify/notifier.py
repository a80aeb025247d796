"""The receivers of one daemon, and the findings that each was sent."""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from reconciler import limits
from reconciler.core.report import Report
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.findings import SentFindings
from reconciler.notify.sender import Sender

logger = logging.getLogger(__name__)

_Cycle: TypeAlias = tuple[DaemonStatus, Report | None, float]


@dataclass(slots=True)
class Subscription:
    """One receiver, with the findings that it was sent."""

    sender: Sender
    sent: SentFindings


@dataclass(slots=True)
class Notifier:
    """The receivers of one daemon.

    A thread compares each cycle with the one before. For an outage of a thousand resources that
    takes longer than the cycle may wait.
    """

    _subscriptions: list[Subscription] = field(default_factory=list)
    _cycles: "queue.SimpleQueue[_Cycle | None]" = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None

    def notify(self, status: DaemonStatus, report: Report | None, now: float) -> None:
        """Queue the notifications of a cycle, and return at once.

        Args:
            status: The status after the cycle.
            report: The changes of the cycle; None if it did not get that far.
            now: Wall-clock time, in seconds since 1970.
        """
        if not self._subscriptions:
            return
        if self._thread is None:
            # As in parallel; a sender that is started here also has the target in its records.
            work = partial(copy_context().run, self._work)
            self._thread = threading.Thread(target=work, name="findings", daemon=True)
            self._thread.start()
        self._cycles.put((status, report, now))

    def stop(self) -> None:
        """End all senders, after one more try of the notifications that wait."""
        stop_all([self])

    @property
    def senders(self) -> tuple[Sender, ...]:
        """The senders of its receivers."""
        return tuple(subscription.sender for subscription in self._subscriptions)

    def begin_stop(self) -> None:
        """Let the thread end after the cycles that wait."""
        self._cycles.put(None)

    def join(self, until: float) -> None:
        """Wait until the thread has ended, or until a time of the monotonic clock."""
        if self._thread is not None:
            self._thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (cycle := self._cycles.get()) is not None:
            for subscription in self._subscriptions:
                subscription.sent, notifications = subscription.sent.after(*cycle)
                for notification in notifications:
                    subscription.sender.send(notification)


def stop_all(notifiers: Sequence[Notifier]) -> None:
    """End all senders of all notifiers at the same time, so that it takes no longer than one.

    Each tries the notifications that wait once more.
    """
    until = time.monotonic() + limits.NOTIFY_STOP_SECONDS
    for notifier in notifiers:
        notifier.begin_stop()
    for notifier in notifiers:
        notifier.join(until)
    senders = [sender for notifier in notifiers for sender in notifier.senders]
    for sender in senders:
        sender.begin_stop()
    # One receiver may have a sender for each target.
    for name in dict.fromkeys(sender.name for sender in senders if not sender.join(until)):
        logger.warning("notifications to %s were not sent before the end", name)
