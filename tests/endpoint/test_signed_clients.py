"""Real clients that sign, at an endpoint with access keys and TLS."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from access_keys import ACCOUNT, ADMIN, OTHER, READER, SECRET, WRITER, write_certificate, write_keys
from amounts import amount
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from endpoint.samples import ORDER, SCOPE, arn, named, parameters
from endpoint.test_clients import life, snake
from programs import find_program, install_tool
from terraform import Terraform, configuration, require_mirror

from reconciler.api import load
from reconciler.endpoint import InvalidAddressError, LocalEndpoint

pytestmark = pytest.mark.client
READS = {"describe", "list", "list-tags"}
SCRIPTS = {
    "@aws-sdk/client-app-mesh": """
const {AppMesh} = require("@aws-sdk/client-app-mesh");
const client = new AppMesh({region, endpoint, credentials: {accessKeyId, secretAccessKey}});
""",
    "aws-sdk": """
require("aws-sdk/lib/maintenance_mode_message").suppress = true;
const AWS = require("aws-sdk");
const sdk = new AWS.AppMesh({region, endpoint, accessKeyId, secretAccessKey});
const client = new Proxy(sdk, {get: (_, name) => (input) => sdk[name](input).promise()});
""",
}
CALLS = """
(async () => {
  await client.createMesh({meshName: "pay", tags: [{key: "a", value: "b c+d/é"}]});
  const arn = (await client.describeMesh({meshName: "pay"})).mesh.metadata.arn;
  await client.listTagsForResource({resourceArn: arn});
  const virtualServiceName = "shop.local";
  await client.createVirtualService({meshName: "pay", virtualServiceName, spec: {}});
  await client.deleteVirtualService({meshName: "pay", virtualServiceName});
  await client.deleteMesh({meshName: "pay"});
  console.log(arn);
})().catch((error) => { console.log(error.name, error.code, error.message); process.exit(1); });
"""


@dataclass(frozen=True)
class Served:
    url: str
    authority: Path
    keys: Path

    def client(self, service: str = "appmesh", key: str = WRITER, secret: str = SECRET) -> Any:
        session = boto3.Session(key, secret, region_name=SCOPE[1])
        return session.client(service, endpoint_url=self.url, verify=str(self.authority))

    def environment(self, home: Path, secret: str = SECRET) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ACCESS_KEY_ID": WRITER,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": SCOPE[1],
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.authority),
            "NODE_EXTRA_CA_CERTS": str(self.authority),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def own(self, method: str, path: str, key: str | None = None, body: bytes = b"") -> int:
        """Send a request to a route of the endpoint itself."""
        request = AWSRequest(method, self.url + path, data=body)
        request.headers["Content-Type"] = "application/json"
        if key:
            SigV4Auth(Credentials(key, SECRET), "appmesh", SCOPE[1]).add_auth(request)
        with urllib3.PoolManager(ca_certs=str(self.authority)) as pool:
            headers = dict(request.headers.items())
            return pool.request(method, self.url + path, body=body, headers=headers).status


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    pair, keys = write_certificate(tmp_path), write_keys(tmp_path / "credentials.toml")
    with LocalEndpoint(None, tls=pair, credentials=keys) as endpoint:
        yield Served(endpoint.url, pair[0], keys)


def refusal(call: Any, **arguments: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.unmeasured
def test_boto3_is_accepted_with_every_operation(served: Served) -> None:
    client = served.client()
    for operation in life():
        getattr(client, snake(operation.name))(**parameters(operation))
    assert served.client("sts").get_caller_identity()["Account"] == ACCOUNT
    tagging = served.client("resourcegroupstaggingapi")
    assert tagging.get_resources()["ResourceTagMappingList"] == []


def test_a_presigned_url_is_accepted(served: Served) -> None:
    client = served.client()
    client.create_mesh(meshName="pay")
    url = client.generate_presigned_url("describe_mesh", {"meshName": "pay"}, ExpiresIn=60)
    with urllib3.PoolManager(ca_certs=str(served.authority)) as pool:
        assert pool.request("GET", url).json()["metadata"]["meshOwner"] == ACCOUNT
        assert pool.request("GET", url.replace("/pay", "/other")).status == 403


def everything(client: Any) -> list[Any]:
    """Return the descriptions and the tags of all resources."""
    reads = [named("describe", kind) for kind in ORDER]
    found = [getattr(client, snake(read.name))(**parameters(read)) for read in reads]
    shown = [answer[read.payload] for read, answer in zip(reads, found, strict=True)]
    arns = [item["metadata"]["arn"] for item in shown]
    return [shown, [client.list_tags_for_resource(resourceArn=arn)["tags"] for arn in arns]]


@pytest.mark.unmeasured
def test_a_key_that_reads_may_use_each_reading_operation_and_no_other(served: Served) -> None:
    writer, reader = served.client(), served.client(key=READER)
    for kind in ORDER:
        operation = named("create", kind)
        getattr(writer, snake(operation.name))(**parameters(operation))
    before = everything(writer)
    denied: dict[str, str] = {}
    for operation in load().operations.values():
        try:
            getattr(reader, snake(operation.name))(**parameters(operation))
        except ClientError as error:
            denied[operation.name] = str(error)
    writes = {it.name for it in load().operations.values() if it.action not in READS}
    assert set(denied) == writes
    for name, message in denied.items():
        assert "(AccessDeniedException)" in message
        assert f"is not authorized to perform: appmesh:{name} on resource: arn:aws:" in message
    assert everything(reader) == before


def test_each_service_refuses_in_its_own_words(served: Served) -> None:
    sts, tagging, meshes = "sts", "resourcegroupstaggingapi", "appmesh"
    calls = {sts: "get_caller_identity", tagging: "get_resources", meshes: "list_meshes"}
    expected = {
        sts: (("InvalidClientTokenId", 403), ("SignatureDoesNotMatch", 403)),
        tagging: (("UnrecognizedClientException", 400), ("InvalidSignatureException", 400)),
        meshes: (("UnrecognizedClientException", 403), ("InvalidSignatureException", 403)),
    }
    for service, call in calls.items():
        unknown = served.client(service, key="AKIDNONE")
        wrong = served.client(service, secret="another" * 5)
        found = refusal(getattr(unknown, call)), refusal(getattr(wrong, call))
        assert found == expected[service]
    admin = served.client(tagging, key=ADMIN)
    assert refusal(admin.get_resources) == ("AccessDeniedException", 400)
    reader, arns = served.client(tagging, key=READER), [arn("Mesh")]
    for write, more in (
        (reader.tag_resources, {"Tags": {"a": "b"}}),
        (reader.untag_resources, {"TagKeys": ["a"]}),
    ):
        assert refusal(write, ResourceARNList=arns, **more) == ("AccessDeniedException", 400)


def test_each_account_has_its_own_meshes(served: Served) -> None:
    served.client().create_mesh(meshName="pay")
    other = served.client(key=OTHER)
    assert other.list_meshes()["meshes"] == []
    assert other.create_mesh(meshName="pay")["mesh"]["metadata"]["meshOwner"] == "210987654321"


def test_a_key_that_is_taken_out_counts_no_more(served: Served) -> None:
    writer = served.client()
    writer.list_meshes()
    write_keys(served.keys, READER)
    assert refusal(writer.list_meshes) == ("UnrecognizedClientException", 403)
    assert served.client(key=READER).list_meshes()["meshes"] == []


def test_the_routes_of_the_endpoint_need_a_key_for_them(served: Served) -> None:
    served.client().create_mesh(meshName="pay")
    assert served.own("GET", "/_endpoint/health") == 200
    for method, path in (("GET", "/_endpoint/calls"), ("DELETE", "/_endpoint/state")):
        assert served.own(method, path) == 403
        assert served.own(method, path, WRITER) == 403
        assert served.client().list_meshes()["meshes"]
        assert served.own(method, path, ADMIN) == 200
    assert served.client().list_meshes()["meshes"] == []


def test_beyond_loopback_it_needs_keys(tmp_path: Path) -> None:
    with (
        pytest.raises(
            InvalidAddressError, match="IP address and --credentials FILE, or --insecure"
        ),
        LocalEndpoint(None, host="0.0.0.0"),  # noqa: S104  # as asked
    ):
        pytest.fail("it was listened on")
    keys = write_keys(tmp_path / "keys")
    with LocalEndpoint(None, host="0.0.0.0", credentials=keys) as endpoint:  # noqa: S104
        url = endpoint.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        assert urllib3.request("GET", f"{url}/v20190125/meshes").status == 403


def use_aws(served: Served, directory: Path, secret: str) -> str:
    program = find_program("aws") or install_tool(directory, "install", "awscli") / "aws"
    return run(served, directory, secret, program, "appmesh", "create-mesh", "--mesh-name", "pay")


def use_terraform(served: Served, directory: Path, secret: str) -> str:
    terraform = Terraform(directory, require_mirror())
    meshes = {"aws_appmesh_mesh": configuration("pay")["aws_appmesh_mesh"]}
    keys = {"secret_key": secret, "custom_ca_bundle": str(served.authority)}
    terraform.configure(served.url, meshes, account=WRITER, **keys)
    terraform("init")
    return run(
        served, directory, secret, "terraform", "apply", "-auto-approve", **terraform.environment
    )


def use_javascript(served: Served, directory: Path, secret: str, sdk: str) -> str:
    node, npm = find_program("node"), find_program("npm")
    if not (node and npm):
        pytest.skip(f"node and npm are not installed, so this is not tested: signatures of {sdk}")
    if not (directory / "node_modules").is_dir():
        install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", sdk]
        subprocess.run(install, cwd=directory, capture_output=True, check=True)
    values = {"endpoint": served.url, "region": SCOPE[1], "accessKeyId": WRITER}
    values |= {"secretAccessKey": secret}
    constants = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())
    return run(served, directory, secret, node, "--eval", constants + SCRIPTS[sdk] + CALLS)


def run(served: Served, home: Path, secret: str, *command: str | Path, **more: str) -> str:
    """Return the output of a client, which ends with `exit 0` if it succeeded."""
    environment = served.environment(home, secret) | more
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    return f"{done.stdout}{done.stderr}exit {done.returncode}"


CLIENTS: dict[str, Callable[[Served, Path, str], str]] = {
    "aws": use_aws,
    "@aws-sdk/client-app-mesh": partial(use_javascript, sdk="@aws-sdk/client-app-mesh"),
    "aws-sdk": partial(use_javascript, sdk="aws-sdk"),
    "terraform": use_terraform,
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", list(CLIENTS)[: amount("clients that sign", test=1, full=4)])
def test_a_client_is_accepted_with_its_own_secret_alone(
    served: Served, tmp_path: Path, name: str
) -> None:
    refused = CLIENTS[name](served, tmp_path, "another" * 5)
    # Terraform asks STS first.
    assert "InvalidSignatureException" in refused or "SignatureDoesNotMatch" in refused
    assert not refused.endswith("exit 0")
    done = CLIENTS[name](served, tmp_path, SECRET)
    assert done.endswith("exit 0"), done
    assert f"arn:aws:appmesh:{SCOPE[1]}:{ACCOUNT}:mesh/pay" in done or name == "terraform"
