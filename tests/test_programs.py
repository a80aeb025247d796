"""A test without its program is skipped with a reason on a user's machine, and fails in CI."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import IN_CI, ROOT, find_program

pytestmark = pytest.mark.unmeasured

TEST = """
from programs import require_program

def test_it() -> None:
    require_program("{}", purpose="the page")
"""


@pytest.mark.process
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("name", "required", "expected"),
    [
        ("zsh", "0", "SKIPPED [1] * zsh is not installed, so this is not tested: the page"),
        ("zsh", "1", "FAILED * zsh is not installed, so this is not tested: the page"),
        # CI cannot install each program.
        ("kubectl", "1", "SKIPPED [1] * kubectl is not installed, so this is not tested: the page"),
    ],
)
def test_a_missing_program_is_reported(
    name: str, required: str, expected: str, tmp_path: Path
) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(TEST.format(name))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "pyproject.toml", test],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "RECONCILER_REQUIRE_PROGRAMS": required, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    pattern = re.escape(expected).replace(r"\*", ".*")
    assert re.search(f"^{pattern}$", done.stdout, re.MULTILINE), done.stdout
    assert done.returncode == (1 if expected.startswith("FAILED") else 0)


def test_each_program_is_looked_up_by_one_helper() -> None:
    lookups = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if "shutil.which" in path.read_text("utf-8") and path != Path(__file__)
    ]
    assert lookups == ["tests/programs.py"]


def test_each_program_of_ci_is_needed_by_a_test() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")]
    assert [name for name in IN_CI if not any(f'"{name}"' in text for text in texts)] == []


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs programs")
def test_ci_installs_only_missing_programs_and_tries_twice(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    scripts = dict.fromkeys(IN_CI - {"fish", "promtool"}, "") | {
        "apt-get": f'echo "$@" >>{calls}; [ "$(wc -l <{calls})" != 1 ]',
        "make": 'echo "make $* $RECONCILER_REQUIRE_PROGRAMS"',
        **{name: f'exec {find_program(name)} "$@"' for name in ("dirname", "wc")},
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "run"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == (
        "installing fish prometheus\n" * 2
        + "make test 1\nmake stores 1\nmake versions VERSIONS=others 1\n"
    ), done.stderr
    assert calls.read_text().splitlines() == [
        "update -qq",
        "update -qq",
        "install -qq --no-install-recommends fish prometheus",
    ]
