"""The verbs at a terminal and in a pipe."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forks
import pytest
from amounts import amount
from conftest import Cli
from manifest_text import mesh_yaml
from terminals import at_terminal, read_until

from reconciler import engine
from reconciler.cli.command_table import COMMANDS
from reconciler.cli.output import wants_color
from reconciler.core.report import Report
from reconciler.endpoint import LocalEndpoint
from reconciler.settings.options import OPTIONS

pytestmark = pytest.mark.measured

Write = Callable[[str, str], Path]
COMMAND = [sys.executable, "-m", "reconciler"]


def test_validate_counts_what_it_read(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a") + "---\napiVersion: v1\nkind: Namespace\n")
    result = cli("validate")
    assert result.code == 0
    assert result.out == "Valid: 0 errors, 0 warnings, 1 resource, 1 ignored.\n"
    document = json.loads(cli("validate", "--format", "json").out)
    assert (document["resource_count"], document["ignored_count"]) == (1, 1)
    assert cli("validate", "-", stdin=mesh_yaml("b")).code == 0


def test_validate_shows_the_excluded_and_ignored_files(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("manifests/policy.json", '{"Version": "2012-10-17", "Statement": []}')
    write("manifests/charts/broken.yaml", "{{ a }}")
    write("manifests/other/broken.yaml", "{{ a }}")
    write("manifests/.reconcilerignore", "charts/\n")
    write("reconciler.toml", "[targets.local]\nexclude = ['other/*.yaml']\n")
    assert cli("validate").code == 65
    result = cli("validate", "--target", "local", "-v")
    assert result.out.splitlines() == [
        "ignored: 1 of manifests/policy.json",
        "excluded by a pattern: manifests/charts/",
        "excluded by a pattern: manifests/other/broken.yaml",
        "Valid: 0 errors, 0 warnings, 1 resource, 1 ignored, 2 paths excluded.",
    ]
    document = json.loads(cli("validate", "--target", "local", "--format", "json", "-v").out)
    assert document["ignored"] == {"manifests/policy.json": 1}
    assert document["ignored_files"] == ["manifests/charts/", "manifests/other/broken.yaml"]
    write("reconciler.toml", "[targets.local]\nexclude = ['[a']\n")
    wrong = cli("validate", "--target", "local")
    assert (wrong.code, "exclude in the target's table" in wrong.err) == (64, True)


def test_values_of_stacks_come_from_a_file(cli: Cli, write: Write) -> None:
    write(
        "manifests/t.yaml",
        "Parameters: {Stage: {Type: String}}\nResources:\n  M: {Type: AWS::AppMesh::Mesh, "
        "Properties: {MeshName: !Sub '${Stage}-mesh', Tags: [{Key: a, Value: !ImportValue b}]}}\n",
    )
    stack = '{"Outputs": [], "Parameters": [{"ParameterKey": "Stage", "ParameterValue": "test"}]}'
    write("stack.json", f'{{"Stacks": [{stack}]}}')
    write("exports.json", '{"Exports": [{"Name": "b", "Value": "c"}]}')
    assert "--var Export:b=VALUE or --stack-outputs FILE" in cli("validate").out
    files = ("--stack-outputs", "stack.json", "--stack-outputs", "exports.json")
    assert cli("validate", *files).code == 0
    assert cli("validate", "--var", "Stage=x", "--var", "Export:b=y").code == 0
    assert "mesh/test-mesh" in cli("plan", "--target", "local", *files).out
    assert cli("validate", "--stack-outputs", "manifests/t.yaml").code == 64


def test_a_missing_reference_is_withheld_unless_it_is_live(cli: Cli, write: Write) -> None:
    write("manifests/mesh.yaml", mesh_yaml("a"))
    node = "apiVersion: mesh-reconciler/v1\nkind: VirtualNode\nmetadata: {name: n, mesh: a}\n"
    service = "apiVersion: mesh-reconciler/v1\nkind: VirtualService\nmetadata: {name: s, mesh: a}\n"
    provider = "spec: {provider: {virtualNode: {virtualNodeName: n}}}\n"
    write("manifests/s.yaml", service + provider)
    apply = ("apply", "--target", "local", "--auto-approve")
    assert (cli("validate").code, cli("validate", "--strict").code) == (0, 65)
    result = cli(*apply)
    assert (result.code, "it needs virtual-node/a/n, which does not exist" in result.out) == (
        5,
        True,
    )
    write("other/mesh.yaml", mesh_yaml("a"))
    write("other/n.yaml", f"{node}spec: {{}}\n")
    assert cli(*apply, "other").code == 0
    result = cli(*apply)
    assert (result.code, "virtual-service/a/s: created" in result.out) == (0, True)


def test_an_excluded_manifest_is_removed_from_the_source(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("manifests/b.yaml", mesh_yaml("b"))
    apply = ("apply", "--target", "local", "--policy", "sync", "--auto-approve")
    assert cli(*apply).code == 0
    write("manifests/.reconcilerignore", "b.yaml\n")
    assert "- mesh/b  manifest removed" in cli(*apply).out
    write("manifests/.reconcilerignore", "*\n")
    result = cli(*apply)
    assert (result.code, "no manifest found" in result.err) == (65, True)


def test_validate_reports_wrong_values_and_wrong_references_in_one_run(
    cli: Cli, write: Write
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "NO"))
    where = "apiVersion: mesh-reconciler/v1\nkind: VirtualService\nmetadata: {name: s, mesh: a}\n"
    provider = "spec: {provider: {virtualNode: {virtualNodeName: gone}}}\n"
    write("manifests/s.yaml", where + provider)
    result = cli("validate")
    assert result.code == 65
    wrong = (
        "virtual-service/a/s refers to virtual-node/a/gone,"
        " which is not declared although its mesh is"
        " (unless it is live on the target, the change is withheld)"
    )
    assert result.out.splitlines()[3:] == [
        f"manifests/s.yaml:4:50: warning[MR060] spec.provider.virtualNode.virtualNodeName: {wrong}",
        "   4 | spec: {provider: {virtualNode: {virtualNodeName: gone}}}",
        "     |                                                  ^^^^",
        "Not valid: 1 error, 1 warning, 1 resource.",
    ]
    Path("manifests/n.yaml").symlink_to("nowhere")
    result = cli("validate")
    # What cannot be read may be just what others name.
    assert "error[MR003]" in result.out
    assert "MR060" not in result.out


@pytest.mark.parametrize("style", ["json", "sarif", "github"])
def test_validate_tells_machines(cli: Cli, write: Write, style: str) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "NO"))
    result = cli("validate", "--format", style)
    assert result.code == 65
    assert "MR021" in result.out
    if style != "github":
        json.loads(result.out)


def test_warnings_fail_only_where_asked(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a") + "---\n" + mesh_yaml("A"))
    assert cli("validate").code == 0
    assert cli("validate", "--strict").code == 65
    result = cli("plan", "--target", "local")
    assert result.code == 0
    assert "warning[MR050]" in result.err


def test_validate_reads_the_source_of_the_default_target(cli: Cli, write: Write) -> None:
    write("elsewhere/a.yaml", mesh_yaml("a"))
    write("reconciler.toml", 'target = "t"\n[targets.t]\nsource = "elsewhere"\n')
    assert cli("validate").code == 0


def test_the_variable_counts_before_the_file_and_the_flag_before_both(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("reconciler.toml", 'owner = "file"\n[plan]\ndetailed_exitcode = true\n')
    assert "owner file" in cli("plan", "--target", "local").out
    assert cli("plan", "--target", "local").code == 2
    monkeypatch.setenv("RECONCILER_OWNER", "variable")
    assert "owner variable" in cli("plan", "--target", "local").out
    assert "owner flag" in cli("plan", "--target", "local", "--owner", "flag").out


def test_a_target_in_the_file_counts_before_the_files_own_top(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write(
        "reconciler.toml",
        f'target = "t"\nowner = "top"\n'
        f'[targets.t]\nendpoint_url = "{endpoint.url}"\nowner = "table"\nregion = "eu-north-1"\n',
    )
    result = cli("plan").out
    assert (
        f"target t ({endpoint.url}), account 123456789012, region eu-north-1, owner table" in result
    )
    assert "owner flag" in cli("plan", "--owner", "flag").out


def test_an_endpoint_of_the_aws_environment_is_a_target(
    cli: Cli, write: Write, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_APP_MESH", endpoint.url)
    assert f"target {endpoint.url}, account" in cli("plan", "--owner", "o").out


def test_the_local_target_keeps_its_data_and_sends_nobodys_credentials(
    cli: Cli, write: Write, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    result = cli("apply", "--target", "local", "--auto-approve")
    assert result.code == 0
    assert "account 000000000000, region eu-west-1, owner mesh-reconciler" in result.out
    assert (here / ".reconciler").stat().st_mode & 0o777 == 0o700
    assert "No changes" in cli("plan", "--target", "local").out


def test_a_no_at_the_question_applies_nothing(
    cli: Cli, write: Write, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    monkeypatch.setattr("reconciler.cli.command.sys", SimulatedTerminal)
    where = ("--endpoint-url", endpoint.url, "--owner", "o")
    result = cli("apply", *where, stdin="n\n")
    assert result.code == 1
    assert "Nothing was applied." in result.out
    agreed = cli("apply", *where, stdin="y\n")
    assert agreed.code == 0
    assert "mesh/a: created" in agreed.out


def test_json_at_a_terminal_shows_nothing_to_agree_to(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.cli.command.sys", SimulatedTerminal)
    for command in ("apply", "adopt", "release"):
        key = [] if command == "apply" else ["mesh/a"]
        result = cli(command, *key, "--target", "local", "--format", "json")
        assert result.code == 64
        assert f"{command} needs confirmation, but --format json shows no plan" in result.err


class SimulatedTerminal:
    """A stdin that says it is a terminal."""

    class stdin:  # noqa: N801  # it stands for sys.stdin
        @staticmethod
        def isatty() -> bool:
            return True


@pytest.mark.unmeasured
@pytest.mark.process
def test_p12_two_runs_on_one_data_folder_help_each_other(here: Path, write: Write) -> None:
    meshes = amount("meshes of three runs at once on one directory", test=8, full=60)
    for number in range(meshes):
        write(f"manifests/m{number}.yaml", mesh_yaml(f"m{number}"))
    apply = [*COMMAND, "apply", "--target", "local", "--auto-approve"]
    plan = [*COMMAND, "plan", "--target", "local"]
    for commands in ([apply, plan, plan], [plan, plan, apply], [plan, plan, plan]):
        running = [
            subprocess.Popen(
                command, cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            for command in commands
        ]
        ends = [(process.communicate()[1], process.returncode) for process in running]
        assert ends == [("", 0)] * 3


@pytest.mark.process
@pytest.mark.sample(2)
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_nothing_to_stumble_over(
    here: Path, write: Write, closed: str
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    program = f"{sys.executable} -m reconciler apply --target local --auto-approve {closed}"
    ended = subprocess.run(["bash", "-c", program], cwd=here, capture_output=True, check=False)
    assert ended.returncode == 0
    assert b"bug" not in ended.stderr


@pytest.mark.sample(1)
@pytest.mark.process
@pytest.mark.parametrize(("style", "code"), [("text", 0), ("json", 1), ("markdown", 1)])
def test_results_that_cannot_be_written_stop_no_apply(
    here: Path, write: Write, cli: Cli, style: str, code: int
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    arguments = ("apply", "--target", "local", "--auto-approve", "--format", style)
    with Path("/dev/full").open("w") as full:
        ended = forks.run(*arguments, cwd=here, stdout=full, stderr=subprocess.PIPE)
    # A document of which a part is missing must not pass for a whole one.
    assert ended.returncode == code
    assert "writing results: No space left on device" in ended.stderr
    assert "No changes" in cli("plan", "--target", "local").out


@pytest.mark.process
def test_a_plugin_of_pydantic_sees_no_manifest(here: Path, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("plugins/spy.py", "raise SystemExit('the plugin was loaded')")
    write("plugins/spy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
    write("plugins/spy-1.0.dist-info/entry_points.txt", "[pydantic]\nspy = spy:plugin\n")
    environment = {**os.environ, "PYTHONPATH": str(here / "plugins")}
    command = [*COMMAND, "validate"]
    ended = subprocess.run(command, cwd=here, env=environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.process
def test_a_reader_who_has_gone_is_nobodys_fault(here: Path) -> None:
    program = f"{sys.executable} -m reconciler schema | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", program], cwd=here, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.process
@pytest.mark.sample(2)
@pytest.mark.parametrize("command", ["plan", "validate", "schema", "doctor", "describe mesh/a"])
def test_a_result_that_cannot_be_written_whole_is_an_error(
    command: str, here: Path, write: Write
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    where = () if command in ("validate", "schema") else ("--target", "local")
    with Path("/dev/full").open("w") as full:
        ended = forks.run(*command.split(), *where, cwd=here, stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 1
    assert ended.stderr.endswith(
        "writing results: No space left on device; the output is incomplete\n"
    )


@pytest.mark.process
@pytest.mark.sample(2)
@pytest.mark.parametrize("after_seconds", [0.02, 0.06, 0.1, 0.2, 0.3])
def test_an_early_interruption_is_no_stack_trace(
    here: Path, write: Write, after_seconds: float
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    # What measures branches starts first and holds locks that an interruption would leave closed.
    unmeasured = {name: it for name, it in os.environ.items() if not name.startswith("COV")}
    process = subprocess.Popen(
        [*COMMAND, "plan", "--target", "local"], cwd=here, env=unmeasured,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(after_seconds)
    process.send_signal(signal.SIGINT)
    _, result = process.communicate()
    # Before our first line runs, Python itself tells of the interruption.
    assert "reconciler/" not in result


@pytest.mark.sample(1)
@pytest.mark.process
@pytest.mark.parametrize("style", ["text", "json"])
def test_p03_a_reader_that_goes_away_stops_no_apply(
    write: Write, endpoint: LocalEndpoint, cli: Cli, here: Path, style: str
) -> None:
    for number in range(20):
        write(f"manifests/m{number}.yaml", mesh_yaml(f"m{number}"))
    where = ["--endpoint-url", endpoint.url, "--owner", "o"]
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ("apply", *where, "--auto-approve", "--format", style)
    process = forks.run(*arguments, stdout=writing, stderr=subprocess.PIPE, cwd=here)
    os.close(writing)
    assert "Traceback" not in process.stderr
    assert "No changes" in cli("plan", *where).out


def test_at_a_terminal_it_asks_in_color_and_takes_yes(
    write: Write, endpoint: LocalEndpoint, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    arguments = ("apply", "--endpoint-url", endpoint.url, "--owner", "o")
    with at_terminal(here, *arguments) as (process, terminal):
        seen = read_until(terminal, b"Apply this plan?")
        os.write(terminal, b"y\n")
        seen += read_until(terminal, b"\0")
    assert process.returncode == 0
    assert b"\x1b[32m" in seen
    assert b"mesh/a: created" in seen


@pytest.mark.parametrize(
    ("choice", "environment", "expected"),
    [
        ("always", {}, True),
        ("never", {}, False),
        ("auto", {}, False),
        ("auto", {"NO_COLOR": "1"}, False),
    ],
)
def test_color_is_for_terminals(
    choice: str,
    environment: dict[str, str],
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_color(choice) is expected


def test_a_bug_of_ours_is_one_line_and_a_trace_only_where_asked(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("reconciler.cli.run_context.read_manifests", broken)
    result = cli("plan", "--target", "local")
    assert result.code == 1
    assert "a bug in mesh-reconciler: ZeroDivisionError: a defect" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in cli("plan", "--target", "local", "--log-level", "debug").err


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError])
def test_an_interruption_is_no_trace(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))

    def interrupted(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("reconciler.cli.run_context.read_manifests", interrupted)
    result = cli("plan", "--target", "local")
    assert result.code == (130 if error is KeyboardInterrupt else 1)
    assert "Traceback" not in result.err


def test_an_interrupted_apply_ends_its_calls_reports_and_exits_130(
    write: Write, cli: Cli, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    send = engine.apply

    def interrupted(*arguments: Any) -> Report:
        os.kill(os.getpid(), signal.SIGINT)
        return send(*arguments)

    monkeypatch.setattr(engine, "apply", interrupted)
    result = cli("apply", "--endpoint-url", endpoint.url, "--owner", "o", "--auto-approve")
    assert result.code == 130
    assert "mesh/a: create skipped: the run was interrupted" in result.out
    assert "Applied: 3 skipped." in result.out


def test_json_says_the_code_of_a_run_that_was_cut_short(
    write: Write, cli: Cli, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    send = engine.apply

    def interrupted(*arguments: Any) -> Report:
        os.kill(os.getpid(), signal.SIGTERM)
        return send(*arguments)

    monkeypatch.setattr(engine, "apply", interrupted)
    where = ("--endpoint-url", endpoint.url, "--owner", "o", "--auto-approve")
    result = cli("apply", *where, "--format", "json")
    assert result.code == 143
    assert json.loads(result.out)["exit_code"] == 143


def test_help_names_every_verb_and_every_option(cli: Cli) -> None:
    for command in COMMANDS:
        assert command in cli("--help").out
        result = cli(command, "--help")
        assert result.code == 0
        offered = {f"--{option.name}" for option in OPTIONS if option.offered_by(command)}
        listed = set(re.findall(r"^  (?:-v, )?(--[a-z-]+)", result.out, re.MULTILINE))
        assert listed == offered | {"--config"}
    assert cli("--version").out.startswith("reconciler, version ")


def test_without_a_verb_the_help_is_shown_and_usage_is_wrong(cli: Cli) -> None:
    result = cli()
    assert result.code == 64
    assert "Usage: reconciler" in result.err
    assert len(result.err.splitlines()) > 10


def test_where_no_target_is_named_one_line_shows_the_choice(cli: Cli) -> None:
    result = cli("plan")
    assert result.code == 64
    assert result.err.count("\n") == 1


@pytest.mark.process
def test_help_and_validate_import_no_boto3(here: Path, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    program = (
        "import sys; from reconciler.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, 'boto3' in sys.modules, 'pydantic' in sys.modules)"
    )
    for arguments, expected in ((["--help"], "0 False False"), (["validate"], "0 False True")):
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=here, capture_output=True, check=True, text=True,
        )  # fmt: skip
        assert result.stdout.splitlines()[-1] == expected
