"""The receivers of one daemon, and the findings that each was sent."""

from dataclasses import dataclass, field

from reconciler.core.report import Report
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.findings import SentFindings
from reconciler.notify.sender import Sender


@dataclass(slots=True)
class Subscription:
    """One receiver, with the findings that it was sent."""

    sender: Sender
    sent: SentFindings


@dataclass(slots=True)
class Notifier:
    """The receivers of one daemon."""

    _subscriptions: list[Subscription] = field(default_factory=list)

    def notify(self, status: DaemonStatus, report: Report | None, now: float) -> None:
        """Queue the notifications of a cycle, and return at once.

        Args:
            status: The status after the cycle.
            report: The changes of the cycle; None if it did not get that far.
            now: Wall-clock time, in seconds since 1970.
        """
        for subscription in self._subscriptions:
            subscription.sent, notifications = subscription.sent.after(status, report, now)
            for notification in notifications:
                subscription.sender.send(notification)

    def stop(self) -> None:
        """End all senders, after one more try of the notifications that wait."""
        for subscription in self._subscriptions:
            subscription.sender.stop()
