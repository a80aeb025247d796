"""Credentials go unencrypted to another machine only if a person allows it.

The address 0.0.0.0 stands for the other machine: it reaches this one, and is no loopback address.
"""

from pathlib import Path

import pytest
import urllib3
from conftest import Cli, Write
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint

PROFILE = (
    "[profile p]\nendpoint_url = {url}\naws_access_key_id = 123456789012\n"
    "aws_secret_access_key = any\n"
)
TABLE = '[targets.t]\nendpoint_url = "{url}"\n'
# How the URL is given: variables, reconciler.toml, the profile, arguments.
GIVEN: dict[str, tuple[dict[str, str], str, str, list[str]]] = {
    "an option": ({}, "", "", ["--endpoint-url", "{url}"]),
    "a variable": ({"RECONCILER_ENDPOINT_URL": "{url}"}, "", "", []),
    "the file": ({}, 'endpoint_url = "{url}"', "", []),
    "a table": ({}, TABLE, "", ["--target", "t"]),
    "the AWS environment": ({"AWS_ENDPOINT_URL": "{url}"}, "", "", []),
    "the AWS environment, for AWS": ({"AWS_ENDPOINT_URL": "{url}"}, "", "", ["--target", "aws"]),
    "a profile": ({}, "", PROFILE, ["--profile", "p"]),
    "a profile, for AWS": ({}, "", PROFILE, ["--profile", "p", "--target", "aws"]),
}  # fmt: skip
ALLOWED: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "an option": ({}, "", ["--allow-insecure-endpoint"]),
    "a variable": ({"RECONCILER_ALLOW_INSECURE_ENDPOINT": "1"}, "", []),
    "the file": ({}, "allow_insecure_endpoint = true\n", []),
}


@pytest.fixture
def elsewhere(endpoint: LocalEndpoint, write: Write) -> str:
    write("manifests/a.yaml", mesh_yaml("a"))
    return endpoint.url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104  # nothing listens there


def calls(endpoint: LocalEndpoint) -> dict[str, int]:
    counted = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()
    return dict(counted["calls"])


@pytest.mark.unmeasured
@pytest.mark.parametrize("given", GIVEN)
def test_e05_plain_http_to_another_machine_is_refused_before_anything_is_sent(
    given: str,
    elsewhere: str,
    cli: Cli,
    here: Path,
    write: Write,
    endpoint: LocalEndpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables, file, profile, arguments = GIVEN[given]
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(url=elsewhere))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(here / "config"))
    write("config", profile.format(url=elsewhere))
    write("reconciler.toml", file.format(url=elsewhere))
    words = [it.format(url=elsewhere) for it in arguments]
    for command in (["plan"], ["apply", "--auto-approve"], ["run", "--once"]):
        result = cli(*command, *words, "--owner", "o")
        assert (result.code, result.out) == (64, "")
        assert result.err == (
            f"reconciler: {elsewhere} would receive credentials unencrypted: use https://, or pass "
            "--allow-insecure-endpoint if you trust every network in between\n"
        )
    assert calls(endpoint) == {}


@pytest.mark.unmeasured
@pytest.mark.parametrize("allowed", ALLOWED)
def test_it_is_allowed_by_an_option_a_variable_and_the_file(
    allowed: str,
    elsewhere: str,
    cli: Cli,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables, file, arguments = ALLOWED[allowed]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    write("reconciler.toml", file + TABLE.format(url=elsewhere))
    for where in (["--endpoint-url", elsewhere], ["--target", "t"]):
        result = cli("plan", *where, *arguments, "--owner", "o")
        assert result.code == 0
        assert elsewhere in result.out


def test_a_table_allows_it_for_its_own_target(
    elsewhere: str, cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    table = f"{TABLE.format(url=elsewhere)}allow_insecure_endpoint = true\n"
    write("reconciler.toml", f'{table}[targets.u]\nendpoint_url = "{elsewhere}"\n')
    assert cli("plan", "--target", "t", "--owner", "o").code == 0
    assert cli("plan", "--target", "u", "--owner", "o").code == 64
    write("reconciler.toml", table.replace("true", '"yes"'))
    result = cli("plan", "--target", "t", "--owner", "o")
    assert result.code == 64
    assert "targets.t.allow_insecure_endpoint must be true or false" in result.err
    write("reconciler.toml", f"allow_insecure_endpoint = true\n{table.replace('true', 'false')}")
    assert cli("plan", "--target", "t", "--owner", "o").code == 64
    assert calls(endpoint) != {}


def test_the_table_of_locks_is_no_exception(
    elsewhere: str, cli: Cli, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", elsewhere)
    where = ("--endpoint-url", endpoint.url, "--owner", "o", "--lock", "dynamodb:locks")
    result = cli("apply", *where, "--auto-approve")
    assert result.code == 64
    assert f"{elsewhere} would receive credentials unencrypted" in result.err
    result = cli("apply", *where, "--auto-approve", "--allow-insecure-endpoint")
    assert result.code == 1
    assert "cannot be used" in result.err


def test_doctor_says_so(elsewhere: str, cli: Cli) -> None:
    result = cli("doctor", "--endpoint-url", elsewhere, "--owner", "o")
    assert result.code == 1
    assert "pass --allow-insecure-endpoint" in " ".join(result.out.split())
