"""What a run reads of others costs little, also where it comes in through the command line."""

from pathlib import Path

import pytest
from conftest import Cli, Write
from growth import assert_linear, repeated
from hostile_manifests import HOSTILE

pytestmark = pytest.mark.slow

SHAPES = (
    *("openers with a default", "openers in many values", "Sub of openers", "deep sequences"),
    *("openers with a default, JSON", "Sub of openers, JSON", "an alias bomb"),
    *("faults below a key that is not seen", "names that are alike", "documents of nothing"),
)


@pytest.mark.parametrize("shape", SHAPES)
def test_e29_no_manifest_keeps_validate_busy(shape: str, cli: Cli, write: Write) -> None:
    file, content = HOSTILE[shape]

    def manifest(size: int) -> str:
        return str(write(f"of-{size}/{file}", content(size)).parent)

    def validate(path: str) -> None:
        told = cli("validate", path)
        assert told.code == 65
        assert "Traceback" not in told.err
        assert len(told.out) < 64 * 1024

    assert_linear(validate, manifest)


@pytest.mark.parametrize(
    ("begin", "unit"),
    [("a", ".a"), ("[a", ".a"), ('"a"', " . 'a'"), ("a = {a", ".a"), ("a = ", "["), ("#", "#")],
)
def test_no_settings_file_keeps_a_run_busy(
    begin: str, unit: str, cli: Cli, write: Write, here: Path
) -> None:
    def settings(size: int) -> str:
        return str(write(f"{size}.toml", f"\n{begin}{repeated(unit, size)}\n"))

    def plan(file: str) -> None:
        told = cli("plan", "--config", file, "--target", "nowhere")
        assert told.code == 64
        assert len(told.err.splitlines()) == 1

    del here
    assert_linear(plan, settings)


def test_a_key_of_many_parts_is_refused_where_it_stands(cli: Cli, write: Write) -> None:
    write("reconciler.toml", f"# {'.' * 99}\npolicy = 'sync'\na{'.a' * 65} = 1\n")
    told = cli("plan", "--target", "local")
    assert told.code == 64
    assert "reconciler.toml:3: a key must not have more than 64 dots" in told.err


@pytest.mark.parametrize("unit", ["A", "=", "'", "A='\n", "#", " "])
def test_no_file_of_variables_keeps_a_run_busy(unit: str, cli: Cli, write: Write) -> None:
    write("m.yaml", "apiVersion: v1\nkind: Pod\n")

    def variables(size: int) -> str:
        return str(write(f"{size}.env", f"A='{repeated(unit, size)}"))

    assert_linear(lambda file: cli("validate", "m.yaml", "--var-file", file), variables)
