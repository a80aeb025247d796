"""A real Envoy follows the API of the endpoint, and no request fails."""

import json
import logging
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from amounts import FULL, amount
from envoy.conftest import installed
from envoy.envoys import VERSIONS, Envoy
from envoy.live_site import Site, WithoutOrder
from programs import find_program

REPLACED = amount("nodes replaced under load before a real Envoy", test=4, full=60)
KILLED = amount("servers of Envoys killed in the moment of a change", test=1, full=10)
logger = logging.getLogger(__name__)
pytestmark = pytest.mark.process


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


@pytest.fixture
def loaded(site: Site) -> Site:
    """Return a site with an Envoy that answers requests under load."""
    site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.start_envoy()
    site.until("n0")
    site.tell("load", 4)
    return site


def proxies(site: Site) -> list[dict[str, object]]:
    """Return the status of all proxies."""
    with urllib.request.urlopen(f"{site.url}/_endpoint/proxies") as answer:  # noqa: S310  # loopback
        return [proxy for scope in json.load(answer) for proxy in scope["proxies"]]


def replace(site: Site, numbers: range) -> None:
    """Lead the traffic to a new node, and delete the old one at once."""
    for number in numbers:
        site.add_node(number)
        site.route_to({number: 1})
        site.delete_node(number - 1)
        site.until(f"n{number}")


def expect_no_failure(site: Site) -> None:
    """Check the requests since the last results, and log their number."""
    requests, failed = site.results()
    logger.info("%d requests, failed: %s", requests, failed)
    assert requests
    assert not failed


def test_traffic_follows_the_weights_and_no_replaced_node_fails_a_request(loaded: Site) -> None:
    loaded.add_node(1)
    loaded.route_to({0: 1, 1: 1})
    loaded.until("n1")
    loaded.route_to({0: 1, 1: 0})
    time.sleep(0.5)
    loaded.results()
    time.sleep(0.5)
    found = json.loads(loaded.tell("results"))
    assert set(found) == {"n0"}
    loaded.route_to({1: 1})
    loaded.delete_node(0)
    replace(loaded, range(2, 2 + REPLACED))
    expect_no_failure(loaded)


def test_without_its_order_requests_fail(site: Site) -> None:
    """The load sees a failure that is there."""
    site.endpoint()
    site.create_mesh()
    site.create_gateway()
    with site.serving("off", make_session=WithoutOrder):
        site.start_envoy("off")
        site.until("n0")
        site.tell("load", 8)
        failed: dict[str, int] = {}
        numbers = iter(range(1, 61))
        while not failed:
            number = next(numbers)
            replace(site, range(number, number + 1))
            _, failed = site.results()


def test_a_server_that_is_killed_and_started_again_sends_nothing(site: Site) -> None:
    first = site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.start_envoy()
    site.until("n0")
    site.tell("load", 4)
    first.kill()
    time.sleep(1)
    site.endpoint()
    deadline = time.monotonic() + 30
    while not (found := proxies(site)) or found[0]["is_behind"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    site.until("n0")
    expect_no_failure(site)
    assert [proxy["responses"] for proxy in found] == [0]


def test_a_replica_goes_on_if_a_server_is_killed_in_the_moment_of_a_change(site: Site) -> None:
    endpoint = site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.start_envoy("one", "two")
    site.until("n0")
    site.tell("load", 4)
    for round_ in range(KILLED):
        replica = site.replica()
        number = 1 + round_
        site.add_node(number)
        site.route_to({number: 1})
        site.delete_node(number - 1)
        endpoint.kill()
        site.until(f"n{number}")
        endpoint = site.endpoint()
        replica.kill()
    expect_no_failure(site)


def test_a_rejection_is_shown_with_its_reason(loaded: Site) -> None:
    loaded.access_log("/absent/log")
    deadline = time.monotonic() + 2
    while "/absent/log" not in json.dumps(proxies(loaded)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    expect_no_failure(loaded)


def test_an_envoy_is_served_as_soon_as_its_gateway_exists(site: Site) -> None:
    site.endpoint()
    site.create_mesh()
    site.start_envoy()
    deadline = time.monotonic() + 30
    while not proxies(site):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    site.create_gateway()
    assert site.until("n0") < 2
