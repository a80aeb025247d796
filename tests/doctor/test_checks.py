"""doctor at the command line: each thing that is missing is a line, and nothing is a trace."""

import json
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run
from servers import Answer, scripted

from reconciler.endpoint import LocalEndpoint

Write = Callable[[str, str], Path]


def lines(caplog: Run) -> dict[str, tuple[str, str]]:
    """Return what was said, with its mark, by what it is about."""
    assert "Traceback" not in caplog.out + caplog.err
    rows = (line.split(maxsplit=1) for line in caplog.out.splitlines())
    words = ((mark, *rest.split("  ", maxsplit=1)) for mark, rest in rows)
    return {what: (mark, said.strip()) for mark, what, said in words}


@pytest.fixture
def doctor(cli: Cli, endpoint: LocalEndpoint) -> Callable[..., Run]:
    def run(*arguments: str, url: str = "") -> Run:
        return cli("doctor", "--endpoint-url", url or endpoint.url, "--owner", "o", *arguments)

    return run


def broken(endpoint: LocalEndpoint, *faults: dict[str, object]) -> None:
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": faults})


def test_a_healthy_target(
    doctor: Callable[..., Run], by_hand: Any, endpoint: LocalEndpoint
) -> None:
    by_hand.create_mesh(meshName="a")
    result = doctor()
    said = lines(result)
    assert (result.code, result.err) == (0, "")
    good = ("owner", "credentials", "clock", "target", "account", "GetResources")
    assert {said[what][0] for what in (*good, "list mesh", "read mesh", "quota mesh")} == {"✓"}
    assert said["list virtual-router"] == ("✓", "0 live")
    assert said["read virtual-router"] == ("!", "not tried: there is no live virtual-router")
    assert said["list route"] == ("!", "not tried: there is no live virtual-router")
    assert said["credentials"][1] == "found by env"
    assert said["target"][1] == f"{endpoint.url}, region eu-west-1"
    assert said["account"][1] == "123456789012"
    assert said["read mesh"][1] == "mesh/a and its tags"
    assert said["quota mesh"][1].startswith("1 of 15 meshes per account")
    assert said["writes"][0] == "!"
    assert "CreateMesh, UpdateMesh, DeleteMesh" in said["writes"][1]
    assert "UpdateGatewayRoute" in said["writes"][1]


def test_it_writes_nothing(doctor: Callable[..., Run], endpoint: LocalEndpoint) -> None:
    doctor()
    counted = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"]
    assert all(name.startswith(("List", "Describe", "Get")) for name in counted)


def test_json_has_the_same(doctor: Callable[..., Run]) -> None:
    document = json.loads(doctor("--format", "json").out)
    assert (document["exit_code"], document["exit_name"]) == (0, "ok")
    assert {"status": "ok", "subject": "owner", "message": "o"} in document["results"]


def test_the_local_target_needs_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = cli("doctor", "--target", "local")
    assert result.code == 0
    assert lines(result)["read mesh"] == ("!", "not tried: there is no live mesh")
    assert "credentials" not in lines(result)


def test_no_target_and_no_owner_are_findings(cli: Cli, endpoint: LocalEndpoint) -> None:
    nowhere = cli("doctor")
    assert nowhere.code == 1
    assert "no target given: pass --target NAME (local, aws)" in lines(nowhere)["settings"][1]
    assert "use one of local, aws (" in lines(cli("doctor", "--target", "x"))["settings"][1]
    ownerless = cli("doctor", "--endpoint-url", endpoint.url)
    assert ownerless.code == 1
    assert lines(ownerless)["owner"] == ("✗", "not set, but a plan needs it: pass --owner ID")


