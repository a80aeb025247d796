"""Sessions: whose account it is, where calls go, and what is refused in words."""

import threading
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError
from daemons import eventually
from servers import Answer, scripted

from reconciler.cli.logs import logging_target, recent_records
from reconciler.core.errors import TargetError, UsageError
from reconciler.endpoint import LocalEndpoint
from reconciler.targets.api_client import ApiClient
from reconciler.targets.session import (
    Connection,
    Sessions,
    account_of,
    configured_url,
    open_client,
    open_session,
)


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_the_account_is_asked_for_at_the_targets_own_url() -> None:
    with LocalEndpoint(None) as endpoint:
        connection = Connection(endpoint.url, "eu-west-1", credentials=("123456789012", "x"))
        session = open_session(connection)
        assert account_of(session, connection) == "123456789012"
        calls = ApiClient(session, connection, workers=1, reopen=None)
        assert (calls.url, calls.region) == (endpoint.url, "eu-west-1")


def test_what_is_no_account_is_none() -> None:
    result = b"<R><GetCallerIdentityResult><Account>abc def</Account></GetCallerIdentityResult></R>"
    with scripted(lambda *_: Answer(200, result)) as server:
        connection = Connection(server.url, "eu-west-1", credentials=("a", "b"))
        assert account_of(open_session(connection), connection) is None


