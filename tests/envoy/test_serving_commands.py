"""The options of the commands that serve Envoys, and the command that shows them."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Cli
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint
from reconciler.known_secrets import shown

pytestmark = pytest.mark.measured


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


def test_the_password_of_a_store_is_not_shown(cli: Cli) -> None:
    secret = "of-a-store-of-envoys"  # noqa: S105  # must not be shown
    done = cli("envoy", "serve", "--xds", "unix:x", "--store", f"postgresql://u:{secret}@[::1/d")
    assert done.code == 1
    assert secret not in done.err
    lost = f"postgresql://u:{secret}@127.0.0.1:1/d"
    done = cli("envoy", "serve", "--xds", "unix:x", "--store", lost)
    assert done.code == 1
    assert secret not in done.err + shown(f"a library repeats {secret}")


@pytest.mark.process
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("grpc", ["envoy", "serve", "--xds", "unix:x"], "xds"),
        (
            "grpc",
            ["endpoint", "--data", ":memory:", "--listen", "127.0.0.1:0", "--xds", "unix:x"],
            "xds",
        ),
        (
            "psycopg",
            ["apply", "--target", "local", "--lock", "postgresql://h/d", "--auto-approve"],
            "postgresql",
        ),
    ],
)
def test_without_its_extra_an_option_names_it(
    here: Path, module: str, arguments: list[str], extra: str
) -> None:
    with LocalEndpoint(here / ".reconciler"):
        pass
    (here / "manifests").mkdir()
    (here / "manifests/m.yaml").write_text(mesh_yaml("m", "DROP_ALL"))
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from reconciler.cli.main import main\n"
        f"sys.exit(main({arguments!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert f"install mesh-reconciler[{extra}]" in done.stderr.splitlines()[-1]
    assert "a bug" not in done.stderr
