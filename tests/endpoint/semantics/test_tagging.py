"""The tagging API: what is found by its tags, in pages, and what is tagged."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from endpoint.samples import ORDER, SCOPE, arn
from endpoint.test_kinds import do

if TYPE_CHECKING:
    from endpoint.conftest import Client, Reply

TARGET = "ResourceGroupsTaggingAPI_20170126.GetResources"


def failure(message: str) -> dict[str, object]:
    return {"StatusCode": 400, "ErrorCode": "InvalidParameterException", "ErrorMessage": message}


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
    reply = get(tagged, {}, TARGET.replace("GetResources", "GetTagKeys"))
    assert reply.refusal == (404, "UnknownOperationException")
    assert json.loads(reply.body)["__type"] == "UnknownOperationException"
    assert get(tagged, {}, "DynamoDB_20120810.ListTables").refusal[0] == 404
    plain = {"Content-Type": "text/plain"}
    assert get(tagged, {}, **plain).refusal == (415, "UnsupportedMediaTypeException")
    assert get(tagged, None).status == 200


def change(client: "Client", action: str, request: object) -> "Reply":
    return get(client, request, TARGET.replace("GetResources", action))


def tags_of(client: "Client", kind: str) -> dict[str, str]:
    rows = client.tags(arn(kind), signed=SCOPE).body["tags"]
    return {row["key"]: row["value"] for row in rows}


def test_each_resource_is_tagged_and_untagged(tagged: "Client") -> None:
    arns = [*map(arn, ORDER), arn("Mesh")]
    reply = change(
        tagged, "TagResources", {"ResourceARNList": arns, "Tags": {"kind": "", "b": "2"}}
    )
    assert (reply.status, json.loads(reply.body)) == (200, {"FailedResourcesMap": {}})
    assert tags_of(tagged, "Route") == {"all": "", "b": "2", "kind": ""}
    keys = ["kind", "all", "absent"]
    reply = change(tagged, "UntagResources", {"ResourceARNList": arns, "TagKeys": keys})
    assert (reply.status, json.loads(reply.body)) == (200, {"FailedResourcesMap": {}})
    for kind in ORDER:
        assert tags_of(tagged, kind) == {"b": "2"}


def test_one_resource_that_fails_stops_no_other(tagged: "Client") -> None:
    many = {f"key{number}": "" for number in range(47)}
    reply = change(tagged, "TagResources", {"ResourceARNList": [arn("Route")], "Tags": many})
    assert json.loads(reply.body) == {"FailedResourcesMap": {}}
    absent = arn("Mesh").replace("/pay", "/none")
    other = arn("Mesh").replace(SCOPE[0], "222222222222")
    arns = [arn("Route"), absent, "arn:aws:s3:::bucket", other, arn("Mesh")]
    reply = change(tagged, "TagResources", {"ResourceARNList": arns, "Tags": {"new": "", "b": ""}})
    failures = json.loads(reply.body)["FailedResourcesMap"]
    assert failures == {
        arn("Route"): failure("the resource would have 51 tags; it may have 50"),
        absent: failure(f"Mesh with name none is not present for account {SCOPE[0]}"),
        "arn:aws:s3:::bucket": failure("arn:aws:s3:::bucket is an invalid ARN"),
        other: failure(
            f"{other} is an invalid ARN. Invalid account id in the ARN provided : 222222222222"
        ),
    }
    assert tags_of(tagged, "Mesh") == {"all": "", "kind": "Mesh", "new": "", "b": ""}
    assert "new" not in tags_of(tagged, "Route")


def test_a_reserved_tag_is_a_failure_of_each_resource(tagged: "Client") -> None:
    request = {"ResourceARNList": [arn("Mesh")], "Tags": {"aws:x": ""}}
    failures = json.loads(change(tagged, "TagResources", request).body)["FailedResourcesMap"]
    assert "reserved prefix" in failures[arn("Mesh")]["ErrorMessage"]
    assert tags_of(tagged, "Mesh") == {"all": "", "kind": "Mesh"}


@pytest.mark.parametrize(
    ("action", "request_", "message"),
    [
        ("TagResources", {"Tags": {"a": ""}}, "ResourceARNList: is required"),
        ("TagResources", {"ResourceARNList": ["a"]}, "Tags: is required"),
        ("TagResources", {"ResourceARNList": ["a"], "Tags": []}, "Tags: must be an object"),
        ("TagResources", {"ResourceARNList": ["a"], "Tags": {}}, "Tags: must have 1 to 50 items"),
        ("TagResources", {"ResourceARNList": ["a"], "Tags": {"a": 1}}, "Tags.0.Value: must be"),
        ("TagResources", {"ResourceARNList": ["a"] * 21, "Tags": {"a": ""}}, "ResourceARNList: "),
        ("TagResources", [], "must be an object"),
        ("UntagResources", {"ResourceARNList": ["a"]}, "TagKeys: is required"),
        ("UntagResources", {"ResourceARNList": ["a"], "TagKeys": [""]}, "TagKeys.0: "),
    ],
)
def test_a_bad_change(tagged: "Client", action: str, request_: object, message: str) -> None:
    reply = change(tagged, action, request_)
    assert reply.refusal == (400, "InvalidParameterException")
    assert json.loads(reply.body)["__type"] == "InvalidParameterException"
    assert message in json.loads(reply.body)["Message"]
