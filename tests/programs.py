"""Programs that tests need besides Python. Without one, its tests are skipped.

.ci/run installs those of programs.txt as root and sets RECONCILER_REQUIRE_PROGRAMS=1. Then a test
fails if one of them is missing.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_LINES = Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines()
IN_CI = {line.split()[0] for line in _LINES if not line.startswith("#")}
# Read now, because tests run in an environment without our variables.
_REQUIRED = os.environ.get("RECONCILER_REQUIRE_PROGRAMS") == "1"


def require_program(name: str, *others: str, purpose: str) -> str:
    """Return the path of a program; skip the test, or in CI fail it, if the program is missing.

    `others` are names of the same program on other systems. `purpose` is what is not tested
    without it.
    """
    path = find_program(name, *others)
    if path is not None:
        return path
    reason = f"{name} is not installed, so this is not tested: {purpose}"
    if _REQUIRED and name in IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def find_program(*names: str) -> str | None:
    """Return the path of the first of these programs that is on PATH, or None."""
    return next(filter(None, map(shutil.which, names)), None)


def install_tool(directory: Path, *command: str) -> Path:
    """Run `uv tool COMMAND`, which installs a program, and return the directory of the program.

    The command may run pipx. Both download packages from the index, and write only below
    `directory` and into their caches.
    """
    programs = directory / "bin"
    places = {"UV_TOOL_BIN_DIR": programs, "UV_TOOL_DIR": directory / "uv"}
    places |= {"PIPX_BIN_DIR": programs, "PIPX_HOME": directory / "pipx"}
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [uv, "tool", *command],
        env={**os.environ, **{name: str(place) for name, place in places.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return programs


def install_locked(directory: Path, lock: Path, python: str) -> Path:
    """Install the packages of `lock`, with hashes, and return the directory of the programs.

    `python` is the interpreter of the new environment. The packages come from the index.
    """
    uv = Path(sys.executable).with_name("uv")
    programs = directory / "bin"
    for command in (
        ("venv", "--python", python, directory),
        ("pip", "install", "--require-hashes", "-r", lock, "--python", programs / "python"),
    ):
        done = subprocess.run([uv, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return programs
