"""GetResources of the tagging API, for what App Mesh has: resources found by their tags."""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler import limits
from reconciler.api import Boolean, ListOf, Member, Number, Shape, Structure, Text, violations
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.semantics.pagination import read_token, write_token
from reconciler.endpoint.state.tables import Resource, Scope, Tables

TARGET = "ResourceGroupsTaggingAPI_20170126."


def _text(shortest: int | None, longest: int | None) -> Text:
    return Text("", shortest, longest, None, (), idempotency=False)


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


def get_resources(
    request: Any, scope: Scope, tables: Tables, arn: Callable[[Resource], str]
) -> dict[str, Any]:
    """Return the answer of GetResources: what the caller created and tagged, in pages.

    A type filter is ``appmesh``, ``appmesh:mesh`` or, for the other kinds, ``appmesh:virtualNode``
    or ``appmesh:mesh/virtualNode`` (the forms of the last: chosen). Resources whose tags are all
    gone are left out (chosen).

    Raises:
        RefusedError: The request is not one that the API allows.
    """
    if found := [str(tag_filter) for tag_filter in violations(_REQUEST, request)]:
        raise ApiError("InvalidParameterException", "; ".join(found[:5]))
    token = request.get("PaginationToken") or ""
    after = read_token(token, 4)
    if token and not any(after):
        raise ApiError("InvalidParameterException", "PaginationToken: is not one of ours")
    size = request.get("ResourcesPerPage", limits.TAG_INDEX_PAGE_SIZE)
    page: list[Resource] = []
    following = ""
    for resource in tables.tagged(scope, (after[0], after[1], after[2], after[3])):
        if not _is_wanted(resource, request, arn):
            continue
        if len(page) == size:
            last = page[-1]
            place = last.collection
            following = write_token([place.scope.account, place.kind, place.parent, last.name])
            break
        page.append(resource)
    rows = [{"ResourceARN": arn(tag_filter), "Tags": _rows(tag_filter.tags)} for tag_filter in page]
    return {"PaginationToken": following, "ResourceTagMappingList": rows}


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
