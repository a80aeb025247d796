"""Pages of a list: how many items, and where the next page begins."""

import base64
import json
from dataclasses import dataclass
from typing import cast

from reconciler.api import Number
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.semantics.spec_checks import Call
from reconciler.endpoint.state.tables import Resource

_EXPRESSIONS = {"name": "name", "created": "printf('%015d', created) || uid", "uid": "uid"}


@dataclass(frozen=True, slots=True)
class Order:
    """What a list of resources is ordered by, as a statement says it and as a page ends."""

    by: str
    everywhere: bool
    """Whether resources of several accounts stand in it, whose names may be equal."""

    @property
    def expression(self) -> str:
        """The expression over the columns."""
        expression = _EXPRESSIONS[self.by]
        return f"({expression}) || '/' || account" if self.everywhere else expression

    def position(self, resource: Resource) -> str:
        """Return the expression's value for a resource."""
        place = {
            "name": resource.name,
            "created": f"{resource.created:015}{resource.uid}",
            "uid": resource.uid,
        }[self.by]
        return f"{place}/{resource.collection.scope.account}" if self.everywhere else place


def page_size(call: Call) -> int:
    """Return the page size asked for; the largest that is allowed where none is (API)."""
    limit = cast("Number", call.operation.query["limit"].shape)
    return cast("int", call.parameters.get("limit", limit.maximum))


def list_member(call: Call) -> str:
    """Return the member of a list's answer that holds the items."""
    return next(name for name in call.operation.response.members if name != "nextToken")


def next_token(call: Call, of_what: str, last: str) -> str:
    """Return the token of the page that follows the item at ``last``."""
    return write_token([call.operation.name, of_what, last])


def token_position(call: Call, of_what: str) -> str:
    """Return the place after which a page begins; the empty string for the first page.

    Raises:
        RefusedError: The token is not one that this list gave.
    """
    token = call.parameters.get("nextToken")
    if not token:
        return ""
    name, about, last = read_token(token, 3)
    if (name, about) != (call.operation.name, of_what):
        raise ApiError("BadRequestException", "nextToken: is not one that this list gave")
    return last


def write_token(parts: list[str]) -> str:
    """Return an opaque token that holds ``parts``."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def read_token(token: str, size: int) -> list[str]:
    """Return the ``size`` parts of a token; as many empty ones where it is none of ours."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, RecursionError):
        parts = None
    if isinstance(parts, list) and [type(part) for part in parts] == [str] * size:
        return parts
    return [""] * size
