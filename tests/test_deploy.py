"""What is shipped for deployment names files, verbs and options that exist, and runs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from builders import TARGET
from deploy_files import DEPLOY, ROOT, instructions, read, read_all
from programs import require_program
from repository import commit_all
from run_shell import Shell, shell_in

from reconciler.cli.command_table import COMMANDS
from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.rollout import RolloutRules
from reconciler.core.fleet.rollout_status import rollout_status
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.endpoint import LocalEndpoint
from reconciler.settings.options import OPTIONS
from reconciler.web.metrics import FleetScrape, Metrics, exposition

pytestmark = pytest.mark.unmeasured

BIN = Path(sys.executable).parent
GUIDE = (DEPLOY / "README.md").read_text("utf-8")


def commands() -> Iterator[list[str]]:
    """Yield every command line that is shipped, as its arguments."""
    for name in ("mesh-reconciler.service", "github/action.yml", "gitlab-ci.yml"):
        for line in re.findall(r"(?:bin/|run: |- )reconciler (.+)", (DEPLOY / name).read_text()):
            yield shlex.split(re.sub(r"\$\{\w+:\+(.+?)\}(?= |$)", r"\1", line))
    for line in re.findall(r"bin/reconciler (\w+[^#\n]*)", GUIDE):
        yield shlex.split(line)
    (hook,) = read("pre-commit-hooks.yaml")["repos"][0]["hooks"]
    yield shlex.split(hook["entry"])[1:]
    for compose in ("compose.yaml", "compose-postgresql.yaml", "compose-envoy.yaml"):
        for service in read(compose)["services"].values():
            if service["image"] == "mesh-reconciler" and "command" in service:
                yield service["command"]
    yield json.loads(instructions()[-1][1])
    (container,) = read("kubernetes/deployment.yaml")["spec"]["template"]["spec"]["containers"]
    yield container["args"]
    endpoint, *_ = read_all("kubernetes-endpoint/endpoint.yaml")
    yield endpoint["spec"]["template"]["spec"]["containers"][0]["args"]
    server, *_ = read_all("kubernetes-envoy/xds.yaml")
    yield server["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.every_case
@pytest.mark.parametrize("command", [*commands()], ids=" ".join)
def test_every_command_is_one_that_the_command_line_takes(command: list[str]) -> None:
    words = 2 if command[0] == "envoy" else 1
    name, rest = " ".join(command[:words]), command[words:]
    assert name in COMMANDS
    offered = {f"--{option.name}" for option in OPTIONS if option.offered_by(name)}
    said = {it.partition("=")[0] for it in rest if it.startswith("--")}
    assert said <= offered


def test_e05_what_is_shipped_sends_no_credentials_in_the_clear() -> None:
    open_to = re.compile(r"http://(?!127\.|localhost|\[::1\])")
    assert not [command for command in commands() if open_to.search(" ".join(command))]
    # An endpoint beyond loopback needs access keys.
    served = [command for command in commands() if command[0] == "endpoint"]
    assert len(served) == 4
    assert not [command for command in served if "--insecure" in command]
    for path in DEPLOY.rglob("*.toml"):
        assert not open_to.search(path.read_text("utf-8")), path


@pytest.mark.process
def test_the_secrets_of_a_trial_are_accepted_by_the_endpoint(tmp_path: Path) -> None:
    require_program("openssl", purpose="deploy/secrets.sh")
    names = ("CERTIFICATE", "KEY", "CREDENTIALS", "SECRET")
    script = ". deploy/secrets.sh; " + "".join(
        f'printf "%s\\n" "$ENDPOINT_{name}" > {tmp_path}/{name};' for name in names
    )
    subprocess.run(["sh", "-euc", f"umask 077; {script}"], cwd=ROOT, check=True)
    certificate, key, credentials, secret = (tmp_path / name for name in names)
    with LocalEndpoint(None, tls=(certificate, key), credentials=credentials) as endpoint:
        session = boto3.Session("COMPOSE", secret.read_text().strip(), region_name="us-east-1")
        client = session.client("appmesh", endpoint_url=endpoint.url, verify=str(certificate))
        assert client.list_meshes()["meshes"] == []


@pytest.mark.process
def test_the_trial_reads_the_repository_of_the_checkout(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "manifests", tmp_path / "checkout/manifests")
    commit_all(tmp_path / "checkout")
    service = read("compose.yaml")["services"]["reconciler"]
    repository, configuration = (volume.split(":") for volume in service["volumes"])
    assert repository == ["../.git", "/work/meshes.git", "ro"]
    assert configuration == ["./gitconfig", "/work/.gitconfig", "ro"]
    place = tmp_path / "meshes.git"
    (tmp_path / "checkout/.git").rename(place)
    if os.geteuid() == 0:
        # Another user owns a checkout on the host.
        os.chown(place, 65534, 65534)
    text = (DEPLOY / "gitconfig").read_text().replace("/work", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(text)
    path = service["command"][1].removeprefix("${MESHES:-").removesuffix("}")
    command = ["reconciler", "validate", path.replace("/work", str(tmp_path)), "--cache-dir", "c"]
    result = shell_in(tmp_path, BIN)(shlex.join(command), HOME=str(tmp_path))
    assert "Valid: 0 errors" in result


@pytest.mark.process
@pytest.mark.every_case
@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("github/action.yml", "github-actions"),
        ("github/workflow.yml", "github-workflows"),
        ("gitlab-ci.yml", "gitlab-ci"),
        ("compose.yaml", "compose-spec"),
        ("compose-postgresql.yaml", "compose-spec"),
        ("compose-envoy.yaml", "compose-spec"),
    ],
)
def test_each_file_is_what_its_readers_schema_asks_for(name: str, schema: str) -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", f"vendor.{schema}"]
    if schema == "gitlab-ci":
        command += ["--data-transform", schema]
    checked = subprocess.run(
        [*command, str(DEPLOY / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_guide_leads_to_what_there_is() -> None:
    for path in re.findall(r"\]\((?!#|http)([^)]+)\)", GUIDE):
        assert (DEPLOY / path.partition("#")[0]).exists(), path
    headings = re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE)) <= anchors
    for path in re.findall(r"(?:CHECKOUT/| )(deploy/[\w./-]+)", GUIDE):
        assert (ROOT / path).exists(), path


def test_no_digest_is_written_that_was_not_looked_up() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.suffix != ".lock":
            assert not re.search(r"\b[0-9a-f]{40}\b|sha256", path.read_text("utf-8")), path


def test_the_workflow_gives_each_job_what_it_needs_and_a_fork_nothing() -> None:
    workflow = read("github/workflow.yml")
    # YAML 1.1 takes the key "on" for a boolean.
    assert set(workflow[True]) == {"pull_request", "push", "schedule", "workflow_dispatch"}
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "validate": {"contents": "read"},
        "plan": {"contents": "read", "id-token": "write", "pull-requests": "write"},
        "apply": {"contents": "read", "id-token": "write", "pull-requests": "write"},
        "drift": {"contents": "read", "id-token": "write"},
    }
    assert "head.repo.full_name == github.repository" in jobs["plan"]["if"]
    assert "aws-actions" not in str(jobs["validate"])
    assert "environment" not in jobs["validate"]
    for job in jobs.values():
        assert job["steps"][0]["with"]["persist-credentials"] is False
    assert "${{" not in str([step.get("run") for step in steps()])


def holds(condition: str, values: dict[str, str]) -> bool:
    """Evaluate a condition of GitHub's or GitLab's, in which `values` are known by name."""
    variable = r"\$\w+|(?:github|inputs)\.[\w.]+"
    python = re.sub(variable, lambda name: repr(values.get(name[0], "")), condition)
    for theirs, ours in (("&&", " and "), ("||", " or "), ("!(", " not (")):
        python = python.replace(theirs, ours)
    return bool(eval(python, {"__builtins__": {}}))  # noqa: S307  # a file of ours


GITHUB_JOBS = {
    ("pull_request", "change", "", "acme/mesh"): "plan",
    ("pull_request", "change", "", "fork/mesh"): "validate",
    ("push", "main", "", ""): "apply",
    ("schedule", "main", "", ""): "drift",
    ("workflow_dispatch", "main", "", ""): "drift",
    ("workflow_dispatch", "main", "a-plan", ""): "apply",
    ("workflow_dispatch", "change", "", ""): "drift",
    ("workflow_dispatch", "change", "a-plan", ""): "drift",
}


@pytest.mark.every_case
@pytest.mark.parametrize(("event", "job"), GITHUB_JOBS.items())
def test_each_event_on_github_has_exactly_one_job(event: tuple[str, ...], job: str) -> None:
    values = {
        "github.event_name": event[0],
        "github.ref_name": event[1],
        "inputs.expect": event[2],
        "github.event.pull_request.head.repo.full_name": event[3],
        "github.repository": "acme/mesh",
        "github.event.repository.default_branch": "main",
    }
    jobs = read("github/workflow.yml")["jobs"]
    assert [name for name, it in jobs.items() if holds(it["if"], values)] == [job]


GITLAB_JOBS = {
    ("merge_request_event", "", "", "1"): "meshes-plan",
    ("merge_request_event", "", "", "2"): "meshes-validate",
    ("push", "main", "", ""): "meshes-apply",
    ("schedule", "main", "", ""): "meshes-drift",
    ("web", "main", "", ""): "meshes-drift",
    ("web", "main", "a-plan", ""): "meshes-apply",
    ("web", "change", "", ""): "meshes-drift",
    ("web", "change", "a-plan", ""): "meshes-drift",
}


@pytest.mark.every_case
@pytest.mark.parametrize(("event", "job"), GITLAB_JOBS.items())
def test_each_event_on_gitlab_has_exactly_one_job(event: tuple[str, ...], job: str) -> None:
    values = {
        "$CI_PIPELINE_SOURCE": event[0],
        "$CI_COMMIT_BRANCH": event[1],
        "$MESHES_EXPECT": event[2],
        "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID": event[3],
        "$CI_PROJECT_ID": "1",
        "$CI_DEFAULT_BRANCH": "main",
    }
    begun = []
    for name, it in read("gitlab-ci.yml").items():
        rules = (rule for rule in it.get("rules", ()) if holds(rule["if"], values))
        begun += [name for rule in list(rules)[:1] if rule.get("when") != "never"]
    assert begun == [job]


def steps() -> list[dict[str, Any]]:
    return list(read("github/action.yml")["runs"]["steps"])


def test_a_fork_of_a_gitlab_project_gets_validation_alone() -> None:
    template = read("gitlab-ci.yml")
    (rule,) = template["meshes-validate"]["rules"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_PROJECT_ID" in rule["if"]
    assert {"id_tokens", "environment"}.isdisjoint(
        {**template[".meshes"], **template["meshes-validate"]}
    )
    for job in ("meshes-plan", "meshes-apply", "meshes-drift"):
        assert template[job]["extends"] == ".meshes-on-aws"
        assert "environment" in template[job]
        assert "SOURCE_PROJECT_ID !=" not in str(template[job]["rules"])


@pytest.fixture
def forge(tmp_path: Path) -> Shell:
    """Return the shell of a job, in which python and reconciler only say what they are told."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python", "reconciler"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nprintf "{name}"\nprintf " <%s>" "$@"\necho\n')
        program.chmod(0o755)
    return shell_in(tmp_path, programs)


