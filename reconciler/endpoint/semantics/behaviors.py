"""What nobody can know of the service, as switches with a default and the values they take.

It acts on nothing itself. What each decides, and what speaks for its default, the README tells.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

from reconciler.endpoint.endpoint_errors import InvalidBehaviorError

YesNo = Literal["yes", "no"]


@dataclass(frozen=True, slots=True)
class Behavior:
    """The choices in force; each default is the strictest that every known client survives."""

    token_retention_seconds: float = 129600.0
    token_after_delete: Literal["replays", "forgets", "conflicts"] = "replays"  # noqa: S105 - no password
    """What a token brings whose resource is gone: the old answer, a new resource, a conflict."""
    token_of_refused: Literal["forgotten", "remembered"] = "forgotten"  # noqa: S105 - no password
    create_equal_spec: Literal["409", "200"] = "409"
    """The answer to creating a live name with the spec it has, under a new token."""
    update_without_spec: Literal["clears", "keeps"] = "clears"
    noop_update_bumps_version: YesNo = "yes"
    tagging_bumps_version: YesNo = "no"
    delete_bumps_version: Literal["children", "all", "none"] = "children"
    """Whose version the answer to a delete raises by one."""
    untag_of_absent: Literal["ignored", "refused"] = "ignored"
    too_many_tags_on_create: Literal[
        "BadRequestException", "TooManyTagsException", "LimitExceededException"
    ] = "BadRequestException"
    reserved_tag: Literal["BadRequestException", "AccessDeniedException"] = "BadRequestException"
    reference_not_found: Literal["NotFoundException", "BadRequestException"] = "NotFoundException"
    references: Literal["checked", "unchecked"] = "checked"
    """Of providers and route targets; backends never have to exist."""
    backends_hold_services: YesNo = "no"
    """Whether a backend keeps the service that it names from being deleted."""
    weights: Literal["at-most-100", "exactly-100"] = "at-most-100"
    router_names: Literal["word", "any"] = "word"
    """A word is of letters, digits, hyphens and underscores."""
    mesh_names: Literal["any", "word"] = "any"
    list_order: Literal["name", "created", "uid"] = "name"
    """The order of uids means nothing."""
    read_lag_seconds: float = 0.0
    inactive_seconds: float = 0.0
    health_check_port: Literal["filled", "echoed"] = "filled"
    """Whether a health check without a port comes back with the listener's."""
    health_check_elsewhere: Literal["accepted", "refused"] = "accepted"
    """Of a port that is not listened on."""
    backends: Literal["filled", "echoed"] = "filled"
    """Whether a virtual node without backends comes back with an empty list."""
    target_port: Literal["echoed", "filled"] = "echoed"
    """Whether a weighted target without a port comes back with its node's only one."""
    grpc_metadata_names: Literal["kept", "lowered"] = "kept"
    shared_meshes: Literal["by-owner", "listed", "none"] = "by-owner"
    """Reached by ``meshOwner``, shown by ListMeshes too, or not there."""
    denial: Literal["AccessDeniedException", "ForbiddenException"] = "AccessDeniedException"
    shared_arns: Literal["plain", "with-owner"] = "plain"
    """Whether they name the mesh as mesh@owner."""
    quotas: Literal["none", "aws"] = "none"


_TYPES: dict[str, Any] = get_type_hints(Behavior)


def parse_behavior(settings: Iterable[str], base: Behavior | None = None) -> Behavior:
    """Return ``base`` with ``NAME=VALUE`` settings laid over it, the last of a name winning.

    Raises:
        BehaviorRefusedError: A setting names no behavior, or gives it no value that it takes.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        key = name.strip().replace("-", "_")
        if not equals or key not in _TYPES:
            known = ", ".join(map(_shown, _TYPES))
            raise InvalidBehaviorError(f'"{setting}" is no NAME=VALUE of a behavior: {known}')
        changes[key] = _value(key, value.strip())
    return replace(base or Behavior(), **changes)


def _value(key: str, text: str) -> str | float:
    choices: tuple[str, ...] = get_args(_TYPES[key])
    if choices:
        if text not in choices:
            wanted = " or ".join(choices)
            raise InvalidBehaviorError(f'{_shown(key)} takes {wanted}, not "{text}"')
        return text
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InvalidBehaviorError(f'{_shown(key)} takes a number of seconds, not "{text}"')
    return seconds


def _shown(key: str) -> str:
    return key.replace("_", "-")
