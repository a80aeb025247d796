"""Bodies that are not JSON, on each of the interfaces, and changes of tags that fail in part."""

import json

import pytest
import urllib3

from reconciler.endpoint import LocalEndpoint

TAGGING = "ResourceGroupsTaggingAPI_20170126"
NOT_JSON = [b"{", b"\xff", b"[" * 100_000]


def post_tagging(endpoint: LocalEndpoint, action: str, body: bytes) -> urllib3.BaseHTTPResponse:
    headers = {"X-Amz-Target": f"{TAGGING}.{action}", "Content-Type": "application/x-amz-json-1.1"}
    return urllib3.request("POST", endpoint.url, body=body, headers=headers)


@pytest.mark.parametrize("body", NOT_JSON)
def test_a_body_that_is_not_json_is_rejected(endpoint: LocalEndpoint, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for path in ("/v20190125/meshes", "/_endpoint/faults"):
        response = urllib3.request("PUT", endpoint.url + path, body=body, headers=headers)
        assert response.status == 400
        assert response.headers["x-amzn-errortype"] == "BadRequestException"
    response = post_tagging(endpoint, "GetResources", body)
    assert (response.status, response.json()["__type"]) == (400, "InvalidParameterException")


def test_tags_of_one_resource_fail_without_the_others(endpoint: LocalEndpoint) -> None:
    created = urllib3.request(
        "PUT", f"{endpoint.url}/v20190125/meshes", json={"meshName": "a"}
    ).json()
    arn = created["metadata"]["arn"]
    missing = arn.replace("mesh/a", "mesh/b")
    body = json.dumps({"ResourceARNList": [arn, missing], "Tags": {"team": "web"}}).encode()
    response = post_tagging(endpoint, "TagResources", body)
    assert response.status == 200
    (failed,) = response.json()["FailedResourcesMap"]
    assert failed == missing
    found = post_tagging(endpoint, "GetResources", b"{}").json()["ResourceTagMappingList"]
    assert [(it["ResourceARN"], it["Tags"]) for it in found] == [
        (arn, [{"Key": "team", "Value": "web"}])
    ]
