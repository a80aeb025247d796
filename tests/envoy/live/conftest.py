"""The network of live tests, once a session, for each version of Envoy."""

import os
import sys
from collections.abc import Iterator

import pytest
from amounts import FULL
from envoy.conftest import installed
from envoy.envoys import VERSIONS
from envoy.live.deliveries import DELIVERIES, Ads, Files
from envoy.live.namespaces import reason_against
from envoy.live.network import Network
from programs import require_program


@pytest.fixture(scope="session", params=VERSIONS if FULL else VERSIONS[-1:])
def tasks(request: pytest.FixtureRequest) -> Iterator[Network]:
    """Return the network; tests are skipped if this user cannot make one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces need root on Linux, so live Envoys are not tested")
    require_program("iptables", purpose="Envoys behind a real redirect")
    if reason := reason_against():
        pytest.skip(f"namespaces are not permitted, so live Envoys are not tested: {reason}")
    made = Network(installed(request.param))
    yield made
    made.close()


@pytest.fixture(params=DELIVERIES)
def network(tasks: Network, request: pytest.FixtureRequest) -> Network:
    """Return the network whose Envoys get their configuration by files or by ADS."""
    tasks.delivery = DELIVERIES[request.param]
    return tasks


@pytest.fixture
def files_network(tasks: Network) -> Network:
    """Return the network whose Envoys read files."""
    tasks.delivery = Files
    return tasks


@pytest.fixture
def ads_network(tasks: Network) -> Network:
    """Return the network whose Envoys are served by an endpoint."""
    tasks.delivery = Ads
    return tasks
