"""The reconciler with an endpoint that has access keys and TLS, and the options for both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from access_keys import READER, SECRET, WRITER, write_certificate, write_keys
from conftest import Cli, Write
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint


@pytest.fixture
def url(here: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    write("manifests/a.yaml", mesh_yaml("a"))
    pair = write_certificate(here)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(pair[0]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", WRITER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with LocalEndpoint(None, tls=pair, credentials=write_keys(here / "keys.toml")) as endpoint:
        yield endpoint.url


def test_a_key_that_reads_plans_and_one_that_writes_applies(
    cli: Cli, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = ("manifests", "--endpoint-url", url, "--owner", "o")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER)
    assert cli("plan", *target, "--detailed-exitcode").code == 2
    denied = cli("apply", *target, "--auto-approve")
    assert denied.code == 1
    words = " ".join(denied.out.split())
    assert "AccessDeniedException (HTTP 403)" in words
    assert "allow the action to these credentials" in words
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", WRITER)
    assert cli("apply", *target, "--auto-approve").code == 0
    assert cli("plan", *target, "--detailed-exitcode").code == 0


@pytest.mark.unmeasured
def test_a_wrong_secret_is_one_line_with_a_remedy(
    cli: Cli, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-canary-of-a-secret")
    refused = cli("plan", "manifests", "--endpoint-url", url, "--owner", "o")
    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert "check the secret key and this machine's clock" in refused.err


def test_what_the_options_need_is_said_in_one_line(cli: Cli, here: Path) -> None:
    certificate, key = write_certificate(here)
    (here / "open.toml").write_text("")
    (here / "open.toml").chmod(0o644)
    for options, message in (
        (("--tls-cert", str(certificate)), "--tls-cert and --tls-key need each other"),
        (("--tls-key", str(key)), "--tls-cert and --tls-key need each other"),
        (("--tls-cert", str(key), "--tls-key", str(key)), "are not a certificate and its key"),
        (("--tls-cert", "none", "--tls-key", str(key)), "cannot read none"),
        (("--credentials", "none"), "cannot read none: No such file"),
        (("--credentials", "open.toml"), "run chmod 600 open.toml"),
        (("--listen", "0.0.0.0:0"), "pass an IP address and --credentials FILE, or --insecure"),
    ):
        refused = cli("endpoint", "--data", ":memory:", *options)
        assert (refused.code, refused.err.count("\n")) == (64, 1)
        assert message in refused.err


def test_e02_a_lock_that_is_none_is_shown_without_its_password(cli: Cli) -> None:
    refused = cli("apply", "--lock", "postgres://me:canary-of-a-secret@db.example/locks")
    assert refused.code == 64
    assert "is not a lock: use file:PATH" in refused.err
