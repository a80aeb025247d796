"""A client that sends one request after another, and keeps the version that answered each."""

import http.client
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self

PAUSE_SECONDS = 0.002
RECENT = 300
SETTLED = 50


@dataclass
class Traffic:
    """Requests to one port, as a context."""

    port: int
    host: str = "127.0.0.1"
    requests: int = 0
    failed: int = 0
    recent: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=RECENT))
    """The times at which the last requests began, and the versions that answered."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _answered: threading.Condition = field(default_factory=threading.Condition)
    _connection: http.client.HTTPConnection | None = None

    def __post_init__(self) -> None:
        """Make the thread that `with` starts."""
        self._thread = threading.Thread(target=self._send_all, daemon=True)

    def __enter__(self) -> Self:
        """Begin to send."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End after the answer that is awaited."""
        self._stop.set()
        self._thread.join()

    def answer(self) -> str:
        """Send one request; return the version, or an empty text if it failed."""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
            self._connection.request("GET", "/")
            response = self._connection.getresponse()
            body = response.read().decode("ascii", "replace")
        except (OSError, http.client.HTTPException):
            self._connection = None
            return ""
        return body if response.status == http.client.OK else ""

    def shares(self, since: float = 0.0) -> dict[str, float]:
        """Return the share of each version in the recent requests since a time."""
        with self._answered:
            versions = [name for begun, name in self.recent if begun >= since and name]
        return {name: versions.count(name) / max(len(versions), 1) for name in ("v1", "v2")}

    def first_answer(self, version: str, since: float, seconds: float) -> float | None:
        """Return the time at which the first request since `since` got this version, or None."""

        def found() -> float | None:
            answers = (at for at, name in self.recent if at >= since and name == version)
            return next(answers, None)

        with self._answered:
            self._answered.wait_for(lambda: found() is not None, seconds)
            return found()

    def has_settled(self, version: str, seconds: float) -> bool:
        """Return True as soon as this version answers 50 requests in a row."""

        def settled() -> bool:
            return [name for _, name in self.recent][-SETTLED:] == [version] * SETTLED

        with self._answered:
            return self._answered.wait_for(settled, seconds)

    def _send_all(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            begun = time.monotonic()
            version = self.answer()
            with self._answered:
                self.requests += 1
                self.failed += not version
                self.recent.append((begun, version))
                self._answered.notify_all()
