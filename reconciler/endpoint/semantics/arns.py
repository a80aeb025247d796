"""ARNs of this API: written for a resource, and read back (service authorization reference)."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.api import ApiKind
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.state.tables import Scope

_PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
_PARTS = 6  # arn, partition, service, region, account, path


@dataclass(frozen=True, slots=True)
class ParsedArn:
    """What an ARN names; ``mesh_owner`` is None where it does not say whose mesh that is."""

    owner: str
    mesh_owner: str | None
    kind: ApiKind
    path: tuple[str, ...]


def write_arn(scope: Scope, path: str) -> str:
    """Return an ARN of ``scope``, whose account owns the resource; ``path`` is its own part."""
    return f"arn:{partition(scope.region)}:appmesh:{scope.region}:{scope.account}:{path}"


def read_arn(text: str, region: str, kinds: Mapping[str, ApiKind]) -> ParsedArn:
    """Return what an ARN of ``region`` names.

    Raises:
        RefusedError: It is no ARN of this API and region (the error's name: chosen).
    """
    parts = text.split(":", _PARTS - 1)
    if len(parts) == _PARTS and parts[:4] == ["arn", partition(region), "appmesh", region]:
        steps = parts[5].split("/")
        for kind in kinds.values():
            template = kind.arn.split("/")
            if len(steps) == len(template) and steps[::2] == template[::2]:
                return _named(parts[4], kind, steps[1::2])
    raise ApiError("BadRequestException", f"{text} is an invalid ARN")


def partition(region: str) -> str:
    """Return the AWS partition of a region: ``aws`` but for China and GovCloud."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def _named(owner: str, kind: ApiKind, names: list[str]) -> ParsedArn:
    mesh, at, mesh_owner = names[0].partition("@")
    # Only a twelve-digit owner makes it mesh@owner: a mesh's own name may hold an @.
    if at and mesh_owner.isdecimal() and len(names) > 1:
        return ParsedArn(owner, mesh_owner, kind, (mesh, *names[1:]))
    return ParsedArn(owner, None, kind, tuple(names))
