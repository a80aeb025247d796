"""The policies of deploy/iam, made from the description of the API.

``python tools/iam_policies.py`` writes them anew; a test fails while that would change anything.
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
# An update is authorized for what its spec names as well (service authorization reference).
NAMED = {
    "GatewayRoute": ("VirtualService",),
    "Route": ("VirtualNode",),
    "VirtualNode": ("VirtualService",),
    "VirtualService": ("VirtualNode", "VirtualRouter"),
}
EVERYTHING = "arn:aws:appmesh:*:*:mesh/*"
_OURS = {"StringEquals": {f"aws:ResourceTag/{OWNER_TAG}": "OWNER"}}
_ASKED_AS_OURS = {f"aws:RequestTag/{OWNER_TAG}": "OWNER"}

Statement = dict[str, Any]


def policies() -> dict[str, dict[str, Any]]:
    """Return every policy by its name; ``OWNER``, ``TABLE`` are for whoever attaches them."""
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
    }


def rendered(policy: dict[str, Any]) -> str:
    """Return the text of its file."""
    return json.dumps(policy, indent=2) + "\n"


def actions(*verbs: Action) -> list[str]:
    """Return the actions of ``verbs`` on every kind."""
    operations = load().operations.values()
    return sorted(f"appmesh:{it.name}" for it in operations if it.action in verbs)


def _reading() -> Iterator[Statement]:
    # Neither of these knows a narrower resource.
    everywhere = ["appmesh:ListMeshes", "tag:GetResources"]
    yield {"Sid": "Find", "Action": everywhere, "Resource": "*"}
    yield {
        "Sid": "Read",
        "Action": [it for it in actions(*READING) if it not in everywhere],
        "Resource": EVERYTHING,
    }


def _writing() -> Iterator[Statement]:
    yield {
        "Sid": "CreateAsOurs",
        "Action": actions("create"),
        "Resource": EVERYTHING,
        "Condition": {"StringEquals": _ASKED_AS_OURS},
    }
    yield {
        "Sid": "ChangeOurs",
        "Action": actions(*CHANGING),
        "Resource": EVERYTHING,
        "Condition": _OURS,
    }
    yield {
        "Sid": "AdoptNobodys",
        "Action": actions("tag"),
        "Resource": EVERYTHING,
        "Condition": {
            "StringEquals": _ASKED_AS_OURS,
            "Null": {f"aws:ResourceTag/{OWNER_TAG}": "true"},
        },
    }
    for kind, named in NAMED.items():
        yield {
            "Sid": f"NameIn{kind}",
            "Action": [f"appmesh:Update{kind}"],
            "Resource": [_resource(name) for name in named],
        }


def _resource(kind: str) -> str:
    path = re.sub(r"{\w+}", "*", load().kinds[kind].arn)
    return f"arn:aws:appmesh:*:*:{path}"


def _policy(*statements: Statement) -> dict[str, Any]:
    allowed = [{"Sid": it["Sid"], "Effect": "Allow"} | it for it in statements]
    return {"Version": "2012-10-17", "Statement": allowed}


if __name__ == "__main__":
    IAM.mkdir(exist_ok=True)
    for name, policy in policies().items():
        (IAM / f"{name}.json").write_text(rendered(policy), "utf-8")
