"""Messages that say what to do next, to a user who has only the manual."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import forks
import pytest
from amounts import amount
from cli.asking import ASKING
from conftest import Cli, Start, Write
from daemons import ended, told_of
from manifest_text import mesh_yaml
from servers import Answer, scripted
from terminals import at_terminal

from reconciler.cli.command_table import COMMANDS
from reconciler.cli.hints import COMMAND_HINTS, OPTION_HINTS
from reconciler.endpoint import LocalEndpoint
from reconciler.settings.options import ALL_COMMANDS, OPTIONS

pytestmark = pytest.mark.measured

MISSING_SOURCE = (
    "manifests does not exist (the default PATH): create it, pass the PATH of the manifests, or "
    "set source in the target's table of reconciler.toml"
)


@pytest.mark.parametrize(
    "arguments", [["validate"], ["plan"], ["describe", "mesh/a"]], ids=lambda item: item[0]
)
def test_a_missing_default_source_is_named_as_the_default(arguments: list[str], cli: Cli) -> None:
    result = cli(*arguments, "--target", "local")
    assert (result.code, result.err) == (64, f"reconciler: {MISSING_SOURCE}\n")


def test_a_missing_path_is_not_called_the_default(cli: Cli) -> None:
    for path in ("nowhere", "no/such/directory"):
        assert f"{path} does not exist: create it, pass" in cli("validate", path).err


@pytest.mark.process
def test_run_waits_for_a_missing_source_with_one_line(write: Write, start: Start) -> None:
    process = start()
    told_of(process, "status at")
    told_of(process, f"waiting for the manifests: {MISSING_SOURCE}")
    write("volume/a.yaml", mesh_yaml("a")).parent.rename("manifests")
    assert process.stderr is not None
    assert "the manifests are valid again" in process.stderr.readline()
    assert ended(process, signal.SIGTERM)[0] == 0


def test_an_empty_directory_shows_which_files_are_read(cli: Cli) -> None:
    result = cli("validate", ".")
    assert result.code == 65
    assert (
        "no manifest found (files named *.yaml, *.yml, *.json or *.template are read; if the "
        "source is meant to be empty, pass --allow-empty to plan, apply or run)"
    ) in result.out


INVALID_URL = "use http://HOST:PORT or https://HOST"
KINDS = "mesh, virtual-node, virtual-router, route, virtual-service, virtual-gateway, gateway-route"
SETTINGS = {
    "a similar target, and no settings file": (
        ["plan", "--target", "locl"],
        "",
        (
            'unknown target "locl" (did you mean local?): use one of local, aws (there is no '
            "reconciler.toml here that defines others)"
        ),
    ),
    "a similar target of the settings file": (
        ["validate", "--target", "stagign"],
        "[targets.staging]\n",
        'unknown target "stagign" (did you mean staging?): use one of local, aws, staging',
    ),
    "a URL of an option": (
        ["plan", "--endpoint-url", "h", "--owner", "o"],
        "",
        f"invalid endpoint URL in --endpoint-url: {INVALID_URL}",
    ),
    "a URL of the settings file": (
        ["plan", "--owner", "o"],
        'endpoint_url = "h"\n',
        f"invalid endpoint URL in endpoint_url of reconciler.toml: {INVALID_URL}",
    ),
    "a URL of a target": (
        ["plan", "--target", "t", "--owner", "o"],
        '[targets.t]\nendpoint_url = "http://u:p@h"\n',
        (
            "invalid endpoint URL in targets.t.endpoint_url of reconciler.toml: remove the user, "
            "password, query or fragment"
        ),
    ),
    "a name for a key": (
        ["describe", "shop", "--target", "local"],
        "",
        f"shop is not a key: a key is kind/name, such as mesh/shop, and the kinds are {KINDS}",
    ),
    "an unknown kind": (
        ["release", "virtualnode/shop/web", "--target", "local"],
        "",
        (
            "virtualnode/shop/web is not a key: a key is kind/name, such as mesh/payments, and the "
            f"kinds are {KINDS}"
        ),
    ),
    "a path for a key": (
        ["adopt", "mesh/shop", "reconciler.toml", "--target", "local", "--auto-approve"],
        "[targets]\n",
        (
            "reconciler.toml is a path, but adopt takes only keys: to read manifests outside of "
            "manifests/, set source in the target's table of reconciler.toml"
        ),
    ),
    "a target before the confirmation": (
        ["apply", "--target", "no"],
        "[targets]\n",
        'unknown target "no": use one of local, aws',
    ),
    "a limit before the confirmation": (
        ["apply", "--target", "local", "--max-updates", "x"],
        "",
        'invalid --max-updates "x": use a number or a share such as 30%',
    ),
    "an owner before the confirmation": (
        ["release", "mesh/a", "--target", "t"],
        '[targets.t]\nendpoint_url = "http://127.0.0.1:1"\n',
        (
            "no owner given: pass --owner ID or set owner in the target's table of "
            "reconciler.toml; it is a name of your choice that marks the resources of this source "
            "on target t"
        ),
    ),
    "no target": (
        ["plan"],
        "[targets.staging]\n[targets.local]\n",
        (
            "no target given: pass --target NAME (local, aws, staging) or --endpoint-url URL, or "
            "set target in reconciler.toml; local is the embedded endpoint"
        ),
    ),
    "a mistyped command": (
        ["aply"],
        "",
        'no command "aply" (did you mean apply?) (see reconciler --help)',
    ),
    "an unknown command": (["xyzzy"], "", 'no command "xyzzy" (see reconciler --help)'),
    "a mistyped command of two words": (
        ["envoy", "exprt", "out"],
        "",
        'no command "envoy exprt" (did you mean envoy export?) (see reconciler --help)',
    ),
    "the first word of commands": (
        ["notify"],
        "",
        'no command "notify": use one of notify test (see reconciler --help)',
    ),
    "a command of another tool": (
        ["destroy"],
        "",
        (
            'no command "destroy": remove the manifest, then run apply --policy sync (see '
            "reconciler --help)"
        ),
    ),
    "a mistyped option": (
        ["plan", "--polcy=sync"],
        "",
        "plan has no option --polcy (did you mean --policy?) (see reconciler plan --help)",
    ),
    "an unknown option": (
        ["plan", "--xyzzy"],
        "",
        "plan has no option --xyzzy (see reconciler plan --help)",
    ),
    "an option of another command": (
        ["plan", "--auto-approve"],
        "",
        (
            "plan has no option --auto-approve: it is an option of apply, adopt, release (see "
            "reconciler plan --help)"
        ),
    ),
    "an option with one dash": (
        ["apply", "manifests", "-auto-approve"],
        "",
        "apply has no option -auto-approve: use --auto-approve (see reconciler apply --help)",
    ),
    "a short option of another tool": (
        ["apply", "-f", "manifests"],
        "",
        (
            "apply has no option -f: pass the PATH without an option, such as manifests (see "
            "reconciler apply --help)"
        ),
    ),
    "a short option with a value": (
        ["plan", "-phunter2"],
        "",
        "plan has no option -p (see reconciler plan --help)",
    ),
    "a long option of another tool": (
        ["apply", "--dry-run"],
        "",
        (
            "apply has no option --dry-run: use plan, which writes nothing (see reconciler apply "
            "--help)"
        ),
    ),
    "an option before the command": (
        ["--target", "local", "plan"],
        "",
        "--target is before the command: pass all options after it (see reconciler --help)",
    ),
    "a mistyped path": (
        ["validate", "./reconciler.tml"],
        "[targets]\n",
        (
            "./reconciler.tml does not exist (did you mean ./reconciler.toml?): create it, pass "
            "the PATH of the manifests, or set source in the target's table of reconciler.toml"
        ),
    ),
    "an address without a port": (
        ["run", "--endpoint-url", "http://127.0.0.1:1", "--owner", "o", "--listen", "127.0.0.1"],
        "",
        'invalid --listen "127.0.0.1": use HOST:PORT',
    ),
    "an address that others reach": (
        ["run", "--endpoint-url", "http://127.0.0.1:1", "--owner", "o", "--listen", "0.0.0.0:0"],
        "",
        (
            "cannot serve the status: 0.0.0.0 is not a loopback address: use 127.0.0.1, or pass an "
            "IP address and --insecure to serve every client that can reach it"
        ),
    ),
    "no number": (
        ["plan", "--max-deletes", "x"],
        "",
        (
            "Invalid value for '--max-deletes': 'x' is not a valid whole number. (see reconciler "
            "plan --help)"
        ),
    ),
    "no plan file": (
        ["show", "nosuch.plan"],
        "",
        (
            "cannot read the plan nosuch.plan: No such file or directory; pass a file that --out "
            "of plan or ci wrote"
        ),
    ),
}


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("rollback", ["plan and apply --revision COMMIT", "git revert"]),
        ("stop", ["Ctrl-C", "--policy observe"]),
        ("pause", ["Ctrl-C", "--policy observe"]),
        ("trace", ["envoy explain KEY", "graph"]),
        ("route", ["envoy explain KEY", "graph"]),
        ("why", ["describe KEY", "envoy explain KEY"]),
    ],
)
def test_a_hint_names_each_command_of_its_answer(
    command: str, options: list[str], cli: Cli
) -> None:
    result = cli(command, "x")
    assert (result.code, result.out) == (64, "")
    assert all(option in result.err for option in options)


def test_hints_are_only_for_names_that_are_not_ours() -> None:
    assert COMMAND_HINTS.keys().isdisjoint(COMMANDS)
    of_all = {f"--{option.name}" for option in OPTIONS if option.commands == ALL_COMMANDS}
    assert OPTION_HINTS.keys().isdisjoint(of_all)


@pytest.mark.parametrize(("arguments", "settings", "message"), SETTINGS.values(), ids=SETTINGS)
def test_wrong_usage_shows_the_setting_and_the_remedy(
    arguments: list[str], settings: str, message: str, cli: Cli, write: Write
) -> None:
    if settings:
        write("reconciler.toml", settings)
    result = cli(*arguments)
    assert (result.code, result.out, result.err) == (64, "", f"reconciler: {message}\n")


@pytest.mark.parametrize(
    ("variable", "setting"),
    [
        ("RECONCILER_ENDPOINT_URL", "RECONCILER_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL", "the AWS environment (AWS_ENDPOINT_URL) or profile"),
    ],
)
@pytest.mark.parametrize("url", ["h", "http://u:canary-of-a-secret@h"])
def test_an_invalid_url_of_the_environment_shows_its_variable(
    variable: str, setting: str, url: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, url)
    result = cli("plan", "--owner", "o")
    assert result.code == 64
    assert f"invalid endpoint URL in {setting}: " in result.err


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]], ids=["plan", "apply"])
def test_invalid_manifests_make_no_plan(command: list[str], cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "NO"))
    result = cli(*command, "--target", "local")
    assert result.code == 65
    assert result.err.endswith("reconciler: the manifests are not valid, so no plan was made\n")


def test_a_second_endpoint_shows_the_ways_out(cli: Cli, here: Path) -> None:
    with LocalEndpoint(here / ".reconciler") as holder:
        result = cli("endpoint", "--listen", "127.0.0.1:0")
    assert (result.code, result.err) == (
        7,
        (
            "reconciler: another process serves the data directory .reconciler at "
            f"{holder.url}: use that URL, stop that process, or pass another --data DIR\n"
        ),
    )


@pytest.mark.process
@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_last_record_of_run_is_the_signal_that_stopped_it(
    number: signal.Signals, write: Write, start: Start
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    process = start()
    told_of(process, "cycle done")
    code, log = ended(process, number)
    assert code == 0
    assert log.splitlines()[-1].endswith(f" INFO stopped by {number.name}")


def test_an_export_into_a_file_is_one_line_and_leaves_no_part(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    cli("apply", "--target", "local", "--auto-approve")
    for place in ("/dev/full", str(write("file", "text"))):
        result = cli("export", "--target", "local", "--to", place)
        assert (result.code, result.err) == (
            64,
            f"reconciler: writing {place}/mesh/a.yaml: Not a directory; pass another --to DIR\n",
        )


def test_a_server_of_another_protocol_or_product_is_told_apart(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    with scripted(lambda *_: Answer(404, b"<html>404")) as server:
        page = cli("plan", "--endpoint-url", server.url, "--owner", "o")
        url = server.url.replace("http:", "https:")
        plain = cli("plan", "--endpoint-url", url, "--owner", "o")
        status = cli("status", "--url", url)
        other = cli("status", "--url", server.url)
    assert "HTTP 404 is not a response of App Mesh: check the endpoint URL" in page.err
    for result in (plain, status):
        assert result.err.endswith("; use http:// in the URL if the server has no TLS\n")
    assert other.err.endswith("failed: not a daemon of reconciler (HTTP 404): check --url\n")
    assert [item.code for item in (page, plain, status, other)] == [1] * 4


def test_an_unknown_host_shows_what_to_check(cli: Cli) -> None:
    result = cli("status", "--url", "http://nowhere.invalid")
    assert result.code == 1
    assert result.err.endswith("; check the spelling of the host name, and DNS\n")


def test_missing_credentials_show_how_to_set_them(
    cli: Cli, write: Write, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = cli("plan", "--endpoint-url", endpoint.url, "--owner", "o")
    assert result.code == 1
    assert (
        "credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (any values for an "
        "endpoint without --credentials), or pass --profile"
    ) in result.err


@pytest.mark.process
def test_a_silent_target_is_reported_after_five_seconds(write: Write, start: Start) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    # The system accepts connections, and no process reads them.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        told_of(start(url=url), f"WARNING waiting for {url} to answer: no response for 5 s")


def test_a_port_in_use_is_the_only_line_of_run(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        where = ("--endpoint-url", endpoint.url, "--owner", "o")
        result = cli("run", *where, "--listen", f"127.0.0.1:{port}")
    assert (result.code, result.err) == (
        64,
        (
            f"reconciler: cannot serve the status: cannot listen on 127.0.0.1 port {port}: Address "
            "already in use; pass another address with --listen\n"
        ),
    )


def test_a_key_without_a_resource_shows_where_it_was_searched(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("shop"))
    result = cli("describe", "mesh/shopp", "--target", "local")
    assert (result.code, result.err) == (
        64,
        (
            "reconciler: mesh/shopp matches no resource, neither in the manifests nor on the "
            "target: check the spelling; plan lists the keys\n"
        ),
    )


def test_no_region_shows_where_to_set_it(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    result = cli("plan", "--target", "aws", "--owner", "o")
    assert (result.code, result.err) == (
        64,
        (
            "reconciler: no region given: pass --region, set AWS_REGION, or set region in the "
            "target's table\n"
        ),
    )


QUESTION = b"Apply this plan? [y/N]: "
INTERRUPTED = amount("questions of apply that are answered by Ctrl-C", test=5, full=20)


def answered(here: Path, answer: bytes, count: int, *arguments: str) -> list[bytes]:
    """Answer each of ``count`` questions of apply at once, and return the output after each."""
    seen, outputs, deadline = b"", [], time.monotonic() + 60
    asking = (str(count), "apply", *arguments)
    with at_terminal(here, *asking, program=ASKING) as (_, terminal):
        for _ in range(count):
            for end in (QUESTION, b"exit code "):
                while end not in seen or not seen.endswith((QUESTION, b"\n")):
                    left = deadline - time.monotonic()
                    assert select.select([terminal], [], [], max(0, left))[0], seen
                    seen += os.read(terminal, 4096)
                if end == QUESTION:
                    os.write(terminal, answer)
                    seen = b""
            outputs.append(seen.replace(b"\r\n", b"\n"))
            seen = b""
    return outputs


@pytest.mark.process
@pytest.mark.parametrize(
    ("key", "count", "expected"),
    [
        (
            b"\x03",
            INTERRUPTED,
            b"\nreconciler: interrupted before any change; nothing was applied\nexit code 130\n",
        ),
        (b"\x04", 1, b"\nNothing was applied.\nexit code 1\n"),
        (b"maybe\n", 1, b"\nNothing was applied.\nexit code 1\n"),
    ],
    ids=["Ctrl-C", "Ctrl-D", "another word"],
)
def test_a_key_pressed_as_the_question_appears_applies_nothing(
    key: bytes, count: int, expected: bytes, here: Path, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    outputs = answered(here, key, count, "--endpoint-url", endpoint.url, "--owner", "o")
    assert [output for output in outputs if not output.endswith(expected)] == []


@pytest.mark.process
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("options", "environment"),
    [(["--color", "never"], {}), ([], {"NO_COLOR": "1"})],
    ids=["--color never", "NO_COLOR"],
)
def test_progress_without_color(
    options: list[str], environment: dict[str, str], here: Path, write: Write
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    terminal, inner = pty.openpty()
    try:
        done = forks.run(
            *("apply", "--target", "local", "--auto-approve", *options),
            cwd=here,
            env={**os.environ, "TERM": "xterm", **environment},
            stdout=subprocess.DEVNULL,
            stderr=inner,
        )
        assert done.returncode == 0
        seen = os.read(terminal, 1 << 16)
    finally:
        os.close(inner)
        os.close(terminal)
    assert b"applying 1 change" in seen
    assert re.findall(rb"\x1b\[[0-9;]*m", seen) == []
