"""Whom a request says it is for: a web page must not reach what is served by a name of its own."""

import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from web.samples import StillDaemon, calm, served

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured


@pytest.fixture(params=["endpoint", "daemon"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Return the address of a server, and a path that it serves."""
    if request.param == "endpoint":
        with LocalEndpoint(None) as endpoint:
            yield endpoint.url.removeprefix("http://"), "/v20190125/meshes"
    else:
        with served(StillDaemon(calm()), tmp_path) as url:
            yield url.removeprefix("http://"), "/status"


def status(place: tuple[str, str], *hosts: str, target: str = "") -> int:
    """Return the answer's status to a request with these Host headers."""
    address, path = place
    with closing(http.client.HTTPConnection(address)) as connection:
        connection.putrequest("GET", target + path, skip_host=True)
        for host in hosts:
            connection.putheader("Host", host)
        connection.endheaders()
        with connection.getresponse() as answer:
            return answer.status


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.1.2.3:9180", "[::1]", "[::1]:9180", "[::ffff:10.1.2.3]:1", "localhost",
     "LOCALHOST:9180", "localhost:"],
)  # fmt: skip
def test_e13_an_address_or_a_name_of_this_machine_is_served(
    place: tuple[str, str], host: str
) -> None:
    assert status(place, host) == 200


@pytest.mark.sample(12)
@pytest.mark.parametrize(
    "host",
    ["[::1].evil.com", "[::1]evil.com:80", "[::1]:80.evil.com", "[::1]:80:80", "[::1]:evil.com",
     "[::1", "::1", "::1]", "[::1%25.evil.com]", "[::1%evil.com]:80", "[localhost]", "[127.0.0.1]",
     "[]", "127.0.0.1:80.evil.com", "127.0.0.1:80@evil.com", "evil.com@127.0.0.1",
     "127.0.0.1.evil.com", "localhost.evil.com", "localhost:80.evil.com", "localhost, evil.com",
     "localhost/evil.com", "localhost:123456", "localhost:-1", "", ":80"],
)  # fmt: skip
def test_e13_what_only_begins_like_one_is_refused(place: tuple[str, str], host: str) -> None:
    assert status(place, host) == 403


@pytest.mark.parametrize(
    "hosts", [(), ("localhost", "evil.com"), ("evil.com", "localhost"), ("localhost", "localhost")]
)
def test_e13_there_is_one_host_or_no_answer(place: tuple[str, str], hosts: tuple[str, ...]) -> None:
    assert status(place, *hosts) == 403


@pytest.mark.parametrize("target", ["http://evil.com", "http://localhost", "evil.com:80"])
def test_e13_a_target_names_no_host_of_its_own(place: tuple[str, str], target: str) -> None:
    assert status(place, "localhost", target=target) == 400
