"""Parser of requests: finds the operation and its parameters, and validates them.

It uses neither sockets nor stored state.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import Any
from urllib.parse import parse_qsl, unquote

from reconciler.api import Number, Operation, Violation, violations
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.semantics import spec_checks
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.spec_checks import Call
from reconciler.endpoint.state.tables import Scope

_MAX_VIOLATIONS = 5


class Routes:
    """The operations by method and path."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._candidates: dict[tuple[str, int], list[tuple[list[str], Operation]]] = {}
        for operation in operations:
            steps = operation.path.split("/")
            self._candidates.setdefault((operation.method, len(steps)), []).append(
                (steps, operation)
            )

    def find(self, method: str, raw_path: str) -> tuple[Operation, dict[str, str]]:
        """Return the operation for a path, still URL-encoded, and the names in the path.

        Raises:
            ApiError: No operation has this method and path.
        """
        steps = raw_path.split("/")
        for template, operation in self._candidates.get((method, len(steps)), ()):
            names: dict[str, str] = {}
            for wanted, step in zip(template, steps, strict=True):
                if wanted.startswith("{"):
                    names[wanted[1:-1]] = unquote(step)
                elif wanted != step:
                    break
            else:
                return operation, names
        raise ApiError(
            "UnknownOperationException", f"{method} {raw_path} is not an operation of this API"
        )


def parse_request(
    route: tuple[Operation, Mapping[str, str]],
    scope: Scope,
    query: str,
    body: bytes,
    behavior: Behavior,
) -> Call:
    """Return the call in a request, validated against the API description and the rules.

    Members with the value null are dropped. Unknown members of the body are rejected (assumed: no
    known client sends one, and ignoring a misspelled one would lose its value). Unknown query
    parameters are ignored, because they may contain a signature.

    Args:
        route: The result of ``Routes.find``.
        scope: The account and region of the caller.
        query: The query string of the URL.
        body: The body of the request.
        behavior: The behaviors of the endpoint.

    Raises:
        ApiError: The request is invalid.
    """
    operation, names = route
    members = _body(body) if operation.body else {}
    strays = (
        Violation((name,), "unknown", "is not a member of this request")
        for name in members
        if name not in operation.body
    )
    asked = {name: value for name, value in members.items() if name in operation.body}
    parameters = {**asked, **_parse_query(operation, query), **names}
    return check_call(operation, scope, parameters, behavior, strays)


def check_call(
    operation: Operation,
    scope: Scope,
    parameters: Mapping[str, Any],
    behavior: Behavior,
    strays: Iterable[Violation] = (),
) -> Call:
    """Return a call with these parameters, validated; ``strays`` are violations found before.

    Raises:
        ApiError: The call is invalid.
    """
    violations_found = chain(strays, violations(operation.request, parameters))
    _reject_if_any(
        (_code(violation, operation, behavior), str(violation)) for violation in violations_found
    )
    _reject_if_any(
        ("BadRequestException", f"{name}: must not contain U+0000, which PostgreSQL cannot store")
        for name, value in parameters.items()
        if isinstance(value, str) and "\0" in value
    )
    call = Call(operation, scope, parameters)
    _reject_if_any(spec_checks.violations_of_rules(call, behavior))
    return call


def _reject_if_any(problems: Iterable[tuple[str, str]]) -> None:
    if found := list(islice(problems, _MAX_VIOLATIONS)):
        raise ApiError(found[0][0], "; ".join(message for _, message in found))


def _code(violation: Violation, operation: Operation, behavior: Behavior) -> str:
    if (violation.path, violation.constraint, operation.action) == (("tags",), "size", "create"):
        return behavior.too_many_tags_on_create
    return "BadRequestException"


def _parse_query(operation: Operation, query: str) -> dict[str, Any]:
    if not query:
        return {}
    return {
        name: int(text) if isinstance(known.shape, Number) and _is_decimal(text) else text
        for name, text in parse_qsl(query, keep_blank_values=True)
        if (known := operation.query.get(name))
    }


def _is_decimal(text: str) -> bool:
    # Longer numbers are out of every range, and int() takes quadratic time to parse them.
    return text.isascii() and text.isdigit() and len(text) < 20  # noqa: PLR2004


def _body(body: bytes) -> dict[str, Any]:
    try:
        members = _without_nulls(_DECODER.decode(body.decode())) if body else {}
        # A lone surrogate is valid JSON, but it can be neither stored nor sent as UTF-8.
        if b"\\u" in body:
            json.dumps(members, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError("BadRequestException", f"the body is not JSON: {error}") from error
    if not isinstance(members, dict):
        raise ApiError("BadRequestException", "the body is not a JSON object")
    return members


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: _without_nulls(member) for name, member in value.items() if member is not None
            }
        case list():
            return [_without_nulls(item) for item in value]
        case _:
            return value


def _reject_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


_DECODER = json.JSONDecoder(parse_constant=_reject_constant)
