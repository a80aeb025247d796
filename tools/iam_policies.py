"""Generates the policies of deploy/iam from the description of the API.

Run ``python tools/iam_policies.py`` to update them; a test fails if they are not up to date.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconciler.api import Action, load
from reconciler.core.resources import OWNER_TAG

IAM = Path(__file__).parent.parent / "deploy" / "iam"
READING: tuple[Action, ...] = ("describe", "list", "list-tags")
CHANGING: tuple[Action, ...] = ("update", "delete", "tag", "untag")
# An update also needs permission for the resources that its spec refers to (service
# authorization reference).
REFERENCED = {
    "GatewayRoute": ("VirtualService",),
    "Route": ("VirtualNode",),
    "VirtualNode": ("VirtualService",),
    "VirtualService": ("VirtualNode", "VirtualRouter"),
}
ALL_MESHES = "arn:aws:appmesh:*:*:mesh/*"
_IS_OWNED = {"StringEquals": {f"aws:ResourceTag/{OWNER_TAG}": "OWNER"}}
_SETS_OWNER = {f"aws:RequestTag/{OWNER_TAG}": "OWNER"}

Statement = dict[str, Any]


def policies() -> dict[str, dict[str, Any]]:
    """Return every policy by its name; words in capitals are placeholders."""
    return {
        "plan": _policy(*_reading()),
        "apply": _policy(*_reading(), *_writing()),
        "lock": _policy(
            {
                "Sid": "Lease",
                "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
                "Resource": "arn:aws:dynamodb:*:*:table/TABLE",
                "Condition": {
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["mesh-reconciler/*/OWNER"]}
                },
            }
        ),
        "lock-s3": _policy(
            {
                "Sid": "Lease",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::BUCKET/KEY",
            },
            # Without it, a missing object is denied like one that may not be read. The service does
            # not evaluate conditions such as s3:prefix then.
            {"Sid": "FindMissing", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::BUCKET"},
        ),
    }


def render_policy(policy: dict[str, Any]) -> str:
    """Return the text of the file of a policy."""
    return json.dumps(policy, indent=2) + "\n"


def actions(*selected: Action) -> list[str]:
    """Return the IAM actions of the given API actions on all kinds."""
    operations = load().operations.values()
    return sorted(
        f"appmesh:{operation.name}" for operation in operations if operation.action in selected
    )


def _reading() -> Iterator[Statement]:
    # These two actions cannot be restricted to a resource.
    unrestricted = ["appmesh:ListMeshes", "tag:GetResources"]
    yield {"Sid": "Find", "Action": unrestricted, "Resource": "*"}
    yield {
        "Sid": "Read",
        "Action": [action for action in actions(*READING) if action not in unrestricted],
        "Resource": ALL_MESHES,
    }


def _writing() -> Iterator[Statement]:
    yield {
        "Sid": "CreateOwned",
        "Action": actions("create"),
        "Resource": ALL_MESHES,
        "Condition": {"StringEquals": _SETS_OWNER},
    }
    yield {
        "Sid": "ChangeOwned",
        "Action": actions(*CHANGING),
        "Resource": ALL_MESHES,
        "Condition": _IS_OWNED,
    }
    yield {
        "Sid": "AdoptUnowned",
        "Action": actions("tag"),
        "Resource": ALL_MESHES,
        "Condition": {
            "StringEquals": _SETS_OWNER,
            "Null": {f"aws:ResourceTag/{OWNER_TAG}": "true"},
        },
    }
    for kind, referenced in REFERENCED.items():
        yield {
            "Sid": f"ReferFrom{kind}",
            "Action": [f"appmesh:Update{kind}"],
            "Resource": [_resource(name) for name in referenced],
        }


def _resource(kind: str) -> str:
    path = re.sub(r"{\w+}", "*", load().kinds[kind].arn)
    return f"arn:aws:appmesh:*:*:{path}"


def _policy(*statements: Statement) -> dict[str, Any]:
    allowed = [{"Sid": statement["Sid"], "Effect": "Allow"} | statement for statement in statements]
    return {"Version": "2012-10-17", "Statement": allowed}


if __name__ == "__main__":
    IAM.mkdir(exist_ok=True)
    for name, policy in policies().items():
        (IAM / f"{name}.json").write_text(render_policy(policy), "utf-8")
