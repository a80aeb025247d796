"""What App Mesh does that its description cannot say: rules, limits and messages, with sources.

Pure: it judges a call that the description already allows, and words refusals. What happens to a
call that is not refused is decided in ``operations``.

The sources: *UG* is the App Mesh user guide of 2023-04, *RM* a thread of the public
aws/aws-app-mesh-roadmap, *API* the API reference, *model* the SDKs' service model. A rule without
evidence says *chosen*: the strictest reading that every known client survives.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.api import Operation
from reconciler.endpoint.errors import RefusedError
from reconciler.endpoint.records import Shelf, World


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What nobody can know of the service and a user may therefore choose."""

    token_retention_seconds: float = 129_600
    """How long client tokens are remembered; 0 = not at all.

    The service's figure is not public; 36 hours outlast any retry.
    """


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood: who asks for what, with parameters as JSON has them."""

    operation: Operation
    world: World
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that a request has to keep; ``complaints`` yields how it does not."""

    says: str
    source: str
    complaints: Callable[[Call], Iterator[str]]


TAGS_PER_RESOURCE = 50
"""Tags with the reserved prefix excepted, of which there are none here (UG, API)."""

# Not in the model, yet answered: the status of each is that of the public examples.
UNMODELLED_STATUS = {
    "AccessDeniedException": 403,
    "RequestEntityTooLargeException": 413,
    "UnknownOperationException": 404,
}

_UNSPEAKABLE = re.compile(r"[/\x00-\x1f\x7f]")
_PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}


def _bad_names(call: Call) -> Iterator[str]:
    for member in call.operation.kind.path if call.operation.kind else ():
        if _UNSPEAKABLE.search(call.parameters.get(member, "")):
            yield f"{member}: must not contain a slash or a control character"


def _reserved_tags(call: Call) -> Iterator[str]:
    for tag in call.parameters.get("tags", ()):
        for member in ("key", "value"):
            if tag[member].lower().startswith("aws:"):
                yield f"tags: the {member} {tag[member]!r} has the reserved prefix aws:"


def _repeated_tags(call: Call) -> Iterator[str]:
    keys = [tag["key"] for tag in call.parameters.get("tags", ())]
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            yield f"tags: the key {key!r} is given {keys.count(key)} times"


REQUEST_RULES = (
    Rule(
        "a name holds no slash; no control character either, as no path could carry it",
        "RM 101: a slash in meshName is a 400; control characters: chosen",
        _bad_names,
    ),
    Rule(
        "tag keys and values do not begin with aws:, in any case",
        "UG on tagging, as for every AWS service; its error code: chosen",
        _reserved_tags,
    ),
    Rule("a request names a tag key once", "chosen", _repeated_tags),
)


def complaints(call: Call) -> Iterator[str]:
    """Yield how a call breaks the rules; each makes it a BadRequestException."""
    for rule in REQUEST_RULES:
        yield from rule.complaints(call)


def arn(shelf: Shelf, path: str) -> str:
    """Return the ARN of a resource; ``path`` is its own part (service authorization reference)."""
    world = shelf.world
    return f"arn:{partition(world.region)}:appmesh:{world.region}:{world.account}:{path}"


def partition(region: str) -> str:
    """Return the AWS partition of a region: ``aws`` but for China and GovCloud."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def absent(shelf: Shelf, name: str) -> RefusedError:
    """Return the refusal for a resource that is not there (worded after RM 173)."""
    return RefusedError(
        "NotFoundException",
        f"{shelf.kind} with name {name} is not present for account {shelf.world.account}",
    )


def taken(shelf: Shelf, name: str) -> RefusedError:
    """Return the refusal for a name in use: the one modelled error that fits (model)."""
    return RefusedError(
        "ConflictException",
        f"{shelf.kind} with name {name} already exists for account {shelf.world.account}",
    )


def token_reused() -> RefusedError:
    """Return the refusal for a client token that came with other parameters before (API)."""
    return RefusedError(
        "ConflictException",
        "the client token was used before for a request with other parameters; send a new one",
    )


def too_many_tags(count: int) -> RefusedError:
    """Return the refusal for a resource that would have more tags than it may (UG)."""
    return RefusedError(
        "TooManyTagsException",
        f"the resource would have {count} tags; it may have {TAGS_PER_RESOURCE}",
    )


def unusable_arn(text: str) -> RefusedError:
    """Return the refusal for what is no ARN of this API and region (chosen)."""
    return RefusedError("BadRequestException", f"{text} is an invalid ARN")


def foreign_arn(text: str, account: str) -> RefusedError:
    """Return the refusal for another account's ARN (worded after a report in the UG's threads)."""
    return RefusedError(
        "AccessDeniedException",
        f"{text} is an invalid ARN. Invalid account id in the ARN provided : {account}",
    )
