"""A daemon asked from outside: what it says is what is read, and what is no daemon is named."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from servers import Answer, scripted
from web.samples import StillDaemon, calm, served, status

from reconciler import limits
from reconciler.core.errors import DaemonError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.fleet_status import FleetStatus, MemberSummary, TargetSummary
from reconciler.render.json_output import render_status
from reconciler.render.status_table import worst_first
from reconciler.web.client import fetch_any_status, fetch_proxies, fetch_status, request_cycle
from reconciler.web.token_file import read_token


def in_order(shown: DaemonStatus) -> list[object]:
    return list(worst_first(shown.resources))


@pytest.mark.parametrize(
    "shown",
    [
        status(),
        calm(),
        calm(resources=(), exit_code=None, cycle=0, cycle_started_at=None, cycle_finished_at=None),
    ],
    ids=["rich", "calm", "new"],
)
def test_a_status_is_read_as_it_was(shown: DaemonStatus, tmp_path: Path) -> None:
    with served(StillDaemon(shown), tmp_path) as url:
        text, read = fetch_status(url)
    assert text == render_status(shown, healthy=True)
    assert render_status(read, healthy=True) == text
    assert list(read.resources) == in_order(shown)


def test_a_cycle_is_waited_for(tmp_path: Path) -> None:
    daemon = StillDaemon(calm(), ends={43: ExitCode.WITHHELD})
    with served(daemon, tmp_path) as url:
        assert request_cycle(url, read_token(tmp_path / "token")) == (43, ExitCode.WITHHELD)


def test_a_cycle_is_waited_for_as_long_as_the_daemon_shows_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DAEMON_RESPONSE_TIMEOUT_SECONDS", 0.2)
    daemon = StillDaemon(calm())
    with served(daemon, tmp_path) as url:
        ends = threading.Timer(1.0, daemon.ends.update, [{43: ExitCode.OK}])
        ends.start()
        assert request_cycle(url, read_token(tmp_path / "token")) == (43, ExitCode.OK)


def test_one_that_is_stopped_meanwhile_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "DAEMON_RESPONSE_TIMEOUT_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as stopped:
        # The kernel takes the connection, and nobody answers.
        url = f"http://127.0.0.1:{stopped.getsockname()[1]}"
        with pytest.raises(DaemonError, match=r"no response from .*: timed out"):
            request_cycle(url, "token")


def test_a_wrong_token_is_said(tmp_path: Path) -> None:
    with (
        served(StillDaemon(calm()), tmp_path) as url,
        pytest.raises(DaemonError, match=r"token is missing or wrong; .* --token-file"),
    ):
        request_cycle(url, "another")


def test_what_a_daemon_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    daemon = StillDaemon(calm(), beaten_seconds_ago=500.0)
    with (
        served(daemon, tmp_path) as url,
        pytest.raises(DaemonError, match="but the loop is stuck"),
    ):
        request_cycle(url, read_token(tmp_path / "token"))


def test_where_nobody_listens_the_way_out_is_named() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with pytest.raises(DaemonError, match=f"{port}: connection refused; .*reconciler run"):
        fetch_status(f"http://127.0.0.1:{port}")


SPOILT = render_status(status(), healthy=True).replace("virtual-node/orders/*", "mesh/*")
STRANGERS = {
    "a web page": Answer(200, b"<html>"),
    "another JSON": Answer(200, {"status": "ok"}),
    "a list": Answer(200, []),
    "another version": Answer(200, {"schema": 2}),
    "a list in nothing": Answer(200, SPOILT.encode()),
    "nothing of it": Answer(200, {"schema": 1, "cycle": None, "source": {}, "lease": None}),
}


@pytest.mark.parametrize("answer", STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_daemon_of_this_version_is_said(answer: Answer) -> None:
    with (
        scripted(lambda *_: answer) as server,
        pytest.raises(DaemonError, match="not a daemon of this version"),
    ):
        fetch_status(server.url)


PROXY = {
    "key": "virtual-node/m/n", "client": "unix", "connected_seconds": 1, "revision": 3,
    "exists": True, "is_behind": True, "behind_seconds": None, "losses": [],
    "types": {"clusters": {"error": None}},
}  # fmt: skip
PROXIES = {
    "account": "123456789012", "region": "eu-west-1", "revision": 3, "is_current": True,
    "instances_error": None, "held_meshes": [], "without_proxy": [], "proxies": [PROXY],
}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        *({name: 7.5} for name in PROXIES),
        *({"proxies": [PROXY | {name: "x"}]} for name in PROXY if name != "client"),
        {"proxies": [{name: PROXY[name] for name in ("key", "exists")}]},
        {"proxies": [PROXY | {"types": {"clusters": {}}}]},
        {"proxies": [PROXY | {"losses": [{}]}]},
    ],
)
def test_proxies_of_another_version_are_said(changed: dict[str, object]) -> None:
    documents = [PROXIES, PROXIES | changed]
    answers = iter([Answer(200, [it]) for it in documents])
    with scripted(lambda *_: next(answers)) as server:
        assert fetch_proxies(server.url)[1] == [PROXIES]
        with pytest.raises(DaemonError, match="not a daemon of this version"):
            fetch_proxies(server.url)


SUMMARY: dict[str, Any] = {
    "target": "shop", "health": "in sync", "cycle": 1, "finished_at": 1.5, "exit_code": 0,
    "commit": None, "error": None, "link": "/targets/shop/",
    "holder": None,
    "waits_for": "wave 2 waits for dev to be in sync",
}  # fmt: skip


def test_the_targets_of_a_daemon_of_many_are_read() -> None:
    rows: tuple[Any, ...] = ({**SUMMARY, "later": 1}, {**SUMMARY, "health": 1}, [])
    member: dict[str, Any] = {"name": "host/1/a", "since": 1.5, "targets": 1, "is_self": True}
    known: list[tuple[Any, Any]] = [(row, member) for row in rows]
    answers = iter(
        Answer(200, {"schema": 1, "targets": [row], "members": [other]})
        for row, other in (*known, (SUMMARY, {**member, "since": "long ago"}))
    )
    with scripted(lambda *_: next(answers)) as server:
        fleet = FleetStatus((TargetSummary(**SUMMARY),), (MemberSummary(**member),))
        assert fetch_any_status(server.url)[1] == fleet
        for _ in range(3):
            with pytest.raises(DaemonError, match="not a daemon of this version"):
                fetch_any_status(server.url)


@pytest.mark.parametrize("body", [b"<html>not found", b"[]", b"3", b"{}"])
def test_who_refuses_without_our_words_is_no_daemon(body: bytes) -> None:
    with (
        scripted(lambda *_: Answer(404, body)) as server,
        pytest.raises(DaemonError, match=r"not a daemon of reconciler \(HTTP 404\): check --url"),
    ):
        fetch_status(server.url)


@pytest.fixture
def garbled() -> Iterator[str]:
    """The URL of somebody who answers one request, and not in HTTP."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with closing(connection):
                connection.recv(65_536)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        speaking = threading.Thread(target=answer)
        speaking.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        speaking.join()


def test_who_speaks_no_http_gives_no_answer(garbled: str) -> None:
    with pytest.raises(DaemonError, match=r"no response from .*: 220 mail\.example"):
        fetch_status(garbled)


def test_a_tls_answer_is_looked_for_where_the_url_says_so(tmp_path: Path) -> None:
    with (
        served(StillDaemon(calm()), tmp_path) as url,
        pytest.raises(DaemonError, match="no response from"),
    ):
        fetch_status(url.replace("http", "https", 1))


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:9180", "ftp://localhost", "http://", "http://[::1", "http://localhost:many",
     "http://localhost/below", "http://localhost:99999"],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="invalid --url"):
        fetch_status(url)


def test_proxy_variables_lead_no_token_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    daemon = StillDaemon(calm(), ends={43: ExitCode.OK})
    with served(daemon, tmp_path) as url:
        assert request_cycle(url, read_token(tmp_path / "token"))[1] is ExitCode.OK
