"""Pagination of lists: page sizes and tokens."""

import base64
import json
from dataclasses import dataclass
from typing import cast

from reconciler.api import Number
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.semantics.spec_checks import Call
from reconciler.endpoint.state.tables import Resource

_COLUMNS = {"name": ("name",), "created": ("created", "uid"), "uid": ("uid",)}


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list."""

    by: str
    everywhere: bool
    """Whether the list contains several accounts, which may use equal names."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the store by which the list is ordered."""
        return (*_COLUMNS[self.by], "account") if self.everywhere else _COLUMNS[self.by]

    def position(self, resource: Resource) -> list[str]:
        """Return the values of the columns for a resource, as text."""
        values = {
            "name": resource.name,
            "created": str(resource.created),
            "uid": resource.uid,
            "account": resource.collection.scope.account,
        }
        return [values[column] for column in self.columns]

    def values(self, position: list[str]) -> list[str | int]:
        """Return the values of the columns for a position; none for the first page.

        Raises:
            ApiError: The position is not of this order.
        """
        if not position:
            return []
        try:
            pairs = zip(self.columns, position, strict=True)
            return [_milliseconds(text) if column == "created" else text for column, text in pairs]
        except ValueError as error:
            raise _foreign_token() from error


def page_size(call: Call) -> int:
    """Return the requested page size; without one, the largest that is allowed (API)."""
    limit = cast("Number", call.operation.query["limit"].shape)
    return cast("int", call.parameters.get("limit", limit.maximum))


def list_member(call: Call) -> str:
    """Return the member of the response that contains the items."""
    return next(name for name in call.operation.response.members if name != "nextToken")


def next_token(call: Call, listed: str, position: list[str]) -> str:
    """Return the token of the page after a position; ``listed`` identifies the list."""
    return write_token([call.operation.name, listed, *position])


def token_position(call: Call, listed: str) -> list[str]:
    """Return the position after which a page begins; an empty one for the first page.

    Raises:
        ApiError: The token is not from this list.
    """
    token = call.parameters.get("nextToken")
    if not token:
        return []
    operation, about, *position = [*read_token(token), "", ""]
    if (operation, about) != (call.operation.name, listed):
        raise _foreign_token()
    return position[:-2]


def write_token(parts: list[str]) -> str:
    """Return an opaque token that contains ``parts``."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def read_token(token: str) -> list[str]:
    """Return the parts of a token; none if the token is invalid."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(token))
        # A store can hold neither a lone surrogate nor U+0000.
        valid = all("\0" not in part for part in parts) and "".join(parts).encode()
    except (ValueError, TypeError, RecursionError):
        return []
    return parts if isinstance(parts, list) and valid else []


def _milliseconds(text: str) -> int:
    if len(text) > 15:  # noqa: PLR2004 - a time in 30,000 years
        raise ValueError(text)
    return int(text)


def _foreign_token() -> ApiError:
    return ApiError("BadRequestException", "nextToken: is not a token of this list")
