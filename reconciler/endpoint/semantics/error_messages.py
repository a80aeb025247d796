"""Errors that depend on the stored state; abbreviations of sources as in ``spec_checks``."""

from collections.abc import Iterable, Mapping

from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.state.tables import Collection, Resource

TAGS_PER_RESOURCE = 50
"""Tags with the reserved prefix excepted, of which there are none here (UG, API)."""

# Errors that are not in the model; each status is that of public examples.
UNMODELED_STATUS = {
    "AccessDeniedException": 403,
    "InvalidParameterException": 400,
    "RequestEntityTooLargeException": 413,
    "UnknownOperationException": 404,
    "UnsupportedMediaTypeException": 415,
}
_MAX_LISTED = 5


def not_found(collection: Collection, name: str, code: str = "NotFoundException") -> ApiError:
    """Return the error for a missing resource (wording of RM 173)."""
    return ApiError(
        code,
        f"{collection.kind} with name {name} is not present{_parent_text(collection)}"
        f" for account {collection.scope.account}",
    )


def already_exists(collection: Collection, name: str) -> ApiError:
    """Return the error for a name in use: the only error of the model that fits."""
    return ApiError(
        "ConflictException",
        f"{collection.kind} with name {name} already exists{_parent_text(collection)}"
        f" for account {collection.scope.account}",
    )


def token_reused(reason: str) -> ApiError:
    """Return the error for a client token that cannot be used again (API)."""
    return ApiError(
        "ConflictException", f"the client token was used before for {reason}; send a new one"
    )


def too_many_tags(count: int) -> ApiError:
    """Return the error for too many tags on a resource (UG)."""
    return ApiError(
        "TooManyTagsException",
        f"the resource would have {count} tags; it may have {TAGS_PER_RESOURCE}",
    )


def over_quota(scope: str, limit: int) -> ApiError:
    """Return the error for an exceeded quota (the wording is assumed)."""
    return ApiError("LimitExceededException", f"the quota of {scope} is {limit}")


def foreign_arn(text: str, account: str, code: str) -> ApiError:
    """Return the error for an ARN of another account (wording of a report in the UG's threads)."""
    return ApiError(
        code, f"{text} is an invalid ARN. Invalid account id in the ARN provided : {account}"
    )


def denied(account: str, operation: str, arn: str, code: str) -> ApiError:
    """Return the error for an operation that the caller may not use (wording of reports)."""
    return ApiError(code, not_authorized(account, f"appmesh:{operation}", arn))


def not_authorized(account: str, action: str, arn: str) -> str:
    """Return the message about an action that the caller may not use (wording of reports)."""
    return (
        f"User: arn:aws:iam::{account}:root is not authorized to perform: {action} on resource:"
        f" {arn}"
    )


def provides_services(resource: Resource, services: Iterable[Resource]) -> ApiError:
    """Return the error for the delete of a provider (wording of issue 25 of the controller)."""
    return ApiError(
        "ResourceInUseException",
        f"{resource.collection.kind} with name {resource.name} cannot be deleted because it is a"
        f" VirtualService provider: {listing(item.name for item in services)}",
    )


def in_use(resource: Resource, referrers: Mapping[str, Iterable[Resource]]) -> ApiError:
    """Return the error for the delete of a resource in use (wording of aws-nuke 913)."""
    users = ", ".join(
        f"{_upper_case(kind)}: {listing(item.name for item in resources)}"
        for kind, resources in referrers.items()
    )
    return ApiError(
        "ResourceInUseException",
        f"{resource.collection.kind} {resource.name} is being referenced in the following: {users}",
    )


def listing(names: Iterable[str]) -> str:
    """Return up to five names in brackets."""
    names = sorted(names)
    more = ", …" if len(names) > _MAX_LISTED else ""
    return f"[{', '.join(names[:_MAX_LISTED])}{more}]"


def _parent_text(collection: Collection) -> str:
    if not collection.parent:
        return ""
    mesh, _, parent = collection.parent.partition("/")
    nearest = {"Route": "VirtualRouter", "GatewayRoute": "VirtualGateway"}.get(collection.kind)
    return f"{f' under {nearest} {parent}' if nearest else ''} under mesh {mesh}"


def _upper_case(kind: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in kind)[1:].upper()
