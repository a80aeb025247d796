"""Sends requests in a thread of its own, with retries, from a bounded queue.

A receiver that hangs or fails delays no cycle, and no other receiver.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import urllib3

from reconciler import limits
from reconciler.core.errors import ReconcilerError
from reconciler.core.state.findings import Notification
from reconciler.known_secrets import shown
from reconciler.network_errors import connection_advice
from reconciler.notify.message import Receiver, Request
from reconciler.sockets import end_calls

logger = logging.getLogger(__name__)

SENT, DROPPED = "sent", "dropped"


class NotifyError(ReconcilerError):
    """A receiver did not accept a notification."""


@dataclass(slots=True)
class Sender:
    """The queue and the thread of one receiver.

    Attributes:
        name: The name of the receiver, for messages.
        on_result: Called with SENT or DROPPED for each notification.
        retry_delays: Seconds before each further try.
        timeout_seconds: Time for a connection, and for a response.
    """

    name: str
    receiver: Receiver
    on_result: Callable[[str], None] = lambda _: None
    retry_delays: Sequence[float] = limits.NOTIFY_RETRY_DELAYS_SECONDS
    timeout_seconds: float = limits.NOTIFY_TIMEOUT_SECONDS
    _waiting: "queue.Queue[Notification | None]" = field(
        default_factory=lambda: queue.Queue(limits.NOTIFY_QUEUE)
    )
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _is_failing: bool = False

    def send(self, notification: Notification) -> None:
        """Queue ``notification``, and return at once. A full queue drops it, which is counted."""
        if self._thread is None:
            # In the context of this thread, whose target the log records have.
            work = partial(copy_context().run, self._work)
            self._thread = threading.Thread(target=work, name="notify", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(notification)
        except queue.Full:
            self._drop(f"{limits.NOTIFY_QUEUE} notifications are waiting")

    def begin_stop(self) -> None:
        """Let the thread try each waiting notification once more, and end."""
        self._stopping.set()
        # A full queue wakes the thread by itself.
        with suppress(queue.Full):
            self._waiting.put_nowait(None)

    def join(self, until: float) -> bool:
        """Wait until a time of the monotonic clock, and return whether the thread has ended."""
        if self._thread is None:
            return True
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (notification := self._waiting.get()) is not None:
            self._deliver(self.receiver.request(notification))
            if self._stopping.is_set() and self._waiting.empty():
                return

    def _deliver(self, request: Request) -> None:
        for delay in (*self.retry_delays, None):
            try:
                post(request, self.timeout_seconds)
            except NotifyError as error:
                if delay is None or self._stopping.wait(delay):
                    self._drop(str(error))
                    return
            else:
                self._is_failing = False
                self.on_result(SENT)
                return

    def _drop(self, reason: str) -> None:
        self.on_result(DROPPED)
        if not self._is_failing:
            logger.warning("a notification to %s was dropped: %s", self.name, reason)
        self._is_failing = True


def post(request: Request, timeout_seconds: float = limits.NOTIFY_TIMEOUT_SECONDS) -> None:
    """Send ``request`` once. A response has to come within twice ``timeout_seconds``.

    Raises:
        NotifyError: The receiver did not accept it.
    """
    try:
        parts = urllib3.util.parse_url(request.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind((parts.host or "").strip("[]"), parts.port, timeout=timeout_seconds)
        headers = {"User-Agent": "mesh-reconciler", **request.headers}
        with _ended_after(2 * timeout_seconds, connection):
            connection.request("POST", parts.request_uri, request.body, headers)
            status = connection.getresponse().status
    except (HTTPException, urllib3.exceptions.HTTPError, ValueError, OSError) as error:
        reason = connection_advice(error) or shown(error) or type(error).__name__
        raise NotifyError(f"no response: {reason}") from error
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotifyError(f"the response was HTTP {status}: {_advice(status)}")


def _advice(status: int) -> str:
    """Return what to do after a response with an HTTP status that is not a success."""
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "check the URL and the key of its [[notify]] table"
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return "check the path of the URL of its [[notify]] table"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return "try again later"
    return "check the type and the URL of its [[notify]] table"


@contextmanager
def _ended_after(seconds: float, connection: HTTPConnection) -> Iterator[None]:
    """Close ``connection`` at the end of the block, and end its calls after ``seconds``.

    Its own timeout begins again with each byte, so a receiver could keep a call for days.
    """

    def hang_up() -> None:
        if connection.sock is not None:
            end_calls(connection.sock.fileno())

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # Otherwise it could end another connection that gets the same descriptor.
        timer.join()
        connection.close()
