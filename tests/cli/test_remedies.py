"""Messages that say what to do next, to a user who has only the manual."""

import signal

import pytest
from conftest import Cli, Start, Write
from daemons import ended, told_of
from manifest_text import mesh_yaml

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
    assert "nowhere does not exist: create it, pass" in cli("validate", "nowhere").err


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
