"""Real clients over sockets: boto3 for every operation, the aws command line for every kind."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from amounts import amount
from endpoint.samples import NAMES, ORDER, SCOPE, SPECS, arn, named, parameters, request_of
from programs import find_program, install_tool

from reconciler.api import Operation, load
from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

WORD = re.compile(r"(?<!^)(?=[A-Z])")

HIDDEN = """
import sys
from pathlib import Path
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
shown = Loader.load_service_model
def load(self, service_name, *arguments, **named):
    if service_name == "appmesh":
        raise UnknownServiceError(service_name=service_name, known_service_names="others")
    return shown(self, service_name, *arguments, **named)
Loader.load_service_model = load
import boto3
try:
    boto3.client("appmesh", region_name="eu-west-1")
except UnknownServiceError:
    print("hidden")
from reconciler.endpoint import LocalEndpoint
import http.client, json
with LocalEndpoint(None) as endpoint:
    connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"))
    headers = {"Content-Type": "application/json"}
    for line in json.loads(sys.argv[1]):
        method, path, body = line
        connection.request(method, path, body and json.dumps(body), headers if body else {})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, (line, text)
print("done")
"""


@pytest.fixture
def served(new_store: Callable[[], str | None]) -> Iterator[LocalEndpoint]:
    with LocalEndpoint(None, store=new_store()) as endpoint:
        yield endpoint


def snake(name: str) -> str:
    return WORD.sub("_", name).lower()


def life() -> list[Operation]:
    """Return every operation, in an order in which all succeed."""
    tags = [each for each in load().operations.values() if each.kind is None]
    verbs = ("create", "describe", "list", "update")
    lived = [named(command, kind) for kind in ORDER for command in verbs]
    return [*lived, *tags, *(named("delete", kind) for kind in reversed(ORDER))]


def test_boto3_has_every_operation(served: LocalEndpoint) -> None:
    session = boto3.Session(SCOPE[0], "secret", region_name=SCOPE[1])
    client = session.client("appmesh", endpoint_url=served.url)
    for operation in life():
        answer = getattr(client, snake(operation.name))(**parameters(operation))
        if operation.kind and operation.action != "list":
            shown = answer[operation.payload]
            assert shown["metadata"]["arn"] == arn(operation.kind.name)
            assert shown["metadata"]["createdAt"].tzinfo is not None
        if operation.action == "list":
            (items,) = (value for name, value in answer.items() if name != "ResponseMetadata")
            assert len(items) == 1
    with pytest.raises(client.exceptions.NotFoundException):
        client.describe_mesh(meshName="none")
    with pytest.raises(client.exceptions.BadRequestException):
        client.create_mesh(meshName="a/b")


@pytest.mark.parametrize("kind", [kind for kind in ORDER if kind != "Mesh"])
def test_boto3_pages_through_every_kind(served: LocalEndpoint, kind: str) -> None:
    session = boto3.Session(SCOPE[0], "secret", region_name=SCOPE[1])
    client = session.client("appmesh", endpoint_url=served.url)
    for each in ORDER:
        getattr(client, f"create_{snake(each)}")(**parameters(named("create", each)))
    operation = named("create", kind)
    member = load().kinds[kind].path[-1]
    for number in range(4):
        values = parameters(operation) | {member: f"another{number}"}
        getattr(client, snake(operation.name))(**values)
    listing = named("list", kind)
    paginator = client.get_paginator(snake(listing.name))
    names = [
        item[member]
        for page in paginator.paginate(**parameters(listing), PaginationConfig={"PageSize": 2})
        for value in page.values()
        if isinstance(value, list)
        for item in value
    ]
    assert names == sorted([f"another{number}" for number in range(4)] + [NAMES[member]])


@pytest.mark.measured
@pytest.mark.process
def test_nothing_needs_botocores_model() -> None:
    wanted = [request_of(operation) for operation in life()]
    # Unsigned requests belong to another account and region than the samples' ARNs.
    lines = [
        (it.method, it.path.replace(SCOPE[0], "0" * 12).replace(SCOPE[1], "us-east-1"), it.body)
        for it in wanted
    ]
    command = [sys.executable, "-c", HIDDEN, json.dumps(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("hidden\ndone\n", 0), done.stderr


@pytest.mark.slow
@pytest.mark.client
@pytest.mark.timeout(300)
def test_the_command_line_manages_every_kind(served: LocalEndpoint, tmp_path: Path) -> None:
    program = find_program("aws") or install_tool(tmp_path, "install", "awscli") / "aws"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": SCOPE[0],
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": SCOPE[1],
        "AWS_ENDPOINT_URL": served.url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def aws(operation: str, **values: Any) -> dict[str, Any]:
        command = [str(program), "appmesh", operation, "--cli-input-json", json.dumps(values)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout or "{}")
        return answer

    def ask(command: str, kind: str) -> dict[str, Any]:
        operation = named(command, kind)
        return aws(snake(operation.name).replace("_", "-"), **parameters(operation))

    kinds = ORDER[: amount("kinds managed by the aws CLI", test=1, full=7)]
    for kind in kinds:
        created = ask("create", kind)
        assert ask("describe", kind) == created
        (items,) = ask("list", kind).values()
        (shown,) = created.values()
        assert [item["arn"] for item in items] == [arn(kind)]
        aws("tag-resource", resourceArn=arn(kind), tags=[{"key": "team", "value": "pay"}])
        (updated,) = ask("update", kind).values()
        assert updated["metadata"]["version"] == shown["metadata"]["version"] + 1
    listed = aws("list-tags-for-resource", resourceArn=arn(kinds[-1]))
    assert listed == {"tags": [{"key": "team", "value": "pay"}]}
    for kind in reversed(kinds):
        (deleted,) = ask("delete", kind).values()
        assert deleted["status"]["status"] == "DELETED"
        assert set(deleted["spec"]) >= set(SPECS[kind])
