"""Calls to a forge that is slow, broken, or leads elsewhere."""

import socket

import pytest
import urllib3
from servers import Answer, scripted

from reconciler import limits
from reconciler.core.errors import ForgeError
from reconciler.forges import rest
from reconciler.forges.rest import RestClient, validate_token


def test_what_may_pass_is_tried_again_after_the_pause_that_was_asked_for() -> None:
    answers = iter(
        [
            Answer(500),
            Answer(429, headers={"retry-after": "7"}),
            Answer(body={"id": 1}),
            Answer(503, headers={"retry-after": "86400"}),
            Answer(502, headers={"retry-after": "in a while"}),
            Answer(500),
        ]
    )
    pauses: list[float] = []
    with scripted(lambda *_: next(answers)) as server:
        api = RestClient(server.url, "t", sleep=pauses.append)
        assert api.number("GET", "/x") == 1
        assert pauses == [1, 7]
        with pytest.raises(ForgeError, match=f"GET {server.url}/x: HTTP 500$"):
            api.request("GET", "/x")
        assert pauses == [1, 7, 10, 2]
        assert server.count("GET /x") == 6


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
def test_what_will_not_pass_is_asked_once_and_nothing_is_followed(status: int) -> None:
    away = Answer(status, headers={"location": "/elsewhere"})
    with scripted(lambda *_: away) as server:
        with pytest.raises(ForgeError, match=f"HTTP {status}"):
            RestClient(server.url, "t").request("GET", "/x")
        assert [request for request, _ in server.asked] == ["GET /x"]


def test_no_answer_is_told_without_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "_TIMEOUT", urllib3.Timeout(0.05))
    pauses: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ForgeError, match="no response: ReadTimeoutError") as late:
            RestClient(url, "canary", sleep=pauses.append).request("POST", "/x", {"a": "canary"})
    assert "canary" not in str(late.value)
    assert pauses == [1, 2]
    with pytest.raises(ForgeError, match="no response: NewConnectionError"):
        RestClient(url, "t", sleep=pauses.append).request("GET", "/x")


@pytest.mark.parametrize("content", [b"<html>", b'{"id": 1', b"[" * 100_000, b'"\xff"'])
def test_what_is_no_json_is_no_answer(content: bytes) -> None:
    with (
        scripted(lambda *_: Answer(body=content)) as server,
        pytest.raises(ForgeError, match="the response is not JSON"),
    ):
        RestClient(server.url, "t").request("GET", "/x")


def test_too_long_an_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FORGE_MAX_RESPONSE_BYTES", 9)
    with scripted(lambda *_: Answer(body=[1, 2, 3])) as server:
        assert list(RestClient(server.url, "t").request("GET", "/x")) == [1, 2, 3]
    with (
        scripted(lambda *_: Answer(body=[1, 2, 34])) as server,
        pytest.raises(ForgeError, match="or is too large"),
    ):
        RestClient(server.url, "t").request("GET", "/x")


def test_what_should_be_a_list_is_one() -> None:
    with (
        scripted(lambda *_: Answer(body={})) as server,
        pytest.raises(ForgeError, match="the response is not a list"),
    ):
        next(RestClient(server.url, "t").pages("/x"))


def test_an_answer_without_an_id_has_no_number() -> None:
    with (
        scripted(lambda *_: Answer(body={"id": "1"})) as server,
        pytest.raises(ForgeError, match="the response has no id"),
    ):
        RestClient(server.url, "t").number("POST", "/x")


@pytest.mark.parametrize("token", [None, "", " \n", "a b", "a\nb", "é"])
def test_a_token_that_no_header_takes_is_none_and_is_not_shown(token: str | None) -> None:
    with pytest.raises(ForgeError) as refused:
        validate_token(token, "NAME")
    assert str(refused.value) == "NAME has no valid token: set it to an API token"


def test_a_line_end_after_a_token_is_not_part_of_it() -> None:
    assert validate_token("t0ken\n", "NAME") == "t0ken"
