"""A real Envoy follows the API of the endpoint, and no request fails."""

import json
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from statistics import quantiles

import pytest
from amounts import FULL, amount
from daemons import eventually
from envoy.ads_client import client
from envoy.live_site import FIRST_PORT, PAUSE_SECONDS, Site
from envoy.live_states import Broken
from envoy.server_processes import WithoutOrder
from envoy.simulated_proxies import simulated

from reconciler.envoy.translate import TranslateOptions

TIMED = amount("timed changes before a real Envoy", test=3, full=60)
NODES = amount("nodes of a mesh with timed changes", test=20, full=100)
REPLACED = amount("nodes replaced under load before a real Envoy", test=2, full=60)
KILLED = amount("servers of Envoys killed in the moment of a change", test=1, full=10)
pytestmark = pytest.mark.process


@pytest.fixture
def loaded(site: Site) -> Site:
    """Return a site with an Envoy that answers requests under load."""
    site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.start_envoy()
    site.until("n0")
    site.tell("load", 4, PAUSE_SECONDS)
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


Record = Callable[[str, object], None]


def time_changes(site: Site, record: Record, words: str) -> None:
    """Record how long after a call of the API the first request goes elsewhere."""
    waits = []
    for number in range(TIMED):
        target = (number + 1) % 2
        # No request that began before this change may count.
        eventually(partial(site.has_settled, f"n{1 - target}"))
        began = time.monotonic()
        site.route_to({target: 1})
        waits.append(site.first(f"n{target}") - began)
    p50, p95 = (quantiles(waits, n=20)[cut] * 1000 for cut in (9, 18))
    record("figure", f"envoy: {TIMED} changes, {words}: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    record(f"measured: {words}", p95)


def expect_no_failure(site: Site, record: Record | None = None, words: str = "") -> None:
    """Check the requests since the last results, and record their number."""
    requests, failed = site.results()
    if record:
        record("figure", f"envoy: {words}: {sum(failed.values())} of {requests} requests failed")
    assert requests
    assert not failed


@pytest.mark.unmeasured
def test_traffic_follows_the_weights_and_no_replaced_node_fails_a_request(
    loaded: Site, record_property: Record
) -> None:
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
    expect_no_failure(loaded, record_property, f"{REPLACED} replaced nodes")


@pytest.mark.unmeasured
def test_without_its_order_requests_fail(site: Site, record_property: Record) -> None:
    """The load sees a failure that is there."""
    site.endpoint()
    site.create_mesh()
    site.create_gateway()
    with site.serving("off", make_session=WithoutOrder):
        site.start_envoy("off")
        site.until("n0")
        site.tell("load", 8, 0.001)
        failed: dict[str, int] = {}
        numbers = iter(range(1, 61))
        while not failed:
            number = next(numbers)
            replace(site, range(number, number + 1))
            _, failed = site.results()
        record_property("figure", f"envoy: without an order {sum(failed.values())} failed")


def test_a_server_that_is_killed_and_started_again_sends_nothing(
    site: Site, record_property: Record
) -> None:
    first = site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.start_envoy()
    site.until("n0")
    site.tell("load", 4, PAUSE_SECONDS)
    first.kill()
    time.sleep(1)
    site.endpoint()
    deadline = time.monotonic() + 30
    while not (found := proxies(site)) or found[0]["is_behind"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    site.until("n0")
    expect_no_failure(site, record_property, "a server killed and started again")
    assert [proxy["responses"] for proxy in found] == [0]


def test_a_replica_goes_on_if_a_server_is_killed_in_the_moment_of_a_change(
    site: Site, record_property: Record
) -> None:
    endpoint = site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.start_envoy("one", "two")
    site.until("n0")
    site.tell("load", 4, PAUSE_SECONDS)
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
    expect_no_failure(site, record_property, f"{KILLED} times a replica killed in a change")


def test_a_rejection_is_shown_with_its_reason(loaded: Site, record_property: Record) -> None:
    began = time.monotonic()
    loaded.access_log("/absent/log")
    eventually(lambda: "/absent/log" in json.dumps(proxies(loaded)))
    seconds = time.monotonic() - began
    record_property("figure", f"envoy: a rejection was shown after {seconds:.2f} s")
    record_property("measured: rejection", seconds)
    expect_no_failure(loaded)


def image_bootstrap(socket: str) -> dict[str, object]:
    """Return a bootstrap in the form that AWS's image makes for a unix socket."""
    keepalive = {
        "grpc.http2.max_pings_without_data": {"int_value": 0},
        "grpc.keepalive_time_ms": {"int_value": 10_000},
        "grpc.keepalive_timeout_ms": {"int_value": 20_000},
    }
    google = {"stat_prefix": "ads", "target_uri": f"unix://{socket}"}
    service = {"google_grpc": {**google, "channel_args": {"args": keepalive}}}
    ads = {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [service]}
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    identity = "arn:aws:appmesh:us-east-1:000000000000:mesh/m/virtualGateway/g"
    return {
        "node": {"id": identity, "cluster": identity},
        "dynamic_resources": {"ads_config": ads, "lds_config": source, "cds_config": source},
        "layered_runtime": {
            "layers": [
                {
                    "name": "static_layer_0",
                    "static_layer": {"re2.max_program_size.error_level": 1000},
                }
            ]
        },
    }


def test_the_form_of_bootstrap_of_the_aws_image_is_served(
    site: Site, record_property: Record
) -> None:
    site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.add_node(1)
    site.run_envoy(image_bootstrap(site.socket("one")))
    site.until("n0")
    site.tell("load", 4, PAUSE_SECONDS)
    site.route_to({1: 1})
    site.until("n1")
    expect_no_failure(site, record_property, "the form of bootstrap of AWS's image")


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


@pytest.mark.skipif(not FULL, reason="a larger mesh is timed outside of make full")
def test_requests_follow_a_call_of_the_api(loaded: Site, record_property: Record) -> None:
    loaded.add_node(1)
    time_changes(loaded, record_property, "2 nodes")


@pytest.mark.unmeasured
def test_a_large_mesh_starts_an_envoy_and_follows_soon(site: Site, record_property: Record) -> None:
    site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.add_node(1)
    site.create_many(NODES)
    names = [f"mesh/m/virtualNode/p{number}" for number in range(NODES)]
    with simulated(f"unix:{site.socket('one')}", names, [f"rds_egress_http_{FIRST_PORT}"]):
        site.start_envoy()
        seconds = site.until("n0")
        words = f"of a mesh of {NODES} nodes with health checks answers"
        record_property("figure", f"envoy: a new Envoy {words} after {seconds:.2f} s")
        record_property("measured: start", seconds)
        site.tell("load", 4, PAUSE_SECONDS)
        time_changes(site, record_property, f"{NODES} nodes with a proxy each")


def test_a_bug_in_the_translation_holds_the_mesh_and_fails_no_request(
    site: Site, record_property: Record
) -> None:
    site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.add_node(1)
    options = TranslateOptions(Broken())
    with site.serving("bug", options=options) as server:
        site.start_envoy("bug")
        site.until("n0")
        site.tell("load", 4, PAUSE_SECONDS)
        with client(f"unix:{site.socket('bug')}") as other:
            assert other.clusters("mesh/m/virtualNode/n0")
            site.secure_node(0)
            site.route_to({1: 1})
            eventually(lambda: any(scope["held_meshes"] for scope in server.status()))
            site.results()
            time.sleep(0.5)
            assert set(json.loads(site.tell("results"))) == {"n0"}
        site.restore_node(0)
        site.until("n1")
        expect_no_failure(site, record_property, "a bug in the translation")