HOSTILE = "x; touch broken-out #$(touch broken-out)"


@pytest.mark.process
def test_the_scripts_of_the_action_take_inputs_for_what_they_are(
    forge: Shell, tmp_path: Path
) -> None:
    result = [
        forge(step["run"], **dict.fromkeys(step["env"], HOSTILE))
        for step in steps()
        if "run" in step
    ]
    assert result == [
        f"python <-m> <pip> <install> <--require-hashes> <--requirement> <{HOSTILE}>\n",
        "reconciler <ci>"
        + "".join(f" <{it}>" for it in (HOSTILE, "--target", HOSTILE, "--lock", HOSTILE))
        + f" <--expect> <{HOSTILE}>\n",
    ]
    unset = dict.fromkeys(steps()[-1]["env"], "") | {"PATHS": "manifests"}
    assert forge(steps()[-1]["run"], **unset) == ("reconciler <ci> <manifests>\n")
    assert not (tmp_path / "broken-out").exists()


@pytest.mark.process
def test_the_scripts_of_the_template_take_variables_for_what_they_are(
    forge: Shell, tmp_path: Path
) -> None:
    template = read("gitlab-ci.yml")
    install, export, write = (
        template[".meshes"]["before_script"] + template[".meshes-on-aws"]["before_script"][1:]
    )
    script = "\n".join([install, export, write, *template["meshes-apply"]["script"]])
    result = forge(
        f'{script}\nstat -c %a "$AWS_WEB_IDENTITY_TOKEN_FILE"; cat "$AWS_WEB_IDENTITY_TOKEN_FILE"',
        MESHES_TARGET=HOSTILE, MESHES_LOCK=HOSTILE, MESHES_ID_TOKEN="token", TMPDIR=str(tmp_path),
    )  # fmt: skip
    assert result == (
        "python <-m> <pip> <install> <--require-hashes> <--requirement>"
        " <.gitlab/mesh-reconciler/requirements.txt>\n"
        f"reconciler <ci> <manifests> <--target> <{HOSTILE}> <--lock> <{HOSTILE}>\n600\ntoken"
    )
    assert not (tmp_path / "broken-out").exists()


