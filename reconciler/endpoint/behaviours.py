"""What nobody can know of the service, as switches with a default, allowed values and evidence.

One table: the command line, the README and the operations read it. It acts on nothing itself.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal, get_args, get_type_hints

from reconciler.endpoint.errors import BehaviourRefusedError

YesNo = Literal["yes", "no"]
Seconds = float


@dataclass(frozen=True, slots=True)
class Known:
    """What a behaviour decides, and what is known of the service's own choice."""

    says: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The choices in force; each default is the strictest that every known client survives."""

    token_retention_seconds: Annotated[
        Seconds,
        Known(
            "how long client tokens are remembered; 0 is not at all",
            "not public; 36 hours outlast any retry",
        ),
    ] = 129600.0
    token_after_delete: Annotated[
        Literal["replays", "forgets", "conflicts"],
        Known(
            "what a remembered token brings once its resource is gone: the old answer and no "
            "effect, a new resource, or ConflictException",
            "not public; a client that survives the replay survives the others",
        ),
    ] = "replays"  # noqa: S105 - no password
    token_of_refused: Annotated[
        Literal["forgotten", "remembered"],
        Known(
            "whether the token of a refused request brings the same refusal again",
            "not public; SDKs keep a token for the attempts of one call alone",
        ),
    ] = "forgotten"  # noqa: S105 - no password
    create_equal_spec: Annotated[
        Literal["409", "200"],
        Known(
            "the answer to creating a live name with the spec it has, under a new token",
            "the model's one fit for a taken name is ConflictException; CloudFormation showed one",
        ),
    ] = "409"
    update_without_spec: Annotated[
        Literal["clears", "keeps"],
        Known(
            "what UpdateMesh without a spec does to the live one",
            "the spec is optional in the model; every client sends all of it",
        ),
    ] = "clears"
    noop_update_bumps_version: Annotated[
        YesNo,
        Known(
            "whether an update to an equal spec counts as a version",
            "not public; clients compare before they update",
        ),
    ] = "yes"
    tagging_bumps_version: Annotated[
        YesNo,
        Known(
            "whether tagging and untagging count as a version",
            "nothing suggests it",
        ),
    ] = "no"
    delete_bumps_version: Annotated[
        Literal["children", "all", "none"],
        Known(
            "whose version the answer to a delete raises by one",
            "samples: a mesh kept its version, the six other kinds rose by one",
        ),
    ] = "children"
    untag_of_absent: Annotated[
        Literal["ignored", "refused"],
        Known(
            "what untagging a key that is not there gets: nothing, or BadRequestException",
            "no error for it is documented; other services ignore it",
        ),
    ] = "ignored"
    too_many_tags_on_create: Annotated[
        Literal["BadRequestException", "TooManyTagsException", "LimitExceededException"],
        Known(
            "the error of a create with more than 50 tags",
            "the model bounds the list and declares TooManyTagsException for TagResource alone",
        ),
    ] = "BadRequestException"
    reserved_tag: Annotated[
        Literal["BadRequestException", "AccessDeniedException"],
        Known(
            "the error of a tag that begins with aws:",
            "the reservation is a rule of all AWS services; the error is not public",
        ),
    ] = "BadRequestException"
    reference_not_found: Annotated[
        Literal["NotFoundException", "BadRequestException"],
        Known(
            "the error of a provider or route target that is not there",
            "both are declared; the controller waits for the target in either case",
        ),
    ] = "NotFoundException"
    references: Annotated[
        Literal["checked", "unchecked"],
        Known(
            "whether providers and route targets have to exist; backends never have to",
            "clients wait for the target to be ACTIVE, IAM resolves it; no refusal was quoted",
        ),
    ] = "checked"
    backends_hold_services: Annotated[
        YesNo,
        Known(
            "whether a virtual node's backend keeps the service that it names from being deleted",
            "inferred from backends never being checked",
        ),
    ] = "no"
    weights: Annotated[
        Literal["at-most-100", "exactly-100"],
        Known(
            "what the weights of a route may sum up to",
            "the model's text and the console differ",
        ),
    ] = "at-most-100"
    router_names: Annotated[
        Literal["word", "any"],
        Known(
            "whether a virtual router's name is held to letters, digits, hyphens and underscores",
            "the user guide says so of this kind alone",
        ),
    ] = "word"
    mesh_names: Annotated[
        Literal["any", "word"],
        Known(
            "whether a mesh's name is held to letters, digits, hyphens and underscores too",
            "a slash is refused; of dots and other characters nothing is known",
        ),
    ] = "any"
    list_order: Annotated[
        Literal["name", "created", "uid"],
        Known(
            "the order of lists; uid is an order that means nothing",
            "not public; no known client depends on one",
        ),
    ] = "name"
    read_lag_seconds: Annotated[
        Seconds,
        Known(
            "how long reads do not see a write",
            "Terraform waits up to two minutes for what it created; how long is usual is not "
            "public",
        ),
    ] = 0.0
    inactive_seconds: Annotated[
        Seconds,
        Known(
            "how long a new resource shows INACTIVE",
            "every sample shows ACTIVE at once; no sample shows INACTIVE",
        ),
    ] = 0.0
    health_check_port: Annotated[
        Literal["filled", "echoed"],
        Known(
            "whether a health check without a port comes back with the listener's",
            "Terraform calls it computed, the controller leaves it out of its comparison",
        ),
    ] = "filled"
    health_check_elsewhere: Annotated[
        Literal["accepted", "refused"],
        Known(
            "whether a health check may ask a port that is not listened on",
            "the API page says that it must be; Terraform keeps the port that the service filled in"
            " when the listener's changes, and would be refused",
        ),
    ] = "accepted"
    backends: Annotated[
        Literal["filled", "echoed"],
        Known(
            "whether a virtual node without backends comes back with an empty list",
            "real output in a public issue; the controller equates empty and absent",
        ),
    ] = "filled"
    target_port: Annotated[
        Literal["echoed", "filled"],
        Known(
            "whether a weighted target without a port comes back with its node's only one",
            "Terraform calls it computed, the controller compares it",
        ),
    ] = "echoed"
    grpc_metadata_names: Annotated[
        Literal["kept", "lowered"],
        Known(
            "whether the names of gRPC metadata keep their case",
            "one sample lowers it, one keeps it",
        ),
    ] = "kept"
    shared_meshes: Annotated[
        Literal["by-owner", "listed", "none"],
        Known(
            "whether meshes of other accounts are reached by meshOwner, shown by ListMeshes "
            "too, or not there; shares are not modelled, so it holds for all of them",
            "the user guide says that lists show them; whom a mesh is shared with is not in "
            "this API",
        ),
    ] = "by-owner"
    denial: Annotated[
        Literal["AccessDeniedException", "ForbiddenException"],
        Known(
            "the error of what the caller may not do",
            "reports quote the first, which no operation declares; all declare the second",
        ),
    ] = "AccessDeniedException"
    shared_arns: Annotated[
        Literal["plain", "with-owner"],
        Known(
            "whether the ARN of a consumer's resource names the mesh as mesh@owner",
            "samples show plain ones; the proxy's identifiers carry the owner",
        ),
    ] = "plain"
    quotas: Annotated[
        Literal["none", "aws"],
        Known(
            "whether creates beyond the default quotas of an account get LimitExceededException",
            "public dumps of the quota service, all of them adjustable",
        ),
    ] = "none"


_TYPES: dict[str, Any] = get_type_hints(Behaviour, include_extras=True)


def parse_behaviour(settings: Iterable[str], base: Behaviour | None = None) -> Behaviour:
    """Return ``base`` with ``NAME=VALUE`` settings laid over it, the last of a name winning.

    Raises:
        BehaviourRefusedError: A setting names no behaviour, or gives it no value that it takes.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        key = name.strip().replace("-", "_")
        if not equals or key not in _TYPES:
            known = ", ".join(_shown(each) for each in _TYPES)
            raise BehaviourRefusedError(f'"{setting}" is no NAME=VALUE of a behaviour: {known}')
        changes[key] = _value(key, value.strip())
    return replace(base or Behaviour(), **changes)


def behaviour_table() -> Iterator[str]:
    """Yield the rows of the README's table in Markdown, the heading first."""
    yield "| behaviour | values, the default first | decides | evidence |"
    yield "|---|---|---|---|"
    for each in fields(Behaviour):
        choices = [str(each.default), *(it for it in _choices(each.name) if it != each.default)]
        if not _choices(each.name):
            choices = [f"{each.default:g}", "any number of seconds"]
        values = " · ".join([f"**{choices[0]}**", *choices[1:]])
        known = _TYPES[each.name].__metadata__[0]
        yield f"| `{_shown(each.name)}` | {values} | {known.says} | {known.evidence} |"


def _value(key: str, text: str) -> str | float:
    choices = _choices(key)
    if choices:
        if text not in choices:
            wanted = " or ".join(choices)
            raise BehaviourRefusedError(f'{_shown(key)} takes {wanted}, not "{text}"')
        return text
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise BehaviourRefusedError(f'{_shown(key)} takes a number of seconds, not "{text}"')
    return seconds


def _choices(key: str) -> tuple[str, ...]:
    return get_args(get_args(_TYPES[key])[0])


def _shown(key: str) -> str:
    return key.replace("_", "-")
