"""Many targets in one run: accounts and regions of one endpoint, and servers that fail."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.httpsession import URLLib3Session
from conftest import Cli, Write
from manifest_text import mesh_yaml
from servers import Answer, scripted
from terminals import at_terminal, read_until

from reconciler.endpoint import LocalEndpoint

ACCOUNTS = {"dev": "300000000001", "prod": "300000000002"}
FLEET = """
[targets.shop]
accounts = {{ dev = "{dev}", prod = "{prod}" }}
regions = ["eu-west-1", "us-east-1"]
profile = "{{account_name}}"
endpoint_url = "{url}"
owner = "shop"
policy = "sync"
tag_index_lag = 0
{more}
"""
NAMES = ["shop-dev-eu-west-1", "shop-dev-us-east-1", "shop-prod-eu-west-1", "shop-prod-us-east-1"]
APPLY = ("apply", "--all-targets", "--auto-approve")


@pytest.fixture
def fleet(
    endpoint: LocalEndpoint, write: Write, here: Path, monkeypatch: pytest.MonkeyPatch
) -> LocalEndpoint:
    """Return the endpoint of four targets: two accounts, each with two regions."""
    write_fleet(write, endpoint.url)
    lines = (
        f"[profile {name}]\naws_access_key_id = {account}\n"
        "aws_secret_access_key = canary-of-a-key\n"
        for name, account in ACCOUNTS.items()
    )
    write("aws-config", "".join(lines))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(here / "aws-config"))
    # A key in the environment would take precedence over those of the profiles.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    return endpoint


def write_fleet(write: Write, url: str, more: str = "") -> None:
    write("reconciler.toml", FLEET.format(url=url, more=more, **ACCOUNTS))


def results(output: str) -> dict[str, Any]:
    document = json.loads(output)
    assert document["schema"] == 1
    return {row["target"]: row for row in document["targets"]}


def test_many_targets_are_planned_and_applied_each_for_itself(
    cli: Cli, write: Write, fleet: LocalEndpoint
) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a") + "---\n" + mesh_yaml("b"))
    planned = cli("plan", "--all-targets")
    assert (planned.code, planned.err) == (0, "")
    assert planned.out.startswith("4 targets: 4 ok\n\nshop-dev-eu-west-1   ok  Plan: 2 to create,")
    headings = [line[3:] for line in planned.out.splitlines() if line.startswith("== ")]
    assert headings == [", ".join(NAMES)], "equal plans are shown once"
    applied = results(cli(*APPLY, "--format", "json").out)
    assert list(applied) == NAMES
    accounts = [row["result"]["plan"]["target"]["account"] for row in applied.values()]
    assert accounts == [account for account in ACCOUNTS.values() for _ in range(2)]
    assert all(row["result"]["converged"] for row in applied.values())
    again = cli("plan", "--all-targets", "--detailed-exitcode")
    assert again.code == 0
    assert again.out.count("No changes. 2 resources match the manifests.") == 4 + 1
    runs = results(cli("history", "--all-targets", "--format", "json").out)
    assert [len(row["result"]["runs"]) for row in runs.values()] == [1, 1, 1, 1]
    one = cli("history", "--target", NAMES[0], "--format", "json")
    assert [run["target"] for run in json.loads(one.out)["runs"]] == [NAMES[0]]
    assert cli("history", "--target", "shop-prod-*", "abc").code == 64


@pytest.mark.unmeasured
def test_a_glob_selects_targets_and_a_change_of_one_is_its_own(
    cli: Cli, write: Write, fleet: LocalEndpoint
) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a"))
    assert cli("apply", "--target", "shop-dev-*", "--auto-approve").code == 0
    planned = results(cli("plan", "--all-targets", "--detailed-exitcode", "--format", "json").out)
    assert [row["exit_name"] for row in planned.values()] == ["ok", "ok", "pending", "pending"]
    alone = cli("plan", "--target", NAMES[0], "--format", "json")
    assert set(json.loads(alone.out)) == {"calls", "exit_code", "exit_name", "plan"}


@pytest.mark.unmeasured
def test_one_set_of_manifests_has_the_variables_of_each_target(
    cli: Cli, write: Write, fleet: LocalEndpoint
) -> None:
    write_fleet(write, fleet.url, 'variables = { stage = "{account_name}" }')
    write("manifests/a.yaml", mesh_yaml("$stage"))
    assert cli("validate", "--all-targets").code == 0
    planned = cli("plan", "--all-targets").out
    created = [line.split()[1] for line in planned.splitlines() if line.startswith("  + ")]
    # Plans that differ only in the lines of their target are shown once, with these lines.
    assert created == ["mesh/dev", "mesh/prod"]
    headings = [line for line in planned.splitlines() if line.startswith("== ")]
    assert headings == [
        f"== shop-{stage}-eu-west-1, shop-{stage}-us-east-1" for stage in ("dev", "prod")
    ]
    assert planned.count("\ntarget shop-") == planned.count("\nfingerprint ") == 4


@pytest.mark.unmeasured
def test_a_pattern_must_match_on_one_target(cli: Cli, write: Write, fleet: LocalEndpoint) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a"))
    assert cli("apply", "--target", NAMES[0], "--auto-approve").code == 0
    write("manifests/a.yaml", mesh_yaml("b"))
    # Only one target has the mesh a.
    assert cli("plan", "--all-targets", "--only", "mesh/a").code == 0
    for command in (("plan", "--all-targets"), APPLY):
        missing = cli(*command, "--only", "mesh/c")
        assert missing.code == 64
        assert "--only mesh/c matches no resource" in missing.err


@pytest.fixture
def failing(endpoint: LocalEndpoint) -> Iterator[dict[str, str]]:
    """Return the URLs of a good endpoint, of one that throttles and of one that refuses."""

    def throttle(request: str, body: bytes) -> Answer:
        del request, body
        return Answer(
            429, {"message": "slow down"}, {"x-amzn-errortype": "TooManyRequestsException"}
        )

    with socket.socket() as unused, scripted(throttle) as throttling:
        unused.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{unused.getsockname()[1]}"
        yield {"good": endpoint.url, "throttling": throttling.url, "refusing": refusing}


def test_a_target_that_fails_is_one_line_and_stops_no_other(
    cli: Cli, write: Write, failing: dict[str, str]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    tables = (
        f'[targets.{name}]\nendpoint_url = "{url}"\nowner = "o"\n' for name, url in failing.items()
    )
    write("reconciler.toml", "".join(tables))
    applied = cli(*APPLY)
    assert applied.code == 1
    assert "good        ok     Applied: 1 created." in applied.out
    # The table has both errors.
    assert "reconciler: " not in applied.err
    assert "refusing    error  ListMeshes: Could not connect" in applied.out
    described = cli("plan", "--all-targets", "--format", "json")
    lines = [line for line in described.err.splitlines() if line.startswith("reconciler: ")]
    assert sorted(line.split(": ")[1] for line in lines) == ["refusing", "throttling"]
    unmatched = cli("plan", "--all-targets", "--only", "mesh/none")
    assert (unmatched.code, unmatched.out) == (64, "")
    assert "reconciler: refusing: ListMeshes: Could not connect" in unmatched.err
    planned = results(described.out)
    assert planned["good"]["result"]["plan"]["unchanged"] == ["mesh/a"]
    assert planned["refusing"]["result"] is None
    assert "Could not connect" in planned["refusing"]["error"]
    checked = cli("doctor", "--all-targets")
    assert checked.code == 1
    assert "good        ok" in checked.out


def test_a_defect_on_one_target_stops_no_other(
    cli: Cli, write: Write, fleet: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a"))
    create = boto3.Session.client

    def broken(session: Any, service: str, **options: Any) -> Any:
        if options["region_name"] == "us-east-1":
            raise ZeroDivisionError("a defect")
        return create(session, service, **options)

    monkeypatch.setattr(boto3.Session, "client", broken)
    planned = cli("plan", "--all-targets")
    assert (planned.code, planned.err) == (1, "")
    logged = cli("plan", "--all-targets", "--log-level", "debug").err
    assert f"DEBUG {NAMES[1]}: the run has failed" in logged
    # Equal messages are one line.
    (line,) = cli("plan", "--all-targets", "--format", "json").err.splitlines()
    places = f"{NAMES[1]}, {NAMES[3]}"
    assert line.startswith(f"reconciler: {places}: a bug in mesh-reconciler: ZeroDivisionError")
    assert planned.out.startswith("4 targets: 2 ok, 2 error")


@pytest.mark.process
@pytest.mark.measured
@pytest.mark.parametrize(("answer", "created"), [("y", 4), ("n", 0)])
def test_at_a_terminal_it_asks_once_for_all_targets(
    answer: str, created: int, write: Write, fleet: LocalEndpoint, here: Path
) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a"))
    with at_terminal(here, "apply", "--all-targets") as (process, terminal):
        asked = read_until(terminal, b"? [y/N]: ")
        os.write(terminal, f"{answer}\n".encode())
        seen = read_until(terminal, b"\0")
    assert b"Apply these plans to 4 targets? [y/N]: " in asked
    assert process.returncode == (0 if created else 1)
    # A line of the table for each, and one section, as their results are equal.
    assert seen.count(b"Applied: 1 created.") == (created + 1 if created else 0)
    assert (b"Nothing was applied." in seen) is (created == 0)


@pytest.mark.unmeasured
def test_a_signal_ends_the_apply_of_all_targets(
    cli: Cli, write: Write, fleet: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a"))
    send = URLLib3Session.send

    def interrupted(session: Any, request: Any) -> Any:
        if request.method == "PUT":
            before = os.fstat(2).st_size
            os.kill(os.getpid(), signal.SIGTERM)
            # The handler runs in the main thread, and prints when it is done.
            while os.fstat(2).st_size == before:
                time.sleep(0.01)
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", interrupted)
    applied = cli(*APPLY, "--targets-at-once", "1", "--format", "json")
    assert applied.code == 143
    names = [row["exit_name"] for row in results(applied.out).values()]
    assert names == ["ok", "terminated", "terminated", "terminated"]


@pytest.mark.slow
def test_a_target_that_hangs_delays_no_other(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    """Its calls end by their timeouts; the others are done before."""
    write("manifests/a.yaml", mesh_yaml("a"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.1)
        stop, accepted = threading.Event(), list[socket.socket]()

        def accept() -> None:
            while not stop.is_set():
                try:
                    accepted.append(silent.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            write(
                "reconciler.toml",
                f'[targets.hangs]\nendpoint_url = "{url}"\nowner = "o"\n'
                f'[targets.good]\nendpoint_url = "{endpoint.url}"\nowner = "o"\n',
            )
            applied = cli(*APPLY)
        finally:
            stop.set()
            thread.join()
            for connection in accepted:
                connection.close()
    assert applied.code == 1
    assert "good   ok     Applied: 1 created." in applied.out
    assert "hangs  error  " in applied.out


def test_guards_over_all_targets_stop_the_whole_run(
    cli: Cli, write: Write, fleet: LocalEndpoint
) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a") + "---\n" + mesh_yaml("b"))
    assert cli(*APPLY).code == 0
    write("manifests/a.yaml", mesh_yaml("a"))
    budget = cli(*APPLY, "--max-total-deletes", "3")
    assert budget.code == 5
    assert (
        "4 deletes on 4 targets exceed --max-total-deletes 3, so apply changes nothing"
        in budget.out
    )
    wide = cli(*APPLY, "--wide-share", "50%", "--format", "json")
    assert wide.code == 5
    assert json.loads(wide.out)["objection"].endswith("so apply changes nothing: pass --wide")
    planned = cli("plan", "--all-targets", "--wide-share", "50%")
    assert (planned.code, planned.out.count("1 to delete")) == (5, 4 + 1)
    assert cli(*APPLY, "--wide-share", "many").code == 64
    assert cli(*APPLY, "--wide-share", "50%", "--wide").code == 0
    assert cli("plan", "--all-targets", "--detailed-exitcode").code == 0


@pytest.mark.unmeasured
def test_each_target_has_a_lock_of_its_own(
    cli: Cli, write: Write, fleet: LocalEndpoint, here: Path
) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a"))
    applied = cli(*APPLY, "--lock", "file:{target}.lock")
    assert (applied.code, applied.out.count("Applied: 1 created.")) == (0, 5)
    assert sorted(path.name for path in here.glob("*.lock")) == [f"{name}.lock" for name in NAMES]


def test_manifests_are_checked_once_for_each_target(
    cli: Cli, write: Write, fleet: LocalEndpoint
) -> None:
    write("manifests/dev/a.yaml", mesh_yaml("a"))
    write("manifests/prod/a.yaml", "apiVersion: mesh-reconciler/v1\nkind: Mesh\n")
    write_fleet(write, fleet.url, 'source = "manifests/{account_name}"\n')
    checked = cli("validate", "--all-targets")
    assert checked.code == 65
    # Targets with equal results share a section.
    headings = [line[3:] for line in checked.out.splitlines() if line.startswith("== ")]
    assert headings == [", ".join(NAMES[:2]), ", ".join(NAMES[2:])]
    document = results(cli("validate", "--all-targets", "--format", "json").out)
    assert [row["result"]["error_count"] for row in document.values()] == [0, 0, 1, 1]
    planned = cli("plan", "--all-targets")
    assert planned.code == 65
    assert planned.err.count("MR") == 1


REFUSED = {
    "a command for one target": (
        ("adopt", "mesh/a", "--target", "shop-*"),
        "adopt runs on one target, but the options select 4",
    ),
    "a region": (("plan", "--all-targets", "--region", "eu-west-1"), "--region is for one target"),
    "a file for the plan": (
        ("plan", "--all-targets", "--out", "p.json"),
        "--out is for one target",
    ),
    "a saved plan": ((*APPLY, "--plan", "p.json"), "--plan is for one target"),
    "one lease": ((*APPLY, "--lock", "file:lock"), "each target needs its own: put {target} into"),
    "standard input": (("plan", "--all-targets", "-"), "standard input is for one target"),
    "no confirmation": (("apply", "--all-targets"), "apply needs confirmation"),
    "sarif": (("validate", "--all-targets", "--format", "sarif"), "--format sarif is for one"),
    "all and one": (("plan", "--all-targets", "--target", "a"), "remove --target"),
    "an unknown name": (("plan", "--target", "a", "--target", "b"), 'unknown target "a"'),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_options_for_one_target_are_refused_in_one_line(
    arguments: tuple[str, ...], message: str, cli: Cli, write: Write, fleet: LocalEndpoint
) -> None:
    del fleet
    write("manifests/a.yaml", mesh_yaml("a"))
    refused = cli(*arguments)
    assert (refused.code, refused.out, refused.err.count("\n")) == (64, "", 1)
    assert message in refused.err
