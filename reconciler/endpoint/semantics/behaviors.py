"""Behaviors: options for properties of the service that AWS does not document.

docs/behaviors.md lists the effect of each, and the evidence for its default.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

from reconciler.endpoint.endpoint_errors import InvalidBehaviorError

YesNo = Literal["yes", "no"]


@dataclass(frozen=True, slots=True)
class Behavior:
    """The selected behaviors; each default is the strictest that all known clients tolerate."""

    token_retention_seconds: float = 129600.0
    token_after_delete: Literal["replays", "forgets", "conflicts"] = "replays"  # noqa: S105 - no password
    """The effect of a token whose resource was deleted: old response, new resource or conflict."""
    token_of_refused: Literal["forgotten", "remembered"] = "forgotten"  # noqa: S105 - no password
    create_equal_spec: Literal["409", "200"] = "409"
    """The status of a create with a new token, if the resource exists with an equal spec."""
    update_without_spec: Literal["clears", "keeps"] = "clears"
    noop_update_bumps_version: YesNo = "yes"
    tagging_bumps_version: YesNo = "no"
    delete_bumps_version: Literal["children", "all", "none"] = "children"
    """The kinds whose version is one higher in the response to a delete."""
    untag_of_absent: Literal["ignored", "refused"] = "ignored"
    too_many_tags_on_create: Literal[
        "BadRequestException", "TooManyTagsException", "LimitExceededException"
    ] = "BadRequestException"
    reserved_tag: Literal["BadRequestException", "AccessDeniedException"] = "BadRequestException"
    reference_not_found: Literal["NotFoundException", "BadRequestException"] = "NotFoundException"
    references: Literal["checked", "unchecked"] = "checked"
    """Whether providers and route targets must exist; backends never have to."""
    backends_hold_services: YesNo = "no"
    """Whether a virtual service cannot be deleted while a backend refers to it."""
    weights: Literal["at-most-100", "exactly-100"] = "at-most-100"
    router_names: Literal["word", "any"] = "word"
    """A word consists of letters, digits, hyphens and underscores."""
    mesh_names: Literal["any", "word"] = "any"
    list_order: Literal["name", "created", "uid"] = "name"
    """The order of lists; the order of uids is random."""
    read_lag_seconds: float = 0.0
    inactive_seconds: float = 0.0
    health_check_port: Literal["filled", "echoed"] = "filled"
    """Whether a health check without a port is returned with the port of its listener."""
    health_check_elsewhere: Literal["accepted", "refused"] = "accepted"
    """Whether a health check may have a port without a listener."""
    controller_rules: Literal["unchecked", "checked"] = "unchecked"
    """Whether specs are rejected that only the Kubernetes controller is known to reject."""
    backends: Literal["read", "filled", "echoed"] = "read"
    """The responses that contain an empty list for a virtual node without backends.

    Those that read or delete it, all, or none."""
    target_port: Literal["echoed", "filled"] = "echoed"
    """Whether a weighted target without a port is returned with the only port of its node."""
    grpc_metadata_names: Literal["kept", "lowered"] = "kept"
    shared_meshes: Literal["by-owner", "listed", "none"] = "by-owner"
    """Shared meshes are found by ``meshOwner`` only, are also in ListMeshes, or do not exist."""
    denial: Literal["AccessDeniedException", "ForbiddenException"] = "AccessDeniedException"
    shared_arns: Literal["plain", "with-owner"] = "plain"
    """Whether the ARNs in shared meshes contain mesh@owner."""
    quotas: Literal["none", "aws"] = "none"


_TYPES: dict[str, Any] = get_type_hints(Behavior)


def parse_behavior(settings: Iterable[str], base: Behavior | None = None) -> Behavior:
    """Return ``base`` changed by ``NAME=VALUE`` settings; the last setting of a name counts.

    Raises:
        InvalidBehaviorError: A setting has an unknown name or an invalid value.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        key = name.strip().replace("-", "_")
        if not equals or key not in _TYPES:
            known = ", ".join(map(_option_name, _TYPES))
            raise InvalidBehaviorError(f'invalid behavior "{setting}": use NAME=VALUE of: {known}')
        changes[key] = _value(key, value.strip())
    return replace(base or Behavior(), **changes)


def _value(key: str, text: str) -> str | float:
    choices: tuple[str, ...] = get_args(_TYPES[key])
    if choices:
        if text not in choices:
            allowed = " or ".join(choices)
            raise InvalidBehaviorError(f'{_option_name(key)} must be {allowed}, not "{text}"')
        return text
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InvalidBehaviorError(f'{_option_name(key)} must be a number of seconds, not "{text}"')
    return seconds


def _option_name(key: str) -> str:
    return key.replace("_", "-")
