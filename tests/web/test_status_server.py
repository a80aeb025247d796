"""The daemon's HTTP over sockets: where it listens, what it bounds, and how it ends."""

import http.client
import json
import logging
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest
from web.samples import StillDaemon, calm, served

from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.web.metrics import Metrics
from reconciler.web.status_server import serve


def get(url: str, path: str, method: str = "GET") -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(url.removeprefix("http://"))) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def plain(shown: DaemonStatus, *, healthy: bool) -> str:
    return f"{shown.cycle} {healthy}"


def test_everything_is_served_until_the_end(tmp_path: Path) -> None:
    with served(StillDaemon(calm()), tmp_path) as url:
        assert get(url, "/healthz") == (200, b"ok\n")
        assert get(url, "/healthz", "HEAD") == (200, b"")
        assert get(url, "/")[1].startswith(b"<!doctype html>")
        assert json.loads(get(url, "/status")[1])["schema"] == 1
        assert b"mesh_reconciler_resources" in get(url, "/metrics")[1]
    with pytest.raises(ConnectionRefusedError):
        get(url, "/healthz")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org", ""])  # noqa: S104
def test_e15_another_than_a_loopback_address_is_refused(host: str, tmp_path: Path) -> None:
    daemon = StillDaemon(calm())
    metrics = Metrics()
    with (
        pytest.raises(UsageError, match=r"not a loopback address.*--insecure"),
        serve(
            daemon,
            host,
            0,
            document=plain,
            documents={},
            metrics=metrics,
            token_file=tmp_path / "token",
        ),
    ):
        pytest.fail("it was served")


def test_e15_another_address_is_served_where_that_is_asked_for(tmp_path: Path) -> None:
    daemon = StillDaemon(calm())
    with serve(
        daemon,
        "0.0.0.0",  # noqa: S104  # as asked
        0,
        document=plain,
        documents={},
        metrics=Metrics(),
        token_file=tmp_path / "token",
        insecure=True,
    ) as url:
        port = url.rpartition(":")[2]
        assert get(f"127.0.0.1:{port}", "/status") == (200, b"42 True")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with served(StillDaemon(calm()), tmp_path) as url:
        port = int(url.rpartition(":")[2])
        with (
            pytest.raises(UsageError, match=f"cannot serve the status: cannot listen on .* {port}"),
            served(StillDaemon(calm()), tmp_path, port=port),
        ):
            pytest.fail("it was served twice")


def test_where_no_token_can_be_made_the_status_is_served_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    with (
        caplog.at_level(logging.WARNING, "reconciler"),
        served(StillDaemon(calm()), taken / "below") as url,
    ):
        assert get(url, "/status")[0] == 200
        assert get(url, "/reconcile", "POST")[0] == 403
    assert "cannot create the token file" in caplog.text


def test_a_token_that_others_may_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("known to all", encoding="utf-8")
    (tmp_path / "token").chmod(0o640)
    with (
        pytest.raises(UsageError, match="chmod 600"),
        served(StillDaemon(calm()), tmp_path),
    ):
        pytest.fail("it was served")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /page.js/%2e%2e/%2e%2e/app.py HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://localhost/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET //etc/passwd HTTP/1.0\r\nHost: localhost\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_e17_no_path_leads_to_a_file(raw: bytes, tmp_path: Path) -> None:
    with served(StillDaemon(calm()), tmp_path) as url:
        host, port = url.removeprefix("http://").split(":")
        with closing(socket.create_connection((host, int(port)), timeout=10)) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert b"root:" not in received
    assert b"import" not in received


def test_whoever_waits_for_a_cycle_hears_when_it_ends_and_keeps_nobody_else_waiting(
    tmp_path: Path,
) -> None:
    daemon = StillDaemon(calm())
    result: list[tuple[int, bytes]] = []
    with served(daemon, tmp_path) as url:
        token = (tmp_path / "token").read_text("ascii").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

        def wait() -> None:
            with closing(http.client.HTTPConnection(url.removeprefix("http://"))) as connection:
                connection.request("POST", "/reconcile", "{}", headers)
                answer = connection.getresponse()
                result.append((answer.status, answer.read()))

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert daemon.waits.wait(10)
        assert get(url, "/healthz")[0] == 200
        daemon.ends[43] = ExitCode.OK
        waiting.join(10)
    assert result == [(200, b'{"cycle":43,"exit_code":0,"exit_name":"ok"}\n')]
