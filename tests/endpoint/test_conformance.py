"""Every operation with every error that it declares, on the wire, read by botocore's own parser."""

import http.client
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from endpoint.samples import ORDER, SCOPE, SPECS, named, parameters, request_of

from reconciler.api import ApiError, Operation, load, violations

pytestmark = pytest.mark.unmeasured

if TYPE_CHECKING:
    from endpoint.conftest import Client

CASES = [
    (operation, error) for operation in load().operations.values() for error in operation.errors
]


@pytest.fixture(scope="module")
def model() -> Any:
    """Give the model of the API that botocore has, while it has one."""
    try:
        return botocore.session.Session().get_service_model("appmesh")
    except botocore.exceptions.UnknownServiceError:  # pragma: no cover - a later botocore
        pytest.skip("this botocore has no model of App Mesh any more")


@pytest.fixture
def unbroken(client: "Client") -> "Iterator[Client]":
    yield client
    client.send("DELETE", "/_endpoint/faults")


def exchange(client: "Client", operation: Operation) -> dict[str, Any]:
    """Return an answer in the form in which botocore's parser takes it."""
    wanted = request_of(operation)
    connection = http.client.HTTPConnection(client.address)
    scope = f"{SCOPE[0]}/20231114/{SCOPE[1]}/appmesh/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"}
    if wanted.body:
        headers["Content-Type"] = "application/json"
    body = json.dumps(wanted.body) if wanted.body else None
    connection.request(wanted.method, wanted.path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    fields = {name.lower(): value for name, value in answer.getheaders()}
    return {"status_code": answer.status, "headers": fields, "body": content, "context": {}}


@pytest.mark.sample(30)
@pytest.mark.parametrize(
    ("operation", "error"), CASES, ids=[f"{each.name}-{error.name}" for each, error in CASES]
)
def test_an_error_is_what_the_parser_takes_it_for(
    unbroken: "Client", model: Any, operation: Operation, error: ApiError
) -> None:
    fault = {"fault": "error", "operation": operation.name, "status": error.status}
    unbroken.send("PUT", "/_endpoint/faults", {"faults": [{**fault, "code": error.name}]})
    answer = exchange(unbroken, operation)
    assert answer["status_code"] == error.status
    assert answer["headers"]["x-amzn-errortype"] == error.name
    assert answer["headers"]["content-type"] == "application/json"
    assert list(json.loads(answer["body"])) == ["message"]
    shape = model.operation_model(operation.name).output_shape
    parsed = create_parser("rest-json").parse(answer, shape)
    assert parsed["Error"] == {"Code": error.name, "Message": "injected fault"}
    assert parsed["ResponseMetadata"]["RequestId"] == answer["headers"]["x-amzn-requestid"]
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == error.status


def test_every_answer_is_what_the_parser_takes_it_for(client: "Client", model: Any) -> None:
    tags = [each for each in load().operations.values() if each.kind is None]
    lived = [
        named(command, kind)
        for kind in ORDER
        for command in ("create", "describe", "list", "update")
    ]
    gone = [named("delete", kind) for kind in reversed(ORDER)]
    asked = [*lived, *tags, *gone]
    assert {each.name for each in asked} == set(load().operations)
    for operation in asked:
        answer = exchange(client, operation)
        assert answer["status_code"] == 200, answer["body"]
        content = json.loads(answer["body"])
        whole = {operation.payload: content} if operation.payload else content
        assert not list(violations(operation.response, whole))
        shape = model.operation_model(operation.name).output_shape
        parsed = create_parser("rest-json").parse(answer, shape)
        assert set(parsed) - {"ResponseMetadata"} == set(whole)
        if operation.payload:
            assert parsed[operation.payload]["metadata"]["version"] >= 1


def test_every_operation_refuses_what_breaks_its_shape(client: "Client") -> None:
    for operation in load().operations.values():
        wanted = request_of(operation)
        if wanted.body:
            body = {**wanted.body, "unknown": 1}
            reply = client.send(wanted.method, wanted.path, body, signed=SCOPE)
            assert reply.refusal == (400, "BadRequestException")
        for name in (name for name, it in operation.body.items() if it.required):
            body = {key: value for key, value in (wanted.body or {}).items() if key != name}
            reply = client.send(wanted.method, wanted.path, body, signed=SCOPE)
            assert reply.body["message"].startswith(f"{name}: is required")


def test_samples_are_sound() -> None:
    assert set(SPECS) == set(load().kinds)
    for operation in load().operations.values():
        assert not list(violations(operation.request, parameters(operation)))
