"""Converts responses of the API into types of the core."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.api import load, violations
from reconciler.core.diff import join_pointer
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Json, Key, LiveResource, ResourceVersion, Spec


def to_live_resource(key: Key, body: Mapping[str, Any], tags: Mapping[str, str]) -> LiveResource:
    """Return the live `key` from the body of a describe response and its tags."""
    metadata = body["metadata"]
    return LiveResource(
        key=key,
        spec=body["spec"],
        tags=tags,
        uid=metadata["uid"],
        version=metadata["version"],
        arn=metadata["arn"],
        account=metadata["resourceOwner"],
        created_at=metadata["createdAt"],
        unknown=tuple(_unknown_fields(key, body["spec"])),
    )


def attested_resource(
    key: Key, ref: Mapping[str, Any], spec: Spec, tags: Mapping[str, str]
) -> LiveResource:
    """Return the live `key` from its list entry `ref` and the `spec` that its record attests."""
    return LiveResource(
        key=key,
        spec=spec,
        tags=tags,
        uid="",
        version=ref["version"],
        arn=ref["arn"],
        account=ref["resourceOwner"],
        created_at=ref["createdAt"],
        attested=True,
    )


def to_version(body: Mapping[str, Any], request_id: str) -> ResourceVersion:
    """Return the version of a resource from the body of a response about it."""
    metadata = body["metadata"]
    return ResourceVersion(
        metadata["version"], metadata["createdAt"], metadata["uid"], metadata["arn"], request_id
    )


def _unknown_fields(key: Key, spec: Json) -> Iterator[str]:
    shape = load().shapes[f"{KINDS[key.kind].title}Spec"]
    for violation in violations(shape, spec):
        if violation.constraint == "unknown":
            pointer = ""
            for name in violation.path:
                pointer = join_pointer(pointer, name)
            yield pointer
