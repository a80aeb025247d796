"""The policies of deploy/iam allow what the product sends, and refuse what it must not."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from builders import ACCOUNT
from conftest import Cli
from iam_policies import IAM, policies, render_policy
from manifest_text import mesh_yaml
from servers import Scripted, recording

from reconciler.api import ApiKind, Operation, load
from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

Write = Callable[[str, str], Path]
ARNS = f"arn:aws:appmesh:eu-west-1:{ACCOUNT}"
POLICIES = {name: json.loads((IAM / f"{name}.json").read_text()) for name in ("plan", "apply")}


@dataclass(frozen=True)
class Request:
    """What IAM is asked to judge."""

    action: str
    resource: str
    asked: Mapping[str, str]
    carried: Mapping[str, str]

    def allowed_by(self, name: str) -> bool:
        return any(self._matches(statement) for statement in POLICIES[name]["Statement"])

    def _matches(self, statement: dict[str, Any]) -> bool:
        resources = statement["Resource"]
        listed = [resources] if isinstance(resources, str) else resources
        return (
            self.action in statement["Action"]
            and any(fnmatchcase(self.resource, pattern) for pattern in listed)
            and all(
                self._expression_matches(operator, key, wanted)
                for operator, keys in statement.get("Condition", {}).items()
                for key, wanted in keys.items()
            )
        )

    def _expression_matches(self, operator: str, key: str, wanted: str) -> bool:
        place, _, tag = key.partition("/")
        tags = {"aws:RequestTag": self.asked, "aws:ResourceTag": self.carried}[place]
        value = tags.get(tag)
        return {"StringEquals": value == wanted, "Null": (value is None) == (wanted == "true")}[
            operator
        ]


def judged(server: Scripted, live: dict[str, dict[str, str]]) -> Iterator[Request]:
    """Yield what IAM would be asked of each request, given the tags of each ARN before."""
    for line, body in server.asked:
        method, target = line.split(" ", 1)
        url = urlsplit(target)
        if url.path == "/":
            # GetResources, and GetCallerIdentity, which needs no permission.
            if b"GetCallerIdentity" not in body:
                yield Request("tag:GetResources", "*", {}, {})
            continue
        operation, names = operation_of(method, url.path)
        said = json.loads(body or b"{}")
        if operation.kind is None:
            arn = parse_qs(url.query)["resourceArn"][0]
        else:
            arn = place_of(operation, operation.kind).format_map({**names, **said})
        asked = {tag["key"]: tag["value"] for tag in said.get("tags", ())}
        yield Request(f"appmesh:{operation.name}", arn, asked, dict(live.get(arn, {})))
        if operation.action == "delete":
            del live[arn]
        elif operation.action in ("create", "tag"):
            live[arn] = {**live.get(arn, {}), **asked}
        elif operation.action == "untag":
            for key in said["tagKeys"]:
                live[arn].pop(key, None)


def place_of(operation: Operation, kind: ApiKind) -> str:
    """Return the ARN, still with names to fill in, that IAM judges an operation by."""
    if operation.action != "list":
        return f"{ARNS}:{kind.arn}"
    # What is listed is in its parent; meshes are in none.
    parent, *_ = kind.arn.rsplit("/", 2)
    return "*" if parent == "mesh" else f"{ARNS}:{parent}"


def operation_of(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """Return the operation of a request line, and what its path names."""
    for operation in load().operations.values():
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation.path)
        if operation.method == method and (found := re.fullmatch(pattern, path)):
            return operation, found.groupdict()
    raise AssertionError(f"no operation: {method} {path}")


def test_the_files_are_what_the_description_of_the_api_makes() -> None:
    for name, policy in policies().items():
        text = (IAM / f"{name}.json").read_text("utf-8")
        assert text == render_policy(policy), "python tools/iam_policies.py brings it up to date"


def test_e27_all_that_is_sent_is_allowed_and_nothing_more(
    cli: Cli, endpoint: LocalEndpoint, write: Write, here: Path
) -> None:
    by_hand = boto3.client("appmesh", endpoint_url=endpoint.url)
    by_hand.create_mesh(meshName="nobodys", tags=[{"key": "team", "value": "a"}])
    live = {f"{ARNS}:mesh/nobodys": {"team": "a"}}
    by_hand.close()

    def run(command: str, *arguments: str) -> list[Request]:
        with recording(endpoint.url) as server:
            where = ("--endpoint-url", server.url, "--owner", "OWNER", "--policy", "sync")
            assert cli(command, "manifests", *where, *arguments).code == 0
            return list(judged(server, live))

    write("manifests/nobodys.yaml", mesh_yaml("nobodys", reconcile="{adopt: true}"))
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL", team="a"))
    write("manifests/b.yaml", mesh_yaml("b"))
    planned = run("plan")
    sent = run("apply", "--auto-approve")
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL", squad="b"))
    (here / "manifests/b.yaml").unlink()
    planned += run("plan")
    sent += run("apply", "--auto-approve")

    assert [it for it in planned if not it.allowed_by("plan")] == []
    assert [it for it in sent if not it.allowed_by("apply")] == []
    kinds = [name for name in load().kinds if name != "Mesh"]
    offered = {it for row in POLICIES["apply"]["Statement"] for it in row["Action"]}
    of_meshes = {it for it in offered if not any(kind in it for kind in kinds)}
    assert of_meshes <= {it.action for it in sent} <= offered


MESH = f"{ARNS}:mesh/a"
OURS, THEIRS, NOBODYS = {OWNER_TAG: "OWNER"}, {OWNER_TAG: "other"}, {"team": "a"}


@pytest.mark.parametrize("policy", ["plan", "apply"])
@pytest.mark.parametrize("carried", [THEIRS, NOBODYS])
@pytest.mark.parametrize("name", sorted(load().operations))
def test_e27_nothing_that_is_not_ours_is_written(
    policy: str, carried: dict[str, str], name: str
) -> None:
    command = load().operations[name].action
    request = Request(f"appmesh:{name}", MESH, {"team": "b"}, carried)
    # ListMeshes is about no mesh in particular.
    request = replace(request, resource="*") if name == "ListMeshes" else request
    assert request.allowed_by(policy) == (command in ("describe", "list", "list-tags"))
    if command not in ("create", "tag"):
        return
    marked = replace(request, asked=OURS, carried=carried if command == "tag" else {})
    adoption = command == "create" or carried is NOBODYS
    assert marked.allowed_by(policy) == (policy == "apply" and adoption)


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("UpdateRoute", "mesh/a/virtualNode/n", True),
        ("UpdateRoute", "mesh/a/virtualRouter/r/route/x", False),
        ("UpdateVirtualService", "mesh/a/virtualRouter/r", True),
        ("UpdateVirtualService", "mesh/a/virtualService/s", False),
        ("UpdateGatewayRoute", "mesh/a/virtualService/s", True),
        ("UpdateVirtualNode", "mesh/a/virtualNode/n", False),
        ("DeleteVirtualNode", "mesh/a/virtualNode/n", False),
    ],
)
def test_e27_others_may_be_named_and_not_written(
    action: str, resource: str, *, allowed: bool
) -> None:
    request = Request(f"appmesh:{action}", f"{ARNS}:{resource}", {}, THEIRS)
    assert request.allowed_by("apply") == allowed
