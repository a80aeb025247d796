"""Every statement of the CreateMesh page, through manifests, client and endpoint."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ParamValidationError
from conftest import Cli
from create_mesh_reference import ACCEPTED, ERRORS, REFUSED, SENT, Case, Error, cases
from manifest_text import mesh_yaml
from servers import Answer, scripted

from reconciler.endpoint import LocalEndpoint
from reconciler.manifest.loading import load_manifests
from reconciler.targets.session import Connection, open_client, open_session

pytestmark = pytest.mark.unmeasured

# As in the page's sample, with the account and the region of its answer.
SIGNED = {
    "content-type": "application/json",
    "authorization": "AWS4-HMAC-SHA256 Credential=123456789012/20190227/us-east-1/appmesh/"
    "aws4_request, SignedHeaders=host, Signature=0",
}


def put(endpoint: LocalEndpoint, body: bytes) -> urllib3.BaseHTTPResponse:
    url = f"{endpoint.url}/v20190125/meshes"
    return urllib3.request("PUT", url, body=body, headers=SIGNED)


def name_of(case: Case) -> str:
    return f"{case.statement.split(':')[0]} {case.tried}"


@pytest.mark.parametrize("case", tuple(cases()), ids=name_of)
def test_manifests_take_what_the_page_allows_and_leave_us_two_tags(case: Case) -> None:
    loaded = load_manifests([("request.json", json.dumps(case.body).encode())])
    assert (ACCEPTED if loaded.valid else REFUSED) == case.manifest
    assert len(loaded.desired) == loaded.valid


@pytest.mark.sample(8)
@pytest.mark.parametrize("case", tuple(cases()), ids=name_of)
def test_the_client_sends_what_its_description_does_not_forbid(case: Case) -> None:
    with scripted(lambda request, body: Answer(body={"of": [request, len(body)]})) as server:
        connection = Connection(server.url, "us-east-1", credentials=("a", "b"))
        client = open_client(open_session(connection), "appmesh", connection, workers=1)
        with suppress(ParamValidationError):
            client.create_mesh(**case.body)
        sent = server.asked
    assert (SENT if sent else REFUSED) == case.client
    if sent:
        body = json.loads(sent[0][1])
        assert {name: body[name] for name in case.body} == case.body


@pytest.mark.sample(8)
@pytest.mark.parametrize("case", tuple(cases()), ids=name_of)
def test_the_endpoint_answers_as_the_page_says(case: Case, endpoint: LocalEndpoint) -> None:
    answer = put(endpoint, json.dumps(case.body).encode())
    assert answer.status == case.endpoint
    if case.endpoint == 400:
        assert answer.headers["x-amzn-errortype"] == "BadRequestException"
        assert answer.json()["message"]
    else:
        assert answer.json()["spec"] == case.body.get("spec", {})


def test_the_pages_sample_gets_the_pages_answer(endpoint: LocalEndpoint) -> None:
    answer = put(
        endpoint,
        b'{"meshName": "ecs-mesh", "clientToken": "34a20934-da3a-43a0-9d1b-390308a7393b"}',
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-requestid"]
    result: dict[str, Any] = answer.json()
    metadata = result.pop("metadata")
    created = metadata.pop("createdAt")
    assert isinstance(created, float)
    assert metadata.pop("lastUpdatedAt") == created
    assert len(metadata.pop("uid")) == 36
    assert metadata == {
        "arn": "arn:aws:appmesh:us-east-1:123456789012:mesh/ecs-mesh",
        "version": 1,
        # The sample of 2019 is older than the owners, and leaves an empty spec out.
        "meshOwner": "123456789012",
        "resourceOwner": "123456789012",
    }
    assert result == {"meshName": "ecs-mesh", "spec": {}, "status": {"status": "ACTIVE"}}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_each_error_has_its_outcome_attempts_message_and_exit_code(
    error: Error, cli: Cli, write: Callable[[str, str], Path]
) -> None:
    def script(request: str, body: bytes) -> Answer:
        del body
        if request.startswith("PUT"):
            headers = {"x-amzn-errortype": error.code, "x-amzn-requestid": "1"}
            return Answer(error.status, {"message": "as AWS says"}, headers)
        if request == "GET /v20190125/meshes":
            return Answer(body={"meshes": []})
        return Answer(404, {"message": "none"}, {"x-amzn-errortype": "NotFoundException"})

    write("manifests/a.yaml", mesh_yaml("a"))
    with scripted(script) as server:
        result = cli("apply", "--endpoint-url", server.url, "--owner", "o", "--auto-approve")
        assert server.count("PUT /v20190125/meshes") == error.attempts
    assert f"mesh/a: create {error.outcome}" in result.out
    assert error.told in result.out
    assert result.code == error.exit_code
