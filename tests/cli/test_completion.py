"""Keys, targets and codes complete, from files alone."""

import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from conftest import Cli, Write
from manifest_text import manifest_text, mesh_yaml

from reconciler import limits
from reconciler.cli.main import command_group
from reconciler.manifest.parsing.diagnostics import Code

Complete = Callable[..., list[str]]


@pytest.fixture
def complete(here: Path) -> Complete:
    """Return a function that completes the last of its words."""
    del here

    def completed(*words: str) -> list[str]:
        *arguments, start = words
        shell = ShellComplete(command_group(), {}, "reconciler", "_RECONCILER_COMPLETE")
        return [item.value for item in shell.get_completions(list(arguments), start)]

    return completed


@pytest.fixture
def manifests(write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("pay"))
    write("manifests/b.yaml", mesh_yaml("shop"))


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "words",
    [
        ("describe",),
        ("diff",),
        ("get", "mesh/other"),
        ("adopt", "--target", "local"),
        ("plan", "--only"),
        ("apply", "manifests", "--except"),
        ("history", "--key"),
    ],
)
@pytest.mark.usefixtures("manifests")
def test_keys_are_those_of_the_manifests(words: tuple[str, ...], complete: Complete) -> None:
    assert complete(*words, "mesh/") == ["mesh/pay", "mesh/shop"]
    assert complete(*words, "mesh/s") == ["mesh/shop"]
    assert complete(*words, "route/") == []


@pytest.mark.usefixtures("manifests")
def test_keys_are_those_of_the_source_and_the_variables(complete: Complete, write: Write) -> None:
    write("reconciler.toml", '[targets.staging]\nsource = "other"\n')
    write("other/a.yaml", mesh_yaml("$NAME"))
    assert complete("get", "--target", "staging", "") == []
    assert complete("plan", "--target", "staging", "--var", "NAME=x", "--only", "") == ["mesh/x"]
    assert complete("plan", "manifests/a.yaml", "--only", "") == ["mesh/pay"]
    assert complete("plan", "manifests/a.yaml", "--only=") == ["mesh/pay"]
    assert complete("diff", "mesh/pay", "manifests/a.yaml", "--target", "l") == ["local"]


def test_valid_keys_complete_beside_an_invalid_manifest(complete: Complete, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("pay"))
    write("manifests/b.yaml", "kind: [")
    assert complete("describe", "m") == ["mesh/pay"]


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ["a;id", "`id`", "a b", "a|b", "a&b", "a>b", "~a", "'a"])
def test_names_that_a_shell_would_read_otherwise_do_not_complete(
    name: str, complete: Complete, write: Write
) -> None:
    service = {"apiVersion": "mesh-reconciler/v1", "kind": "VirtualService", "spec": {}}
    services = [{**service, "metadata": {"name": it, "mesh": "shop"}} for it in (name, "plain")]
    write("manifests/a.yaml", "\n---\n".join(map(json.dumps, services)))
    write("reconciler.toml", f"[targets.{json.dumps(name)}]\n[targets.plain]\n")
    assert complete("describe", "virtual-service/") == ["virtual-service/shop/plain"]
    assert complete("plan", "--target", "") == ["local", "aws", "plain"]


@pytest.mark.parametrize("source", ["-", "git+https://127.0.0.1:9/x.git", "nowhere"])
def test_a_source_that_is_not_on_this_disk_completes_nothing(
    source: str, complete: Complete, write: Write
) -> None:
    write("reconciler.toml", f'[targets.t]\nsource = "{source}"\n')
    assert complete("describe", "--target", "t", "") == []
    assert complete("describe", "--target", "unknown", "") == []


def test_a_completion_contacts_no_target(complete: Complete, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("pay"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert complete("get", "--endpoint-url", url, "") == ["mesh/pay"]
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_source_that_takes_too_long_completes_nothing(
    complete: Complete, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("pay"))
    ticks = itertools.count()
    monkeypatch.setattr(time, "process_time", lambda: 2.0 * next(ticks))
    assert limits.COMPLETION_CPU_SECONDS < 2
    assert complete("describe", "") == []


def test_targets_are_those_of_the_settings(complete: Complete, write: Write) -> None:
    assert complete("plan", "--target", "") == ["local", "aws"]
    write("reconciler.toml", "[targets.staging]\n[targets.live]\n[targets.local]\n")
    assert complete("plan", "--target", "l") == ["local", "live"]
    other = write("other.toml", "[targets.other]\n")
    assert complete("plan", "--config", str(other), "--target", "o") == ["other"]
    write("reconciler.toml", "[")
    assert complete("plan", "--target", "") == []
    assert complete("describe", "") == []


@pytest.mark.process
def test_a_pipe_in_place_of_the_settings_is_not_waited_for(here: Path, cli: Cli) -> None:
    os.mkfifo(here / "reconciler.toml")
    for words in ("describe ", "plan --target "):
        completing = {"_RECONCILER_COMPLETE": "bash_complete", "COMP_WORDS": f"reconciler {words}"}
        completed = subprocess.run(
            [Path(sys.executable).with_name("reconciler")],
            env={**os.environ, **completing, "COMP_CWORD": str(len(words.split()) + 1)},
            cwd=here, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert (completed.stdout.strip(), completed.stderr) == ("", "")
    done = cli("plan")
    assert done.code == 64
    assert "reading reconciler.toml: it is not a regular file" in done.err


def test_codes_are_those_of_diagnostics_and_exits(complete: Complete) -> None:
    numbers = [code.number for code in Code]
    assert complete("explain", "MR06") == [it for it in numbers if it.startswith("MR06")]
    assert complete("explain", "with") == ["withheld"]
    assert complete("explain", "MR") == sorted(numbers)


def test_a_command_of_two_words_completes_word_by_word(complete: Complete) -> None:
    first = complete("")
    assert [it for it in first if it.startswith("env")] == ["envoy"]
    assert "notify" in first
    assert len(first) == len({*first})
    assert complete("envoy", "") == ["export", "explain", "bootstrap", "serve", "proxies"]
    assert complete("envoy", "b") == ["bootstrap"]
    assert complete("envoy", "s") == ["serve"]
    assert complete("notify", "t") == ["test"]
    assert complete("nonsense", "") == []


def test_an_argument_that_is_given_completes_no_second_time(complete: Complete) -> None:
    assert complete("endpoint", "") == ["copy"]
    assert complete("endpoint", "copy", "") == []


def test_a_command_for_a_proxy_completes_only_keys_of_proxies(
    complete: Complete, write: Write
) -> None:
    write("manifests/a.yaml", mesh_yaml("pay"))
    write("manifests/b.yaml", manifest_text({"virtual-node/pay/web": {}}))
    for command in ("explain", "bootstrap"):
        assert complete("envoy", command, "") == ["virtual-node/pay/web"]
    assert complete("describe", "") == ["mesh/pay", "virtual-node/pay/web"]
