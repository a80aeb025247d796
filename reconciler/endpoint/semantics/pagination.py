"""Pagination of lists: page sizes and tokens."""

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
    """The order of a list, as an SQL expression and as a position in a token."""

    by: str
    everywhere: bool
    """Whether the list contains several accounts, which may use equal names."""

    @property
    def expression(self) -> str:
        """The SQL expression over the columns."""
        expression = _EXPRESSIONS[self.by]
        return f"({expression}) || '/' || account" if self.everywhere else expression

    def position(self, resource: Resource) -> str:
        """Return the expression's value for a resource."""
        position = {
            "name": resource.name,
            "created": f"{resource.created:015}{resource.uid}",
            "uid": resource.uid,
        }[self.by]
        if not self.everywhere:
            return position
        return f"{position}/{resource.collection.scope.account}"


def page_size(call: Call) -> int:
    """Return the requested page size; without one, the largest that is allowed (API)."""
    limit = cast("Number", call.operation.query["limit"].shape)
    return cast("int", call.parameters.get("limit", limit.maximum))


def list_member(call: Call) -> str:
    """Return the member of the response that contains the items."""
    return next(name for name in call.operation.response.members if name != "nextToken")


def next_token(call: Call, listed: str, last: str) -> str:
    """Return the token of the page after position ``last``; ``listed`` identifies the list."""
    return write_token([call.operation.name, listed, last])


def token_position(call: Call, listed: str) -> str:
    """Return the position after which a page begins; the empty string for the first page.

    Raises:
        ApiError: The token is not from this list.
    """
    token = call.parameters.get("nextToken")
    if not token:
        return ""
    name, about, last = read_token(token, 3)
    if (name, about) != (call.operation.name, listed):
        raise ApiError("BadRequestException", "nextToken: is not a token of this list")
    return last


def write_token(parts: list[str]) -> str:
    """Return an opaque token that contains ``parts``."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def read_token(token: str, size: int) -> list[str]:
    """Return the ``size`` parts of a token; empty parts if the token is invalid."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, RecursionError):
        parts = None
    if isinstance(parts, list) and [type(part) for part in parts] == [str] * size:
        return parts
    return [""] * size
