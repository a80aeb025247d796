"""The options of the commands that serve Envoys, and the command that shows them."""

from pathlib import Path

import pytest
from conftest import Cli

from reconciler.endpoint import LocalEndpoint


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "nothing to serve: pass --xds"),
        (("--xds", "127.0.0.1:1"), "--xds 127.0.0.1:1 is plain TCP"),
        (("--xds", "127.0.0.1:1", "--xds-cert", "a"), "--xds-cert and --xds-key need each other"),
        (
            ("--xds", "127.0.0.1:1", "--xds-cert", "a", "--xds-key", "b"),
            "--xds-ca is missing, so any client could read",
        ),
        (
            ("--xds", "127.0.0.1:1", "--xds-cert", "a", "--xds-key", "b", "--xds-ca", "c"),
            "reading b: No such file or directory",
        ),
        (("--xds", "unix:x", "--instances", "absent"), "reading absent: No such file"),
    ],
)
def test_options_that_serve_nothing_safely_are_wrong_usage(
    cli: Cli, here: Path, arguments: tuple[str, ...], text: str
) -> None:
    with LocalEndpoint(here / ".reconciler"):
        pass
    done = cli("envoy", "serve", *arguments)
    assert done.code == 64
    assert text in done.err


def test_without_an_endpoint_the_proxies_are_not_shown(cli: Cli) -> None:
    done = cli("envoy", "proxies", "--url", "http://127.0.0.1:1")
    assert done.code == 1
    assert "cannot connect to the endpoint at http://127.0.0.1:1" in done.err


def test_the_data_of_no_endpoint_are_not_served(cli: Cli) -> None:
    done = cli("envoy", "serve", "--xds", "unix:x")
    assert done.code == 1
    assert "cannot be opened" in done.err
