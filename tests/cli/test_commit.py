"""The commit of a checkout in what commands print, save and log, and not in what they do."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import urllib3
from conftest import Cli, Start, Write
from daemons import ended, eventually, told_of
from fake_forges import PlayedGitHub
from json_schema import faults
from manifest_text import mesh_yaml
from repository import commit_all, git
from servers import scripted

from reconciler.endpoint import LocalEndpoint
from reconciler.render.output_schema import plan_schema, report_schema

pytestmark = [pytest.mark.process, pytest.mark.unmeasured]

SUBJECT = "Close it \x1b[2J\u202e `</code>` ![x](http://x) @team"
IN_TEXT = r"Close it \x1b[2J\u202e `</code>` ![x](http://x) @team"


@pytest.fixture
def commit(here: Path, write: Write) -> str:
    """Return the commit of a manifest."""
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    git(here, "commit", "--quiet", "--amend", "--message", SUBJECT)
    return git(here, "rev-parse", "HEAD")


@pytest.fixture
def where(endpoint: LocalEndpoint) -> tuple[str, ...]:
    return "--endpoint-url", endpoint.url, "--owner", "o"


def test_plan_and_report_show_it_first(cli: Cli, commit: str, where: tuple[str, ...]) -> None:
    line = f"commit {commit[:12]} by somebody: {IN_TEXT}"
    assert cli("plan", *where).out.splitlines()[1] == line
    assert f"``{line}``" in cli("plan", *where, "--format", "markdown").out.splitlines()[:6]
    result = cli("apply", *where, "--auto-approve").out.splitlines()
    assert (result[1], result[-2]) == (line, line)


def test_json_has_it_whole(cli: Cli, commit: str, where: tuple[str, ...], write: Write) -> None:
    write("manifests/b.yaml", mesh_yaml("b"))
    expected = {"commit": commit, "subject": SUBJECT, "author": "somebody", "dirty": True}
    plan = json.loads(cli("plan", *where, "--format", "json").out)
    report = json.loads(cli("apply", *where, "--auto-approve", "--format", "json").out)
    assert plan["plan"]["revision"] == report["plan"]["revision"] == expected
    for document, schema in ((plan, plan_schema()), (report, report_schema())):
        assert not list(faults(document, schema, schema))


def test_a_plan_is_the_same_plan_with_another_commit_and_without_one(
    cli: Cli, commit: str, where: tuple[str, ...], write: Write, here: Path
) -> None:
    def planned() -> tuple[object, ...]:
        plan = json.loads(cli("plan", *where, "--format", "json").out)["plan"]
        revision = plan["revision"] or {"commit": None, "dirty": None}
        return plan["fingerprint"], revision["commit"], revision["dirty"]

    fingerprint, *first = planned()
    assert first == [commit, False]
    write("manifests/a.yaml", mesh_yaml("a") + "# a comment\n")
    assert planned() == (fingerprint, commit, True)
    later = commit_all(here)
    assert planned() == (fingerprint, later, False)
    (here / ".git").rename(here / ".git-of-before")
    assert planned() == (fingerprint, None, None)


def test_a_saved_plan_shows_its_commit_and_is_applied_at_another(
    cli: Cli, commit: str, where: tuple[str, ...], here: Path, live: object
) -> None:
    assert cli("plan", *where, "--out", "p.plan").code == 0
    commit_all(here)
    line = f"commit {commit[:12]} by somebody: {IN_TEXT}"
    assert cli("show", "p.plan").out.splitlines()[1] == line
    assert cli("apply", *where[:2], "--plan", "p.plan", "--auto-approve").code == 0
    assert callable(live)
    assert set(live()) == {"a"}


def test_a_warning_hides_no_commit(
    cli: Cli, commit: str, where: tuple[str, ...], write: Write
) -> None:
    write("manifests/b.yaml", mesh_yaml("A"))
    result = cli("plan", *where)
    assert "warning" in result.err
    assert result.out.splitlines()[1].startswith(f"commit {commit[:12]} with local changes, by ")


@pytest.mark.parametrize(
    ("arguments", "asks"),
    [
        (("validate",), False),
        (("plan",), True),
        (("apply", "--auto-approve"), True),
        (("run", "--once"), True),
    ],
)
def test_git_is_asked_only_by_commands_that_show_a_plan(
    cli: Cli,
    commit: str,
    where: tuple[str, ...],
    here: Path,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    *,
    asks: bool,
) -> None:
    del commit
    program = here / "bin/git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {here}/asked\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    first, *rest = arguments
    result = cli(first, *rest, *(where if asks else ()))
    assert (result.code, "git" in result.err) == (0, False)
    assert (here / "asked").exists() is asks


def test_once_logs_the_commit_of_each_change_and_of_the_cycle(
    cli: Cli, commit: str, where: tuple[str, ...]
) -> None:
    log = cli("run", *where, "--once", "--log-level", "info", "--log-format", "json").err
    records = [json.loads(line) for line in log.splitlines()]
    facts = [(record["commit"], record["dirty"]) for record in records if "commit" in record]
    # The intent, the outcome, and the end of the cycle.
    assert facts == [(commit, False)] * 3


def test_the_comment_of_the_ci_job_shows_it(
    cli: Cli, commit: str, endpoint: LocalEndpoint, here: Path, monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    (here / "reconciler.toml").write_text(
        f'[targets.staging]\nendpoint_url = "{endpoint.url}"\nowner = "o"\n'
    )
    forge = PlayedGitHub(tmp_path_factory.mktemp("forge"))
    for name in os.environ:
        if name.startswith(("GITHUB_", "GITLAB_", "CI")):
            monkeypatch.delenv(name)
    with scripted(forge) as server:
        for name, value in forge.environment(server.url, "request", commit, commit).items():
            monkeypatch.setenv(name, value)
        assert cli("ci", "--target", "staging").code == 0
    (comment,) = forge.bodies
    assert f"``commit {commit[:12]} by somebody: {IN_TEXT}``" in comment.splitlines()


def get(url: str, path: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"{url}{path}")


def status_url(process: subprocess.Popen[str]) -> str:
    return told_of(process, "status at ").split()[-1]


def test_a_daemon_follows_the_commits(
    cli: Cli, commit: str, start: Start, write: Write, here: Path
) -> None:
    process = start("manifests", "--interval", "3600")
    url = status_url(process)

    def shown() -> object:
        revision = get(url, "/status").json()["source"]["revision"]
        return revision and (revision["commit"], revision["dirty"])

    eventually(lambda: shown() == (commit, False))
    assert (
        f'mesh_reconciler_source_info{{commit="{commit}",dirty="false"}} 1.0'
        in get(url, "/metrics").data.decode()
    )
    assert f"commit {commit[:12]} by somebody: {IN_TEXT}\n" in cli("status", "--url", url).out
    write("manifests/b.yaml", mesh_yaml("b"))
    eventually(lambda: shown() == (commit, True))
    later = commit_all(here)
    eventually(lambda: shown() == (later, False))
    # The commit of manifests that are not valid is not shown: the last valid ones are applied.
    write("manifests/b.yaml", "{")
    commit_all(here)
    eventually(lambda: not get(url, "/status").json()["source"]["valid"])
    assert shown() == (later, False)
    code, log = ended(process, signal.SIGTERM)
    assert code == 0
    assert f"the manifests are of commit {later[:12]} by somebody: a change" in log
