"""The tagging API, for App Mesh resources: GetResources, TagResources and UntagResources."""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler import limits
from reconciler.api import Boolean, ListOf, Member, Number, Shape, Structure, Text, violations
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.semantics.pagination import read_token, write_token
from reconciler.endpoint.state.tables import Resource, Scope, Tables

TARGET = "ResourceGroupsTaggingAPI_20170126."
# Account, kind, parent and name.
_POSITION_LENGTH = 4
OPERATIONS = ("GetResources", "TagResources", "UntagResources")


def _text(min_length: int | None, max_length: int | None) -> Text:
    return Text("", min_length, max_length, None, (), idempotency=False)


def _structure(name: str, **members: Shape) -> Structure:
    known = {member: Member(shape, required=False) for member, shape in members.items()}
    return Structure(name, known)


_FILTER = _structure("TagFilter", Key=_text(1, 128), Values=ListOf("", _text(0, 256), 0, 20))
# From the reference of that API, version 2017-01-26.
_REQUEST = _structure(
    "GetResources",
    PaginationToken=_text(0, 2048),
    TagFilters=ListOf("", _FILTER, 0, 50),
    ResourcesPerPage=Number("", "integer", 1, 100),
    TagsPerPage=Number("", "integer", 100, 500),
    ResourceTypeFilters=ListOf("", _text(0, 256), 0, 100),
    IncludeComplianceDetails=Boolean(""),
    ExcludeCompliantResources=Boolean(""),
    ResourceARNList=ListOf("", _text(1, 1011), 1, 100),
)
_CHANGED = Member(ListOf("", _text(1, 1011), 1, 20), required=True)
_TAG = _structure("Tag", Key=_text(1, 128), Value=_text(0, 256))
_CHANGES = {
    name: Structure(name, {"ResourceARNList": _CHANGED, member: Member(shape, required=True)})
    for name, member, shape in (
        ("TagResources", "Tags", ListOf("", _TAG, 1, 50)),
        ("UntagResources", "TagKeys", ListOf("", _text(1, 128), 1, 50)),
    )
}


def get_resources(
    request: Any, scope: Scope, tables: Tables, arn: Callable[[Resource], str]
) -> dict[str, Any]:
    """Return the response of GetResources: one page of the caller's own, tagged resources.

    A type filter is ``appmesh``, ``appmesh:mesh`` or, for the other kinds, ``appmesh:virtualNode``
    or ``appmesh:mesh/virtualNode`` (the last two forms are assumed). Resources without tags are
    not listed (assumed).

    Raises:
        ApiError: The request is invalid.
    """
    _check(_REQUEST, request)
    token = request.get("PaginationToken") or ""
    after = read_token(token)
    if token and len(after) != _POSITION_LENGTH:
        raise ApiError(
            "InvalidParameterException", "PaginationToken: is not a token of this operation"
        )
    size = request.get("ResourcesPerPage", limits.TAG_INDEX_PAGE_SIZE)
    page: list[Resource] = []
    following = ""
    for resource in tables.tagged(scope, tuple(after)):
        if not _is_wanted(resource, request, arn):
            continue
        if len(page) == size:
            last = page[-1]
            collection = last.collection
            following = write_token(
                [collection.scope.account, collection.kind, collection.parent, last.name]
            )
            break
        page.append(resource)
    rows = [{"ResourceARN": arn(resource), "Tags": _rows(resource.tags)} for resource in page]
    return {"PaginationToken": following, "ResourceTagMappingList": rows}


def read_change(action: str, request: Any) -> tuple[list[str], dict[str, Any]]:
    """Return the ARNs in a TagResources or UntagResources, and the parameters for each of them.

    The parameters are those of TagResource and UntagResource of App Mesh.

    Raises:
        ApiError: The request is invalid.
    """
    tags = request.get("Tags") if isinstance(request, dict) else None
    if isinstance(tags, dict):
        # The API description has no maps.
        request = {**request, "Tags": [{"Key": key, "Value": tags[key]} for key in tags]}
    elif tags is not None:
        raise ApiError("InvalidParameterException", "Tags: must be an object")
    _check(_CHANGES[action], request)
    arns = list(dict.fromkeys(request["ResourceARNList"]))
    if action == "UntagResources":
        return arns, {"tagKeys": request["TagKeys"]}
    return arns, {"tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in request["Tags"]]}


def failure(error: ApiError) -> dict[str, Any]:
    """Return the part of a response about a resource that was not changed.

    The model has one code besides that of a failure of the service; the status is assumed.
    """
    code = "InvalidParameterException"
    return {"StatusCode": 400, "ErrorCode": code, "ErrorMessage": str(error)}


def _check(shape: Structure, request: Any) -> None:
    if problems := [str(violation) for violation in violations(shape, request)]:
        raise ApiError("InvalidParameterException", "; ".join(problems[:5]))


def _is_wanted(
    resource: Resource, request: Mapping[str, Any], arn: Callable[[Resource], str]
) -> bool:
    kind = resource.collection.kind[0].lower() + resource.collection.kind[1:]
    types = {"appmesh", f"appmesh:{kind}", f"appmesh:mesh/{kind}"}
    asked = request.get("ResourceTypeFilters")
    arns = request.get("ResourceARNList")
    return (
        (not asked or bool(types.intersection(asked)))
        and (not arns or arn(resource) in arns)
        and all(
            _matches_filter(resource, tag_filter) for tag_filter in request.get("TagFilters", ())
        )
    )


def _matches_filter(resource: Resource, wanted: Mapping[str, Any]) -> bool:
    value = resource.tags.get(wanted.get("Key", ""))
    values = wanted.get("Values")
    return value is not None and (not values or value in values)


def _rows(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
