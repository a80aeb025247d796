"""Starting, stopping, and what is left after either, wanted or not."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import forks
import pytest
import urllib3
from access_keys import write_certificate
from daemons import ended, eventually, told_of

from reconciler.endpoint import (
    DataDirectoryLockedError,
    EndpointError,
    InvalidAddressError,
    LocalEndpoint,
)
from reconciler.endpoint.endpoint_errors import InvalidStoreError

if TYPE_CHECKING:
    from endpoint.conftest import Client


def serve_alone(data: Path) -> tuple["subprocess.Popen[str]", str]:
    """Return a process of its own that serves ``data``, and its URL."""
    arguments = ("endpoint", "--listen", "127.0.0.1:0", "--data", str(data))
    process = forks.start(*arguments, stdout=subprocess.PIPE)
    assert process.stdout
    return process, process.stdout.readline().split()[4].rstrip(",")


def test_state_survives_a_restart(
    tmp_path: Path, client_of: "Callable[[LocalEndpoint], Client]"
) -> None:
    tags = [{"key": "a", "value": "1"}]
    with LocalEndpoint(tmp_path) as endpoint:
        created = client_of(endpoint).create("pay", clientToken="t", tags=tags).body
    with LocalEndpoint(tmp_path) as endpoint:
        client = client_of(endpoint)
        assert client.describe("pay").body == created
        assert client.tags(created["metadata"]["arn"]).body == {"tags": tags}
        assert client.create("pay", clientToken="t", tags=tags).body == created


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_request_that_hangs_gets_no_response_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, encrypted: bool
) -> None:
    tls = write_certificate(tmp_path) if encrypted else None
    faults = '{"faults": [{"operation": "ListMeshes", "fault": "hang"}]}'
    authority = str(tls[0]) if tls else None
    with (
        ThreadPoolExecutor(1) as pool,
        urllib3.PoolManager(ca_certs=authority, maxsize=2) as client,
    ):
        with LocalEndpoint(None, faults=faults, tls=tls) as endpoint:
            path = f"{endpoint.url}/v20190125/meshes"
            hanging = pool.submit(client.request, "GET", path, retries=False)
            calls = f"{endpoint.url}/_endpoint/calls"
            while not client.request("GET", calls).json()["calls"]:
                assert not hanging.done()
        assert isinstance(hanging.exception(), urllib3.exceptions.ProtocolError)
    assert caplog.messages == []


def test_nothing_is_on_disk_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_of: "Callable[[LocalEndpoint], Client]"
) -> None:
    monkeypatch.chdir(tmp_path)
    with LocalEndpoint(None) as endpoint:
        client_of(endpoint).create("pay")
    assert list(tmp_path.iterdir()) == []


def test_a_held_folder_names_the_holder(tmp_path: Path) -> None:
    with LocalEndpoint(tmp_path) as endpoint:
        with pytest.raises(DataDirectoryLockedError) as caught, LocalEndpoint(tmp_path):
            pytest.fail("two processes served one folder")
        assert caught.value.url == endpoint.url


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org", ""])  # noqa: S104
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(InvalidAddressError, match="loopback"), LocalEndpoint(None, host=host):
        pytest.fail("it was")


def test_a_port_can_be_chosen_and_taken(tmp_path: Path) -> None:
    with LocalEndpoint(None, host="localhost") as endpoint:
        port = int(endpoint.url.rpartition(":")[2])
        with (
            pytest.raises(InvalidAddressError, match=f"port {port}"),
            LocalEndpoint(tmp_path, port=port),
        ):
            pytest.fail("it was served twice")
    with LocalEndpoint(tmp_path, port=port) as endpoint:
        assert endpoint.url == f"http://127.0.0.1:{port}"
    with pytest.raises(InvalidAddressError), LocalEndpoint(None, port=65536):
        pytest.fail("there is no such port")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6(client_of: "Callable[[LocalEndpoint], Client]") -> None:
    with ExitStack() as opened:
        try:
            serving = opened.enter_context(LocalEndpoint(None, host="::1"))
        except InvalidAddressError as error:
            pytest.skip(f"no IPv6 loopback here: {error}")
        assert serving.url.startswith("http://[::1]:")
        assert client_of(serving).create("pay").status == 200


def test_other_addresses_are_listened_on_where_that_is_asked_for(
    client_of: "Callable[[LocalEndpoint], Client]",
) -> None:
    with LocalEndpoint(None, host="0.0.0.0", insecure=True) as endpoint:  # noqa: S104 - as asked
        assert endpoint.url.startswith("http://0.0.0.0:")
        port = endpoint.url.rpartition(":")[2]
        loopback = client_of(endpoint)
        loopback.address = f"127.0.0.1:{port}"
        assert loopback.create("pay").status == 200
    with (
        pytest.raises(InvalidAddressError, match="IP address"),
        LocalEndpoint(None, host="example.org", insecure=True),
    ):
        pytest.fail("a name was listened on")


def test_a_refused_database_lets_the_folder_go(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").touch()
    for _ in range(2):
        with pytest.raises(InvalidStoreError), LocalEndpoint(tmp_path):
            pytest.fail("it was opened")
    assert issubclass(InvalidStoreError, EndpointError)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with LocalEndpoint(tmp_path):
        assert threading.active_count() > before
    assert threading.active_count() == before
    assert {file.name for file in tmp_path.iterdir()} == {"endpoint.lock", "state.sqlite3"}


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process, url = serve_alone(tmp_path)
    assert url.startswith("http://127.0.0.1:")
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 0
    with LocalEndpoint(tmp_path):
        pass


@pytest.mark.unmeasured
@pytest.mark.process
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(20)]
    process, url = serve_alone(tmp_path)
    with pytest.raises(DataDirectoryLockedError) as caught, LocalEndpoint(tmp_path):
        pytest.fail("two processes served one folder")
    assert caught.value.url == url
    appmesh = amazon("appmesh", url)
    created = [appmesh.create_mesh(meshName=name)["mesh"] for name in names]
    process.kill()
    process.communicate()
    with LocalEndpoint(tmp_path) as endpoint:
        appmesh = amazon("appmesh", endpoint.url)
        assert [appmesh.describe_mesh(meshName=name)["mesh"] for name in names] == created


@pytest.mark.unmeasured
def test_the_amazon_sdk_is_served(tmp_path: Path) -> None:
    with LocalEndpoint(tmp_path) as endpoint:
        appmesh = amazon("appmesh", endpoint.url)
        arn = appmesh.create_mesh(meshName="a1", spec={})["mesh"]["metadata"]["arn"]
        assert arn == "arn:aws:appmesh:eu-west-1:123456789012:mesh/a1"
        drop = {"egressFilter": {"type": "DROP_ALL"}}
        assert appmesh.update_mesh(meshName="a1", spec=drop)["mesh"]["spec"] == drop
        appmesh.tag_resource(resourceArn=arn, tags=[{"key": "k", "value": "v"}])
        tags = appmesh.get_paginator("list_tags_for_resource").paginate(resourceArn=arn)
        assert tags.build_full_result() == {"tags": [{"key": "k", "value": "v"}]}
        appmesh.untag_resource(resourceArn=arn, tagKeys=["k"])
        appmesh.create_mesh(meshName="b")
        meshes = appmesh.get_paginator("list_meshes").paginate(PaginationConfig={"PageSize": 1})
        assert [mesh["meshName"] for mesh in meshes.search("meshes")] == ["a1", "b"]
        with pytest.raises(appmesh.exceptions.ConflictException):
            appmesh.create_mesh(meshName="b")
        assert appmesh.delete_mesh(meshName="b")["mesh"]["status"] == {"status": "DELETED"}
        with pytest.raises(appmesh.exceptions.NotFoundException):
            appmesh.describe_mesh(meshName="b")
        assert amazon("sts", endpoint.url).get_caller_identity()["Account"] == "123456789012"


def amazon(service: str, url: str) -> Any:
    session = boto3.Session("123456789012", "secret", region_name="eu-west-1")
    return session.client(service, endpoint_url=url)


@pytest.mark.process
def test_p16_one_that_may_open_no_more_files_says_so_once_and_goes_on() -> None:
    command = f"ulimit -n 80; exec {sys.executable} -m reconciler endpoint --data :memory:"
    process = subprocess.Popen(
        ["sh", "-c", f"{command} --listen 127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().split()[4].rstrip(",")
    with ExitStack() as opened:
        # So that it has to accept all of them at once.
        process.send_signal(signal.SIGSTOP)
        for _ in range(100):
            address = ("127.0.0.1", int(url.rpartition(":")[2]))
            opened.enter_context(socket.create_connection(address))
        process.send_signal(signal.SIGCONT)
        told_of(process, "the limit of open files is reached")
    eventually(lambda: urllib3.request("GET", f"{url}/_endpoint/calls").status == 200)
    code, result = ended(process, signal.SIGTERM)
    assert (code, result) == (0, "")
