"""ARNs of App Mesh resources: formatting and parsing (source: service authorization reference)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from reconciler.api import ApiKind
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.state.tables import Scope

_PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
_PARTS = 6  # arn, partition, service, region, account, path


@dataclass(frozen=True, slots=True)
class ParsedArn:
    """The parts of an ARN.

    ``owner`` is the account that created the resource. ``mesh_owner`` is the account that owns the
    mesh, or None if the ARN does not contain it.
    """

    owner: str
    mesh_owner: str | None
    kind: ApiKind
    path: tuple[str, ...]


def write_arn(scope: Scope, path: str) -> str:
    """Return the ARN of a resource in ``scope``; ``path`` is the part after the account."""
    return f"arn:{partition(scope.region)}:appmesh:{scope.region}:{scope.account}:{path}"


def read_arn(text: str, region: str, kinds: Mapping[str, ApiKind]) -> ParsedArn:
    """Return the parts of an ARN of ``region``.

    Raises:
        ApiError: It is not an ARN of this API and region (the error code is assumed).
    """
    parts = text.split(":", _PARTS - 1)
    if len(parts) == _PARTS and parts[:4] == ["arn", partition(region), "appmesh", region]:
        steps = parts[5].split("/")
        for kind in kinds.values():
            template = kind.arn.split("/")
            if len(steps) == len(template) and steps[::2] == template[::2]:
                return _parse_names(parts[4], kind, steps[1::2])
    raise ApiError("BadRequestException", f"{text} is an invalid ARN")


@lru_cache
def partition(region: str) -> str:
    """Return the AWS partition of a region: ``aws`` except in China and GovCloud."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def _parse_names(owner: str, kind: ApiKind, names: list[str]) -> ParsedArn:
    mesh, at, mesh_owner = names[0].partition("@")
    # Only a numeric suffix is an owner, because the name of a mesh may contain an @.
    if at and mesh_owner.isdecimal() and len(names) > 1:
        return ParsedArn(owner, mesh_owner, kind, (mesh, *names[1:]))
    return ParsedArn(owner, None, kind, tuple(names))