@pytest.mark.process
def test_the_hook_reads_the_whole_directory(tmp_path: Path) -> None:
    (hook,) = read("pre-commit-hooks.yaml")["repos"][0]["hooks"]
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    assert "Valid: 0 errors" in shell_in(tmp_path, BIN)(hook["entry"])
    assert not hook["pass_filenames"]
    assert re.search(hook["files"], "manifests/a.yaml")
    assert not re.search(hook["files"], "other/manifests/a.yaml")


@pytest.mark.process
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = require_program("systemd-analyze", purpose="the systemd unit")
    unit = (DEPLOY / "mesh-reconciler.service").read_text()
    program = tmp_path / "reconciler"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "mesh-reconciler.service"
    copy.write_text(unit.replace("/opt/mesh-reconciler/bin/reconciler", str(program)))
    checked = subprocess.run(
        [analyze, "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert "mesh-reconciler.service:" not in checked.stderr
    assert checked.returncode == 0, checked.stderr


@pytest.mark.process
def test_prometheus_takes_the_alerts() -> None:
    promtool = require_program("promtool", purpose="the expressions of the alerts")
    checked = subprocess.run(
        [promtool, "check", "rules", str(DEPLOY / "alerts.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def expressions() -> Iterator[str]:
    """Yield every expression of the alerts and of the dashboard."""
    (group,) = read("alerts.yaml")["groups"]
    yield from (rule["expr"] for rule in group["rules"])
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.every_case
@pytest.mark.parametrize("expression", [*expressions()])
def test_every_expression_selects_series_that_the_daemon_has(expression: str) -> None:
    revision = SourceRevision("c" * 40, "subject", "author")
    now = DaemonStatus(TARGET, "platform", "sync", 0.0, 60.0, revision=revision)
    now = replace(now, calls={"ListMeshes": 1}, responses={"ok": 1})
    rollout = rollout_status(FleetRecord(), RolloutRules((), 0.0, frozenset(), 1))
    of_fleet, _ = exposition(FleetScrape({}, rollout=rollout))
    text = (Metrics().exposition(now, 0.0)[0] + of_fleet).decode()
    # Prometheus adds the job.
    asked = re.findall(r"(mesh_reconciler_\w+)(?:{(.+?)})?", expression.replace('job=~"$job"', ""))
    assert asked
    for name, selector in asked:
        series = re.findall(rf"^{name}(?:{{(.*)}})? ", text, re.MULTILINE)
        assert series, name
        wanted = selector.strip(",")
        assert "!=" in wanted or any(wanted in it for it in series), expression
    for labels in re.findall(r"by \(([\w, ]+)\)", expression):
        # A daemon of many targets adds the target.
        known = set(re.findall(r'(\w+)="', text)) | {"job", "instance", "target"}
        assert set(labels.split(", ")) <= known


@pytest.mark.process
def test_prometheus_takes_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    promtool = require_program("promtool", purpose="the expressions of the dashboard")
    rules = [
        {"record": f"panel:{number}", "expr": it.replace("$__rate_interval", "5m")}
        for number, it in enumerate(expressions())
    ]
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    command = [promtool, "check", "rules", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