def test_an_endpoint_that_does_not_answer_leaves_the_account_unknown() -> None:
    def script(request: str, body: bytes) -> Answer:
        del request, body
        return Answer(404, b"nothing here")

    with scripted(script) as server:
        connection = Connection(server.url, "eu-west-1", credentials=("a", "b"))
        assert account_of(open_session(connection), connection) is None


ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>ASSUMED</AccessKeyId>
<SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>
</AssumeRoleResponse>"""


def test_a_role_is_assumed_at_the_targets_own_url_and_used_for_its_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen: dict[str, str] = {}
    signed: list[str] = []

    def script(request: str, body: bytes) -> Answer:
        del request
        signed.append(seen["authorization"])
        if b"AssumeRole" in body:
            return Answer(body=ASSUMED, headers={"content-type": "text/xml"})
        return Answer(body={"meshes": []})

    with scripted(script, seen) as server:
        connection = Connection(server.url, "eu-west-1", role_arn="arn:aws:iam::1:role/deploy")
        client = open_client(open_session(connection), "appmesh", connection, workers=1)
        client.list_meshes()
        client.list_meshes()
    assert ["Credential=OWN/" in it for it in signed] == [True, False, False]
    assert ["Credential=ASSUMED/" in it for it in signed] == [False, True, True]


def test_a_role_needs_somebody_who_assumes_it() -> None:
    with pytest.raises(UsageError, match="can assume arn:aws:iam::1:role/deploy"):
        open_session(Connection(None, "eu-west-1", role_arn="arn:aws:iam::1:role/deploy"))


def test_without_credentials_aws_cannot_be_asked() -> None:
    connection = Connection(None, "eu-west-1")
    with pytest.raises(TargetError, match="credentials"):
        account_of(open_session(connection), connection)


def test_a_missing_profile_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="nowhere"):
        open_session(Connection(profile="nowhere"))


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        (Connection("no url", "eu-west-1"), "client for appmesh: invalid endpoint URL"),
        (Connection("http://x"), "--region"),
        (Connection(None, "no region"), "client for appmesh: Provided region_name 'no region'"),
    ],
)
def test_an_impossible_address_is_wrong_usage(connection: Connection, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_client(open_session(connection), "appmesh", connection, workers=1)


def test_an_endpoint_in_the_environment_or_profile_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert configured_url(None) is None
    (tmp_path / "config").write_text("[profile p]\nendpoint_url = http://127.0.0.1:1\n")
    assert configured_url("p") == "http://127.0.0.1:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL_APP_MESH", "http://127.0.0.1:2")
    assert configured_url(None) == "http://127.0.0.1:2"


def test_no_proxy_stands_between_us_and_our_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with LocalEndpoint(None) as endpoint:
        connection = Connection(endpoint.url, "eu-west-1", credentials=("123456789012", "x"))
        assert account_of(open_session(connection), connection) == "123456789012"


def test_no_proxy_gets_what_the_environment_sends_to_our_own_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with LocalEndpoint(None) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        connection = Connection(None, "eu-west-1", credentials=("123456789012", "x"))
        assert account_of(open_session(connection), connection) == "123456789012"


def test_a_strange_endpoint_in_the_environment_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_APP_MESH", "no url")
    with pytest.raises(UsageError, match="AWS environment"):
        configured_url(None)


HOSTS = {
    "127.0.0.1": True, "127.8.9.10": True, "[::1]": True, "localhost": True, "LOCALHOST": True,
    "127.0.0.1.example": False, "127.example": False, "localhost.example": False,
    "192.0.2.1": False, "[2001:db8::1]": False, "2130706433": False, "[::ffff:192.0.2.1]": False,
}  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize(("host", "loopback"), HOSTS.items())
def test_e05_credentials_go_unencrypted_to_this_machine_alone(
    host: str, loopback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    sent: list[str] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        sent.append(request.url)
        return AWSResponse(request.url, 404, {}, BytesIO())

    for allowed in (False, True):
        connection = Connection(f"http://{host}:1", "eu-west-1", credentials=("a", "b"))
        session = open_session(replace(connection, allow_insecure=allowed))
        # Behind ours: what gets there would be sent.
        session.events.register_last("before-send", answer)
        if loopback or allowed:
            assert account_of(session, connection) is None
        else:
            with pytest.raises(UsageError, match="pass --allow-insecure-endpoint"):
                account_of(session, connection)
        assert len(sent) == (loopback or allowed)
        sent.clear()


def test_e05_a_role_that_a_profile_names_is_not_assumed_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(
        "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = s\n"
        "[profile s]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://192.0.2.1")
    connection = Connection("https://127.0.0.1:1", "eu-west-1", "p")
    client = open_client(open_session(connection), "appmesh", connection, workers=1)
    with pytest.raises(
        UsageError, match=r"^http://192\.0\.2\.1 would receive credentials unencrypted"
    ):
        client.list_meshes()


def test_the_first_call_that_waits_for_a_response_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def script(request: str, body: bytes) -> Answer:
        del request, body
        eventually(lambda: caplog.messages != [])
        return Answer(404)

    with scripted(script) as server:
        connection = Connection(
            server.url, "eu-west-1", credentials=("a", "b"), silence_seconds=0.01
        )
        session = open_session(connection)
        with recent_records() as recent, logging_target("prod"):
            for _ in range(2):
                assert account_of(session, connection) is None
        # A thread waits, and its record has the target of the call.
        assert [item["target"] for item in recent.documents("prod")] == ["prod"]
    assert caplog.messages == [f"waiting for {server.url} to answer: no response for 0.01 s"]


def test_a_call_that_ended_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    def is_waiting() -> bool:
        return any(isinstance(thread, threading.Timer) for thread in threading.enumerate())

    with scripted(lambda *_: Answer(404)) as server:
        answered = Connection(server.url, "eu-west-1", credentials=("a", "b"), silence_seconds=600)
        assert account_of(open_session(answered), answered) is None
        eventually(lambda: not is_waiting())
    refused = replace(answered, url="http://127.0.0.1:1")
    client = open_client(open_session(refused), "sts", refused, workers=1, attempts=1)
    with pytest.raises(EndpointConnectionError):
        client.get_caller_identity()
    eventually(lambda: not is_waiting())
    assert caplog.messages == []


def test_sessions_of_one_profile_share_a_core_and_not_their_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen: dict[str, str] = {}
    signed: list[str] = []

    def script(request: str, body: bytes) -> Answer:
        del request, body
        signed.append(seen["authorization"].partition("Credential=")[2].partition("/")[0])
        return Answer(body={"meshes": []})

    sessions = Sessions()
    with scripted(script, seen) as server:
        own = Connection(server.url, "eu-west-1")
        given = [replace(own, credentials=(key, "secret")) for key in ("FIRST", "SECOND")]
        opened = [(sessions.open(it), it) for it in (given[0], own, given[1])]
        clients = [open_client(session, "appmesh", it, workers=1) for session, it in opened]
        for client in (*clients, *reversed(clients)):
            client.list_meshes()
    assert signed == ["FIRST", "OWN", "SECOND", "SECOND", "OWN", "FIRST"]
    assert len({id(session.events) for session, _ in opened}) == 1
    other = sessions.open(replace(own, allow_insecure=True))
    assert other.events is not opened[0][0].events


def test_targets_with_the_same_credentials_ask_for_their_account_once() -> None:
    account = b"<GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>"
    sessions = Sessions()
    with scripted(lambda *_: Answer(200, b"<R>" + account + b"</R>")) as server:
        for region in ("eu-west-1", "us-east-1"):
            connection = Connection(server.url, region, credentials=("a", "b"))
            session = sessions.open(connection)
            assert sessions.account_of(session, connection, required=True) == "123456789012"
        assert server.count("POST /") == 1
        other = Connection(server.url, "eu-west-1", credentials=("c", "b"))
        assert sessions.account_of(sessions.open(other), other, required=False) == "123456789012"
        assert server.count("POST /") == 2
