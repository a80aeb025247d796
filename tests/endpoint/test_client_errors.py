"""Each fault on each of the three APIs, as boto3 raises it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from endpoint.samples import SCOPE

from reconciler.endpoint import LocalEndpoint
from reconciler.endpoint.faults.fault_list import DEFAULT_EFFECTS

pytestmark = pytest.mark.client

APIS = {
    "appmesh": "list_meshes",
    "resourcegroupstaggingapi": "get_resources",
    "sts": "get_caller_identity",
}


@dataclass(frozen=True)
class Error:
    """An error of an API: its code, status, and whether boto3 has an exception for it."""

    code: str
    status: int
    modeled: bool = True


def unmodeled(code: str, status: int) -> Error:
    return Error(code, status, modeled=False)


def html(status: int) -> list[Error]:
    return [unmodeled(str(status), status)] * 3


# What App Mesh, the tagging API and STS raise; None is a result without members, OK a whole one.
OK = "a result"
ANSWERED: list[tuple[dict[str, Any], list[Any]]] = [
    (
        {"fault": "throttle"},
        [
            Error("TooManyRequestsException", 429),
            Error("ThrottledException", 400),
            unmodeled("Throttling", 400),
        ],
    ),
    (
        {"fault": "error"},
        [
            Error("InternalServerErrorException", 500),
            Error("InternalServiceException", 500),
            unmodeled("InternalFailure", 500),
        ],
    ),
    (
        {"fault": "error", "status": 503},
        [
            Error("ServiceUnavailableException", 503),
            unmodeled("ServiceUnavailable", 503),
            unmodeled("ServiceUnavailable", 503),
        ],
    ),
    (
        {"fault": "error", "status": 504},
        [
            Error("InternalServerErrorException", 504),
            Error("InternalServiceException", 504),
            unmodeled("InternalFailure", 504),
        ],
    ),
    (
        {"fault": "error", "status": 400},
        [
            Error("BadRequestException", 400),
            Error("InvalidParameterException", 400),
            unmodeled("ValidationError", 400),
        ],
    ),
    (
        {"fault": "error", "status": 403},
        [
            Error("ForbiddenException", 403),
            unmodeled("AccessDeniedException", 403),
            unmodeled("AccessDenied", 403),
        ],
    ),
    (
        {"fault": "error", "status": 404},
        [
            Error("NotFoundException", 404),
            Error("InvalidParameterException", 404),
            unmodeled("ValidationError", 404),
        ],
    ),
    (
        {"fault": "error", "status": 409},
        [
            Error("ConflictException", 409),
            Error("InvalidParameterException", 409),
            unmodeled("ValidationError", 409),
        ],
    ),
    (
        {"fault": "error", "status": 403, "code": "ExpiredTokenException", "effect": "after"},
        [
            unmodeled("ExpiredTokenException", 403),
            unmodeled("ExpiredTokenException", 403),
            Error("ExpiredTokenException", 403),
        ],
    ),
    ({"fault": "html"}, html(502)),
    ({"fault": "empty", "status": 500}, html(500)),
    # botocore takes a body of JSON that is empty or cut for a result without members.
    ({"fault": "empty"}, [None, None, ResponseParserError]),
    ({"fault": "cut"}, [None, None, ResponseParserError]),
    ({"fault": "cut", "effect": "before"}, [None, None, ResponseParserError]),
    ({"fault": "lost-reply"}, [ConnectionClosedError] * 3),
    ({"fault": "hang", "seconds": 0}, [ConnectionClosedError] * 3),
    ({"fault": "hang"}, [ReadTimeoutError] * 3),
    ({"fault": "delay", "seconds": 0.01}, [OK] * 3),
    ({"fault": "duplicate"}, [OK] * 3),
    ({"fault": "stale"}, [OK] * 3),
    ({"fault": "lag"}, [OK] * 3),
]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, list[Any]]]:
    session = boto3.Session(SCOPE[0], "secret", region_name=SCOPE[1])
    config = Config(retries={"total_max_attempts": 1}, read_timeout=0.3)
    with LocalEndpoint(None) as endpoint:
        clients = [session.client(api, endpoint_url=endpoint.url, config=config) for api in APIS]
        yield endpoint.url, clients


@pytest.mark.unmeasured
@pytest.mark.parametrize(("fault", "expected"), ANSWERED, ids=lambda value: str(value)[:60])
def test_a_fault_is_the_error_of_its_api(
    served: tuple[str, list[Any]], fault: dict[str, Any], expected: list[Any]
) -> None:
    url, clients = served
    urllib3.request("PUT", f"{url}/_endpoint/faults", json={"faults": [fault]})
    for client, operation, wanted in zip(clients, APIS.values(), expected, strict=True):
        call = getattr(client, operation)
        if isinstance(wanted, Error):
            with pytest.raises(ClientError) as caught:
                call()
            response = caught.value.response
            assert response["Error"]["Code"] == wanted.code
            assert response["ResponseMetadata"]["HTTPStatusCode"] == wanted.status
            kind = client.exceptions.from_code(wanted.code) if wanted.modeled else ClientError
            assert type(caught.value) is kind
            if fault["fault"] in {"throttle", "error"}:
                assert response["Error"]["Message"] == "injected fault"
        elif isinstance(wanted, type):
            with pytest.raises(wanted):
                call()
        else:
            assert (set(call()) > {"ResponseMetadata"}) is (wanted == OK)


def test_every_fault_is_in_the_table() -> None:
    assert {fault["fault"] for fault, _ in ANSWERED} == set(DEFAULT_EFFECTS)


@pytest.mark.parametrize(
    ("headers", "code"),
    [({"Host": "attacker.example"}, "AccessDenied"), ({"Content-Length": "2000000"}, "RequestEn")],
)
def test_a_request_that_is_rejected_early_has_the_errors_of_its_api(
    served: tuple[str, list[Any]], headers: dict[str, str], code: str
) -> None:
    url, _ = served
    body = b"a" * int(headers.get("Content-Length", 1))
    reply = urllib3.request("POST", url, body=body, headers=headers)
    assert reply.headers["content-type"] == "text/xml"
    assert f"<Code>{code}".encode() in reply.data
    target = {"X-Amz-Target": "ResourceGroupsTaggingAPI_20170126.GetResources"}
    reply = urllib3.request("POST", url, body=body, headers={**headers, **target})
    assert reply.headers["content-type"] == "application/x-amz-json-1.1"
    assert reply.json()["__type"].startswith(code)