def test_no_credentials(doctor: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    result = doctor()
    assert result.code == 1
    assert lines(result)["credentials"][0] == "✗"


@pytest.mark.parametrize("missing", ["AWS_SECRET_ACCESS_KEY", "region"])
def test_half_of_what_a_call_needs(
    missing: str, doctor: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if missing == "region" else (missing,):
        monkeypatch.delenv(name)
    result = doctor()
    assert result.code == 1
    assert missing in lines(result)["target"][1]


def test_a_closed_port(doctor: Callable[..., Run]) -> None:
    result = doctor(url="http://127.0.0.1:1")
    assert result.code == 1
    said = lines(result)["target"][1]
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:1/' in said
    assert said.endswith("; check the URL, and that a server listens there")


@pytest.mark.parametrize(
    ("status", "what", "words"),
    [
        (200, "list mesh", "must be an object, not null; check the endpoint URL"),
        (403, "list mesh", "HTTP 403 is not a response of App Mesh: check the endpoint URL"),
        (502, "target", "HTTP 502: Bad Gateway"),
    ],
)
def test_a_page_in_place_of_an_answer(
    status: int, what: str, words: str, doctor: Callable[..., Run]
) -> None:
    page = Answer(status, b"<html>welcome</html>", {"content-type": "text/html"})
    with scripted(lambda *_: page) as server:
        result = doctor(url=server.url)
    assert (result.code, result.err) == (1, "")
    mark, said = lines(result)[what]
    assert mark == "✗"
    assert words in said


def test_everything_refused(
    doctor: Callable[..., Run], endpoint: LocalEndpoint, by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="a")
    refused = {"fault": "error", "status": 403, "code": "AccessDeniedException"}
    broken(endpoint, {"operation": "*", **refused})
    result = doctor()
    said = lines(result)
    assert result.code == 1
    assert "AccessDeniedException" in said["list mesh"][1]
    assert said["list virtual-router"] == ("!", "not tried: mesh could not be listed")
    assert said["list route"] == ("!", "not tried: virtual-router could not be listed")
    assert said["account"] == ("!", "unknown: the target does not answer GetCallerIdentity")
    assert said["GetResources"][0] == "!"
    broken(endpoint, {"operation": "ListTagsForResource", **refused})
    half = lines(doctor())
    assert half["list mesh"] == ("✓", "1 live")
    assert half["read mesh"][0] == "✗"
    assert "ListTagsForResource of mesh/a: AccessDeniedException" in half["read mesh"][1]


@pytest.mark.unmeasured
def test_what_was_listed_and_is_not_found_is_no_permission(
    doctor: Callable[..., Run], endpoint: LocalEndpoint, by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="a")
    broken(endpoint, {"operation": "DescribeMesh", "fault": "error", "status": 404})
    assert lines(doctor())["read mesh"] == ("!", "mesh/a was listed but not found")


def test_a_service_that_fails_after_the_first_answer(
    doctor: Callable[..., Run], endpoint: LocalEndpoint
) -> None:
    broken(endpoint, {"operation": "ListMeshes", "calls": [2, 3, 4], "fault": "error"})
    result = doctor()
    assert result.code == 1
    assert lines(result)["list mesh"][0] == "✗"
    assert "GetResources" not in lines(result)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("date", "mark"),
    [("Thu, 01 Jan 2015 00:00:00 GMT", "✗"), ("now", "✓"), ("soon", None)],
)
def test_a_clock_that_is_off(date: str, mark: str | None, doctor: Callable[..., Run]) -> None:
    def script(request: str, body: bytes) -> Answer:
        del body
        found = Answer(200, {"meshes": []}) if request.startswith("GET") else Answer(404)
        result = formatdate(usegmt=True) if date == "now" else date
        return Answer(found.status, found.body, {"date": result})

    with scripted(script) as server:
        said = lines(doctor(url=server.url))
    assert said.get("clock", (None,))[0] == mark


def test_another_account_than_the_configured_one(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    table = f'[targets.t]\nendpoint_url = "{endpoint.url}"\nowner = "o"\naccount = "{{}}"\n'
    write("reconciler.toml", table.format("111111111111"))
    result = cli("doctor", "--target", "t")
    assert result.code == 1
    assert "configured for account 111111111111" in lines(result)["target"][1]
    write("reconciler.toml", table.format("123456789012"))
    assert lines(cli("doctor", "--target", "t"))["account"] == ("✓", "123456789012, as configured")


@pytest.mark.unmeasured
def test_a_quota_that_is_nearly_used_up(doctor: Callable[..., Run], by_hand: Any) -> None:
    for number in range(12):
        by_hand.create_mesh(meshName=f"m{number}")
    result = doctor()
    assert result.code == 0
    assert lines(result)["quota mesh"][0] == "!"


def test_the_end_of_the_service_is_told_of_on_aws(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = cli("doctor", "--target", "aws", "--owner", "o")
    assert result.code == 1
    assert "30 September 2026" in lines(result)["service"][1]
