"""The page of the endpoint and the documents that it reads."""

import json
from collections.abc import Callable
from typing import Any, NoReturn, cast

import boto3
import pytest
import urllib3

from reconciler import pages
from reconciler.endpoint import LocalEndpoint, Readable, StoreFailedError
from reconciler.wiring.endpoint_page import endpoint_documents, mount_page


def client(url: str, region: str = "eu-west-1") -> Any:
    keys = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "any"}
    return boto3.client("appmesh", region, endpoint_url=url, **keys)


@pytest.fixture
def get() -> "Callable[[LocalEndpoint, str], Any]":
    def fetch(endpoint: LocalEndpoint, path: str) -> Any:
        answer = urllib3.request("GET", f"{endpoint.url}/_endpoint/{path}")
        return json.loads(answer.data) if answer.status == 200 else answer.status

    return fetch


def test_resources_have_specs_tags_and_references(
    get: "Callable[[LocalEndpoint, str], Any]",
) -> None:
    with LocalEndpoint(None) as endpoint:
        mount_page(endpoint)
        assert get(endpoint, "revisions") == {"scopes": []}
        mesh = client(endpoint.url)
        mesh.create_mesh(meshName="shop", tags=[{"key": "team", "value": "a"}])
        backend = {"virtualService": {"virtualServiceName": "missing.local"}}
        mesh.create_virtual_node(
            meshName="shop", virtualNodeName="cart", spec={"backends": [backend]}
        )
        revisions = get(endpoint, "revisions")["scopes"]
        assert revisions == [{"account": "123456789012", "region": "eu-west-1", "revision": 2}]
        (scope,) = get(endpoint, "resources")["scopes"]
    assert {name: scope[name] for name in revisions[0]} == revisions[0]
    shop, cart = sorted(scope["resources"], key=lambda item: str(item["key"]))
    assert (shop["key"], shop["tags"], shop["version"]) == ("mesh/shop", {"team": "a"}, 1)
    assert cart["spec"]["backends"] == [backend]
    assert cart["updated_at"] >= cart["created_at"] > 1_700_000_000
    states = {node["id"]: node["state"] for node in scope["graph"]["nodes"]}
    assert states == {
        "virtual-node/shop/cart": "live",
        "virtual-service/shop/missing.local": "missing",
    }


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", pages.endpoint_page())
def test_e14_each_file_keeps_scripts_frames_and_other_origins_out(name: str) -> None:
    with LocalEndpoint(None) as endpoint:
        mount_page(endpoint)
        answer = urllib3.request("GET", f"{endpoint.url}/_endpoint/{name}")
        assert answer.status == 200
        for header, value in pages.HEADERS:
            assert answer.headers[header.decode()] == value.decode()
        head = urllib3.request("HEAD", f"{endpoint.url}/_endpoint/{name}")
        assert (head.status, head.data, head.headers["content-length"]) == (
            200, b"", str(len(answer.data)),
        )  # fmt: skip
        assert urllib3.request("POST", f"{endpoint.url}/_endpoint/{name}").status == 404


class LostStore:
    """A store that cannot be read."""

    def snapshot(self, *_: Any) -> NoReturn:
        raise StoreFailedError("the server is away", busy=True)


def test_a_store_that_cannot_be_read_is_an_error() -> None:
    documents = endpoint_documents(cast("Readable", LostStore()))
    document = documents["/_endpoint/resources"]()
    assert document.status == 503
    assert "the server is away" in document.text
