"""Cloud Map as moto plays it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from daemons import eventually
from moto.server import ThreadedMotoServer

from reconciler.core.errors import ReconcilerError
from reconciler.envoy.snapshot import CloudMapQuery
from reconciler.wiring.cloud_map import SERVICE, open_cloud_map

WEB = CloudMapQuery("shop", "web")
BLUE = CloudMapQuery("shop", "web", (("color", "blue"),))


@pytest.fixture
def client(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of a Cloud Map with a service without instances."""
    del here
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICEDISCOVERY", f"http://{host}:{port}")
    # The state of moto belongs to the process.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    # The host of DiscoverInstances has a prefix, which a server on this machine has not.
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    client = boto3.client(SERVICE)
    client.create_http_namespace(Name="shop")
    (namespace,) = client.list_namespaces()["Namespaces"]
    client.create_service(Name="web", NamespaceId=namespace["Id"])
    yield client
    client.close()
    server.stop()


def register(client: Any, name: str, address: str, **attributes: str) -> None:
    (service,) = client.list_services()["Services"]
    client.register_instance(
        ServiceId=service["Id"],
        InstanceId=name,
        Attributes={"AWS_INSTANCE_IPV4": address, **attributes},
    )


@pytest.mark.unmeasured
def test_registered_instances_are_found_by_their_attributes(client: Any) -> None:
    source = open_cloud_map("eu-west-1")
    register(client, "one", "10.0.0.1", color="green")
    register(client, "two", "10.0.0.2", color="blue", AWS_INSTANCE_IPV6="fd00::2")
    source.poll([BLUE])
    (instance,) = source.read()["shop", "web"]
    assert (instance.ipv4, instance.ipv6) == ("10.0.0.2", "fd00::2")
    source.poll([WEB])
    assert len(source.read()["shop", "web"]) == 2
    assert source.health.error == ""


@pytest.mark.unmeasured
def test_a_service_that_is_gone_keeps_its_instances(client: Any) -> None:
    source = open_cloud_map("eu-west-1")
    register(client, "one", "10.0.0.1")
    source.poll([WEB])
    first = source.read()
    (service,) = client.list_services()["Services"]
    client.deregister_instance(ServiceId=service["Id"], InstanceId="one")
    client.delete_service(Id=service["Id"])
    source.poll([WEB])
    assert source.read() is first
    assert "Cloud Map service web in shop: ServiceNotFound" in source.health.error


def test_a_thread_polls_the_queries_of_the_nodes(client: Any) -> None:
    register(client, "one", "10.0.0.1")
    source = open_cloud_map("eu-west-1")
    queries = set[CloudMapQuery]()
    source.start(lambda: queries)
    try:
        queries.add(WEB)
        eventually(lambda: ("shop", "web") in source.read())
    finally:
        source.stop()


def test_a_response_of_another_server_is_no_empty_list(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_cloud_map("eu-west-1")
    monkeypatch.setattr(
        "botocore.client.BaseClient._make_api_call", lambda *_: {"ResponseMetadata": {}}
    )
    with pytest.raises(ReconcilerError, match="the response is not from this API"):
        source.discover(WEB)
    del client
