"""A receiver that hangs, fails or closes delays nothing, and what was dropped is counted."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest
from builders import OWNER, TARGET
from daemons import eventually
from servers import Answer, scripted

from reconciler import limits
from reconciler.cli.logs import logging_target, recent_records
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.findings import Finding, FindingKind, Notification, SentFindings
from reconciler.notify.message import Request
from reconciler.notify.notifier import Notifier, Subscription, stop_all
from reconciler.notify.sender import DROPPED, SENT, NotifyError, Sender, post


@contextmanager
def listening(*, closes: bool) -> Iterator[str]:
    """Accept connections, and close them at once or never answer them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.close() if closes else kept.append(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


@dataclass(frozen=True)
class Plain:
    """Sends the subject of the first finding to its URL."""

    url: str

    def request(self, notification: Notification) -> Request:
        body = notification.findings[0].subject.encode()
        return Request(self.url, body, {"Content-Type": "text/x"})


def quick(results: list[str], url: str = "http://127.0.0.1:1") -> Sender:
    return Sender(
        "notify[0]", Plain(url), results.append, retry_delays=(0.01, 0.01), timeout_seconds=0.2
    )


def stop(sender: Sender) -> None:
    sender.begin_stop()
    sender.join(time.monotonic() + limits.NOTIFY_STOP_SECONDS)


FINDING = Finding(FindingKind.FAILED, "body", "denied")
NOTIFICATION = Notification(FindingKind.FAILED, (FINDING,), TARGET, OWNER, 0)


def test_a_request_arrives_as_it_was_made() -> None:
    headers: dict[str, str] = {}
    results: list[str] = []
    with scripted(lambda *_: Answer(204), headers) as server:
        sender = quick(results, f"{server.url}/x?y=1")
        sender.send(NOTIFICATION)
        eventually(lambda: results == [SENT])
        stop(sender)
        assert server.asked == [("POST /x?y=1", b"body")]
        assert headers["content-type"] == "text/x"


KIND, PATH, KEY = (
    "check the type and the URL of its [[notify]] table",
    "check the path of the URL of its [[notify]] table",
    "check the URL and the key of its [[notify]] table",
)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (301, KIND),
        (400, KIND),
        (401, KEY),
        (404, PATH),
        (429, "try again later"),
        (503, "try again later"),
    ],
)
def test_a_refused_request_is_tried_again_then_dropped(
    status: int, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[str] = []
    with scripted(lambda *_: Answer(status, headers={"location": "http://127.0.0.1:1/"})) as server:
        sender = quick(results, server.url)
        with recent_records() as recent, logging_target("prod"):
            for _ in range(2):
                sender.send(NOTIFICATION)
            eventually(lambda: results == [DROPPED, DROPPED])
        # A thread sends, and its record has the target.
        assert [item["target"] for item in recent.documents("prod")] == ["prod"]
        assert server.count("POST") == 6
    (warning,) = [it.getMessage() for it in caplog.records if it.levelno == logging.WARNING]
    reason = f"the response was HTTP {status}: {advice}"
    assert warning == f"a notification to notify[0] was dropped: {reason}"


def test_the_records_of_a_cycle_that_is_compared_in_a_thread_have_its_target() -> None:
    results: list[str] = []
    notifier = Notifier([Subscription(quick(results), SentFindings(frozenset(FindingKind), 0.0))])
    status = DaemonStatus(TARGET, OWNER, "sync", 0.0, 60.0, error="no answer")
    with recent_records() as recent, logging_target("prod"):
        notifier.notify(status, None, 0.0)
        eventually(lambda: results == [DROPPED])
        assert [item["target"] for item in recent.documents("prod")] == ["prod"]
    notifier.stop()


def test_the_receivers_of_many_targets_that_do_not_answer_end_together(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status = DaemonStatus(TARGET, OWNER, "sync", 0.0, 60.0, error="no answer")
    with listening(closes=False) as url:

        def subscription() -> Subscription:
            sender = Sender("notify[0]", Plain(url))
            return Subscription(sender, SentFindings(frozenset(FindingKind), 0.0))

        notifiers = [Notifier([subscription(), subscription()]) for _ in range(50)]
        for notifier in notifiers:
            notifier.notify(status, None, 0.0)
        began = time.monotonic()
        stop_all(notifiers)
        assert time.monotonic() - began < limits.NOTIFY_STOP_SECONDS + 2
        assert caplog.messages == ["notifications to notify[0] were not sent before the end"]
    # When the receiver closes.
    for notifier in notifiers:
        assert all(sender.join(time.monotonic() + 30) for sender in notifier.senders)


def test_a_receiver_that_recovers_gets_it() -> None:
    answers = iter([Answer(500), Answer(200)])
    results: list[str] = []
    with scripted(lambda *_: next(answers)) as server:
        sender = quick(results, server.url)
        sender.send(NOTIFICATION)
        eventually(lambda: results == [SENT])
        assert server.count("POST") == 2


@pytest.mark.parametrize("closes", [False, True])
def test_the_notification_to_a_receiver_that_hangs_or_closes_is_dropped(*, closes: bool) -> None:
    results: list[str] = []
    with listening(closes=closes) as url:
        sender = quick(results, url)
        sender.send(NOTIFICATION)
        eventually(lambda: results == [DROPPED])


def test_a_full_queue_drops_at_once() -> None:
    results: list[str] = []
    with listening(closes=False) as url:
        sender = quick(results, url)
        for _ in range(limits.NOTIFY_QUEUE + 5):
            sender.send(NOTIFICATION)
        # One of them is with the thread.
        assert results.count(DROPPED) >= 4
        stop(sender)


def test_a_full_queue_is_sent_before_the_end() -> None:
    results: list[str] = []
    first = threading.Event()

    def answer(*_: object) -> Answer:
        first.wait(30)
        return Answer(200)

    with scripted(answer) as server:
        sender = Sender("notify[0]", Plain(server.url), results.append)
        sender.send(NOTIFICATION)
        eventually(lambda: server.count("POST") == 1)
        while DROPPED not in results:
            sender.send(NOTIFICATION)
        threading.Timer(0.1, first.set).start()
        stop(sender)
        # All of them, unless the machine is slow.
        assert results.count(SENT) >= limits.NOTIFY_QUEUE // 10


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_receiver_that_trickles_is_no_hang(start: bytes) -> None:
    ended = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(start)
            while not ended.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=[server])
        thread.start()
        began = time.monotonic()
        # What came is no response, or the status of one.
        with suppress(NotifyError):
            post(Request(f"http://127.0.0.1:{server.getsockname()[1]}/", b"x"), 0.2)
        assert 0.3 < time.monotonic() - began < 20
        ended.set()
        thread.join()


def test_a_receiver_that_hangs_keeps_no_process_from_its_end() -> None:
    with listening(closes=False) as url:
        sender = quick([], url)
        for _ in range(5):
            sender.send(NOTIFICATION)
        stop(sender)
        stop(quick([]))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://nowhere.invalid/", "http://[::1/"])
def test_a_server_that_is_not_there_is_one_sentence(url: str) -> None:
    with pytest.raises(NotifyError, match=r"^no response: "):
        post(Request(url, b"x"))
