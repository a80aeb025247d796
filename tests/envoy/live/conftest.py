"""The network of live tests, once a session, for each version of Envoy."""

import os
import sys
from collections.abc import Iterator

import pytest
from amounts import FULL
from envoy.conftest import installed
from envoy.envoys import VERSIONS
from envoy.live.namespaces import reason_against
from envoy.live.network import Network
from programs import require_program


@pytest.fixture(scope="session", params=VERSIONS if FULL else VERSIONS[-1:])
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    """Return the network; tests are skipped if this user cannot make one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces need root on Linux, so live Envoys are not tested")
    require_program("iptables", purpose="Envoys behind a real redirect")
    if reason := reason_against():
        pytest.skip(f"namespaces are not permitted, so live Envoys are not tested: {reason}")
    made = Network(installed(request.param))
    yield made
    made.close()
