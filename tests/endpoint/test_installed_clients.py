"""Clients with dependencies that are not ours, each in an environment of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from amounts import amount
from endpoint.postgresql import CLIENT_STORES, served_on
from endpoint.samples import ORDER, SCOPE, SPECS, arn, named, parameters
from endpoint.test_clients import snake
from programs import install_locked, require_program

from reconciler.api import load

pytestmark = [pytest.mark.slow, pytest.mark.client, pytest.mark.timeout(300)]

CLIENTS = Path(__file__).with_name("clients")
OLD_BOTO3 = """
import json, sys, boto3
assert boto3.__version__.startswith("1.18."), boto3.__version__
client = boto3.client("appmesh", endpoint_url=sys.argv[1])
def known(shape, value):
    "Return what this version knows of a value."
    if shape.type_name == "structure":
        members = shape.members
        return {name: known(members[name], value[name]) for name in value if name in members}
    return [known(shape.member, item) for item in value] if shape.type_name == "list" else value
for name, values in json.load(sys.stdin):
    operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[name])
    answer = getattr(client, name)(**known(operation.input_shape, values))
    del answer["ResponseMetadata"]
    print(json.dumps([name, answer], default=str))
"""
# boto3 of 2021 needs the module cgi, and a way of importing that Python 3.12 has no more.
OLD_PYTHONS = ("python3.11", "python3.10", "python3.9")


def environment(url: str, home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": SCOPE[0],
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": SCOPE[1],
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def run(command: list[str], url: str, home: Path, text: str = "") -> str:
    done = subprocess.run(
        command,
        input=text,
        env=environment(url, home),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("store", CLIENT_STORES)
def test_boto3_of_2021_manages_every_kind(tmp_path: Path, store: str) -> None:
    python = (
        sys.executable
        if sys.version_info < (3, 12)
        else require_program(*OLD_PYTHONS, purpose="boto3 of 2021")
    )
    programs = install_locked(tmp_path / "old", CLIENTS / "boto3-2021.lock", python)
    kinds = ORDER[: amount("kinds managed by boto3 of 2021", test=2, full=7)]
    calls: list[tuple[str, dict[str, Any]]] = []

    def call(operation: str, values: dict[str, Any]) -> None:
        calls.append((snake(operation), values))

    for kind in kinds:
        for command in ("create", "describe", "list", "update"):
            operation = named(command, kind)
            call(operation.name, parameters(operation))
        for operation in load().operations.values():
            if operation.kind is None:
                call(operation.name, parameters(operation, kind))
    for kind in reversed(kinds):
        call(named("delete", kind).name, parameters(named("delete", kind)))
    with served_on(store) as endpoint:
        client = [str(programs / "python"), "-c", OLD_BOTO3, endpoint.url]
        lines = run(client, endpoint.url, tmp_path, json.dumps(calls)).splitlines()
    answers = [json.loads(line) for line in lines]
    assert [name for name, _ in answers] == [name for name, _ in calls]
    for kind in kinds:
        deleted = answers.pop()[1]
        (body,) = deleted.values()
        assert body["status"]["status"] == "DELETED"
        assert body["metadata"]["version"] == (2 if kind == "Mesh" else 3)
        assert set(body["spec"]) >= set(SPECS[kind])


POLICIES = """\
policies:
  - name: {kind}-tag
    resource: aws.appmesh-{kind}
    filters: [{{"tag:team": absent}}]
    actions:
      - {{type: tag, tags: {{team: pay, stage: "1"}}}}
      - {{type: remove-tag, tags: [old, absent]}}
  - name: {kind}-rename
    resource: aws.appmesh-{kind}
    filters: [{{"tag:team": pay}}]
    actions:
      - {{type: rename-tag, old_keys: [stage], new_key: step}}
  - name: {kind}-mark
    resource: aws.appmesh-{kind}
    filters: [{{"tag:step": "1"}}]
    actions:
      - {{type: mark-for-op, tag: marked, op: notify, days: 4, msg: "{{op}}@{{action_date}}"}}
"""


@pytest.mark.parametrize("store", CLIENT_STORES)
def test_cloud_custodian_runs_its_policies_on_tags(tmp_path: Path, store: str) -> None:
    lock = CLIENTS / "cloud-custodian.lock"
    programs = install_locked(tmp_path / "custodian", lock, sys.executable)
    kinds = ["Mesh", "VirtualNode", "VirtualGateway"]
    kinds = kinds[: amount("kinds tagged by Cloud Custodian", test=1, full=3)]
    policies = [POLICIES.format(kind=kind.lower()) for kind in kinds]
    file = tmp_path / "policies.yml"
    file.write_text("policies:\n" + "".join(text.partition("\n")[2] for text in policies))
    with served_on(store) as endpoint:
        session = boto3.Session(SCOPE[0], "secret", region_name=SCOPE[1])
        client = session.client("appmesh", endpoint_url=endpoint.url)
        for kind in ORDER:
            values = parameters(named("create", kind))
            before = [{"key": "old", "value": "1"}, {"key": "kept", "value": ""}]
            getattr(client, f"create_{snake(kind)}")(**values, tags=before)
        command = [str(programs / "custodian"), "run", "--region", SCOPE[1]]
        command += ["--cache-period", "0", "-s", "out", str(file)]
        run(command, endpoint.url, tmp_path)
        for kind in ORDER:
            rows = client.list_tags_for_resource(resourceArn=arn(kind))["tags"]
            tags = {row["key"]: row["value"] for row in rows}
            if kind in kinds:
                assert tags.pop("marked").startswith("notify@")
                assert tags == {"kept": "", "team": "pay", "step": "1"}
            else:
                assert tags == {"kept": "", "old": "1"}
        calls = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"]
    assert calls["TagResources"] == 3 * len(kinds)
    assert calls["UntagResources"] == 2 * len(kinds)
