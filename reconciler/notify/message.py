"""A request to a receiver, and the kinds of receivers that make it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.core.state.findings import Notification


@dataclass(frozen=True, slots=True)
class Request:
    """The POST request that carries a notification."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Receiver(Protocol):
    """Turns notifications into requests."""

    def request(self, notification: Notification) -> Request:
        """Return the request that carries ``notification``."""
