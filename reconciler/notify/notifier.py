"""The receivers of one daemon, and the findings that each was sent."""

import queue
import threading
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from reconciler import limits
from reconciler.core.report import Report
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.findings import SentFindings
from reconciler.notify.sender import Sender

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
        if self._thread is not None:
            self._cycles.put(None)
            self._thread.join(limits.NOTIFY_STOP_SECONDS)
        for subscription in self._subscriptions:
            subscription.sender.stop()

    def _work(self) -> None:
        while (cycle := self._cycles.get()) is not None:
            for subscription in self._subscriptions:
                subscription.sent, notifications = subscription.sent.after(*cycle)
                for notification in notifications:
                    subscription.sender.send(notification)
