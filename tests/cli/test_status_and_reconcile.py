"""The verbs that ask a running daemon: status and reconcile."""

import json
import time
from pathlib import Path

import pytest
from conftest import Cli
from web.samples import StillDaemon, calm, served, status

from reconciler.core.exit_codes import ExitCode


def test_the_status_is_one_table(cli: Cli, tmp_path: Path) -> None:
    with served(StillDaemon(status(time.time())), tmp_path) as url:
        result = cli("status", "--url", url)
    assert (result.code, result.err) == (0, "")
    assert "  failed      mesh/ledger " in result.out
    assert result.out.endswith("1 suspended, 1 in sync.\n")


def test_the_status_is_told_to_machines_as_it_came(cli: Cli, tmp_path: Path) -> None:
    with served(StillDaemon(status()), tmp_path) as url:
        result = cli("status", "--url", url, "--format", "json")
    assert json.loads(result.out)["cycle"]["number"] == 42


@pytest.mark.parametrize("code", [ExitCode.OK, ExitCode.PARTIAL, ExitCode.MANIFESTS])
def test_reconcile_exits_with_the_code_of_its_own_cycle(
    cli: Cli, here: Path, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = StillDaemon(calm(), ends={42: ExitCode.ERROR, 43: code})
    with served(daemon, here / ".reconciler") as url:
        monkeypatch.setenv("RECONCILER_URL", url)
        result = cli("reconcile")
    advice = "; see: reconciler status" if code else "."
    assert (result.code, result.out) == (
        code,
        f"Cycle 43 ended with {code} ({code.name.lower()}){advice}\n",
    )


def test_what_goes_wrong_is_one_line(cli: Cli, here: Path) -> None:
    result = cli("reconcile")
    assert result.code == 64
    assert result.err == (
        "reconciler: cannot read the token file .reconciler/token: No such file or directory; "
        "the daemon creates it when it starts: restart it if the file was lost, run this in its "
        "directory as its user, or pass --token-file\n"
    )
    with served(StillDaemon(calm()), here) as url:
        (here / "other").write_text("other", "ascii")
        (here / "other").chmod(0o600)
        result = cli("reconcile", "--url", url, "--token-file", "other")
    assert result.code == 1
    assert result.err.count("\n") == 1
    result = cli("status", "--url", url)
    assert result.code == 1
    assert "connection refused" in result.err
