"""Runs the core, contract and journey tests on every supported Python of this machine.

Core and contract tests also run with the lowest and the newest allowed dependencies. Each run has
an environment of its own in build/ and tries a few cases of each test. At the end, each run is
printed with its result, and each Python that is not on this machine. The exit code is 1 if a run
failed.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

ROOT = Path(__file__).parent.parent
UV = str(Path(sys.executable).with_name("uv"))
CORE = ("tests/core", "tests/manifest", "tests/targets/test_contract.py")
TESTS = (*CORE, "tests/locks", "tests/journeys")
TOOLS = ("coverage", "pytest", "pytest-timeout", "pytest-xdist", "hypothesis")
BUILD = "--requirement=deploy/build.lock"
LOCKED = (BUILD, "--requirement=requirements.lock", "--requirement=tests/requirements.lock")
_CLASSIFIER = "Programming Language :: Python :: 3."


@dataclass(frozen=True)
class Run:
    """Tests that run in an environment of their own."""

    name: str
    python: str | None
    """The interpreter, or None if the tests do not run."""
    installs: tuple[tuple[str, ...], ...]
    """The arguments of each install into the environment."""
    tests: tuple[str, ...]
    reason: str = "not on this machine"
    """Why the tests do not run."""

    def passes(self) -> bool:
        """Make the environment and run the tests; return False if either fails."""
        environment = f"build/{self.name.replace(' ', '-').lower()}"
        install = (UV, "pip", "install", "--quiet", "--python", environment)
        workers = str(os.cpu_count() or 2)
        options = ("-q", "-n", workers, "-p", "no:cacheprovider", "-m", "not slow")
        commands = (
            (UV, "venv", "--quiet", "--clear", "--python", str(self.python), environment),
            *((*install, *arguments) for arguments in self.installs),
            (*install, "--no-deps", "--no-build-isolation", "--editable", "."),
            (f"{environment}/bin/python", "-m", "pytest", *options, *self.tests),
        )
        sampled = {**os.environ, "RECONCILER_FEW_CASES": "1"}
        return all(
            subprocess.run(it, cwd=ROOT, env=sampled, check=False).returncode == 0
            for it in commands
        )


def supported() -> list[str]:
    """Return the supported versions of Python, from the classifiers of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    versions = (it.partition(_CLASSIFIER)[2] for it in project["classifiers"])
    return [f"3.{version}" for version in versions if version]


@cache
def interpreters() -> dict[str, dict[str, Any]]:
    """Return the newest CPython of this machine for each version, such as 3.12."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    # The shims of pyenv on PATH run only the versions that the user has selected.
    places = [f"{sys.base_prefix}/bin", os.environ["PATH"], *pyenv.glob("versions/*/bin")]
    listed = subprocess.run(
        [UV, "python", "list", "--only-installed", "--no-python-downloads", "--output-format=json"],
        env={**os.environ, "PATH": os.pathsep.join(map(str, places))},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # warnings about the shims
        check=True,
    )
    found: dict[str, dict[str, Any]] = {}
    for it in json.loads(listed.stdout):
        if (it["implementation"], it["variant"]) == ("cpython", "default"):
            found.setdefault("{major}.{minor}".format(**it["version_parts"]), it)
    return found


def runs(versions: Iterable[str], tested: Container[str] = ()) -> Iterator[Run]:
    """Yield a run for each version of Python that is not `tested`, then those for dependencies."""
    found = interpreters()
    for version in versions:
        it = found.get(version, {"version": version, "path": None})
        locked = ("--require-hashes", *LOCKED)
        name = f"Python {it['version']}"
        if version in tested:
            yield Run(name, None, (), (), reason="tested by make test")
        else:
            yield Run(name, it["path"], (locked,), TESTS)
    for name, resolution in (("Lowest", "lowest-direct"), ("Newest", "highest")):
        direct = ("--resolution", resolution, "--requirement=pyproject.toml")
        installs = (direct, TOOLS, ("--require-hashes", BUILD))
        yield Run(f"{name} dependencies", sys.executable, installs, CORE)


def run_all(runs: Iterable[Run]) -> int:
    """Carry out the runs and print their results; return 1 if one failed."""
    results, code = [], 0
    for run in runs:
        started = monotonic()
        result = run.reason
        if run.python:
            print(f"{run.name}:", flush=True)
            passed = run.passes()
            code = code if passed else 1
            result = f"{'passed' if passed else 'FAILED'} in {monotonic() - started:.0f} s"
        results.append(f"{run.name}: {result}")
    print(*results, sep="\n")
    return code


if __name__ == "__main__":
    # After make test, its own Python needs no second run: see .ci/run.
    tested = {"{}.{}".format(*sys.version_info)} if sys.argv[1:] == ["others"] else set()
    sys.exit(run_all(runs(supported(), tested)))
