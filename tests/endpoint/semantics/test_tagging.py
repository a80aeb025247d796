"""GetResources: what is found by its tags, in pages."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from endpoint.samples import ORDER, SCOPE, arn
from endpoint.test_kinds import do

if TYPE_CHECKING:
    from endpoint.conftest import Client, Reply

TARGET = "ResourceGroupsTaggingAPI_20170126.GetResources"


def get(client: "Client", request: object, target: str = TARGET, **headers: str) -> "Reply":
    sent = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1", **headers}
    return client.send("POST", "/", request, signed=SCOPE, headers=sent)


def found(client: "Client", **request: Any) -> list[str]:
    body = json.loads(get(client, request).body)
    return [row["ResourceARN"] for row in body["ResourceTagMappingList"]]


@pytest.fixture
def tagged(client: "Client") -> "Client":
    for kind in ORDER:
        tags = [{"key": "kind", "value": kind}, {"key": "all", "value": ""}]
        assert do(client, "create", kind, tags=tags).status == 200
    client.create("bare", SCOPE)
    client.create("pay", ("222222222222", "eu-west-1"), tags=[{"key": "all", "value": ""}])
    client.create("pay", (SCOPE[0], "us-east-1"), tags=[{"key": "all", "value": ""}])
    return client


def test_the_sdk_finds_everything_in_pages(tagged: "Client") -> None:
    session = boto3.Session(SCOPE[0], "secret", region_name=SCOPE[1])
    service = session.client("resourcegroupstaggingapi", endpoint_url=f"http://{tagged.address}")
    pages = service.get_paginator("get_resources").paginate(ResourcesPerPage=2)
    rows = [row for page in pages for row in page["ResourceTagMappingList"]]
    assert sorted(row["ResourceARN"] for row in rows) == sorted(map(arn, ORDER))
    assert {"Key": "all", "Value": ""} in rows[0]["Tags"]


@pytest.mark.parametrize(
    ("request_", "kinds"),
    [
        ({"ResourceTypeFilters": ["appmesh"]}, ORDER),
        ({"ResourceTypeFilters": ["appmesh:mesh"]}, ("Mesh",)),
        ({"ResourceTypeFilters": ["appmesh:virtualNode", "s3"]}, ("VirtualNode",)),
        ({"ResourceTypeFilters": ["appmesh:mesh/virtualNode"]}, ("VirtualNode",)),
        ({"ResourceTypeFilters": ["ec2:instance"]}, ()),
        ({"TagFilters": [{"Key": "kind", "Values": ["Mesh", "Route"]}]}, ("Mesh", "Route")),
        ({"TagFilters": [{"Key": "all"}, {"Key": "kind", "Values": ["Mesh"]}]}, ("Mesh",)),
        ({"TagFilters": [{"Key": "none"}]}, ()),
        ({"ResourceARNList": [arn("Route")]}, ("Route",)),
    ],
)
def test_filters(tagged: "Client", request_: dict[str, Any], kinds: tuple[str, ...]) -> None:
    assert sorted(found(tagged, **request_)) == sorted(map(arn, kinds))


@pytest.mark.parametrize(
    "request_",
    [
        {"ResourcesPerPage": 101},
        {"PaginationToken": "x"},
        {"TagFilters": [{"Key": ""}]},
        {"Unknown": 1},
        b"{",
        b"[]",
    ],
)
def test_a_bad_request(tagged: "Client", request_: object) -> None:
    assert get(tagged, request_).refusal == (400, "InvalidParameterException")


def test_other_targets_and_contents_are_refused(tagged: "Client") -> None:
    assert get(tagged, {}, TARGET.replace("Get", "Tag")).refusal[0] == 404
    assert get(tagged, {}, "DynamoDB_20120810.ListTables").refusal[0] == 404
    plain = {"Content-Type": "text/plain"}
    assert get(tagged, {}, **plain).refusal == (415, "UnsupportedMediaTypeException")
    assert get(tagged, None).status == 200
