"""The App Mesh API 2019-01-25: operations, parameters, shapes, constraints and errors.

The facts are in a JSON file next to this module.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

Action = Literal["create", "update", "describe", "delete", "list", "tag", "untag", "list-tags"]
Retry = Literal["throttling", "transient"]

_MEMBER = re.compile(r"{(\w+)}")
# importlib.resources takes 2 ms to import.
_FILE = Path(__file__).with_name("appmesh-2019-01-25.json")


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A string; lengths are in characters, and ``pattern`` must match the whole string."""

    name: str
    min_length: int | None
    max_length: int | None
    pattern: re.Pattern[str] | None
    values: tuple[str, ...]
    """The allowed values; empty if all are allowed."""
    idempotency: bool
    """Whether SDKs set a new UUID if the caller sets no value."""


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A whole number between ``minimum`` and ``maximum``, both included."""

    name: str
    type: Literal["integer", "long"]
    minimum: int | None
    maximum: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Boolean:
    """``true`` or ``false``."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Timestamp:
    """A JSON number: seconds since 1970, with milliseconds as decimals."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ListOf:
    """A list of ``min_items`` to ``max_items`` items of the shape ``item``."""

    name: str
    item: "Shape"
    min_items: int | None
    max_items: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One member of a structure, or one parameter of a request."""

    shape: "Shape"
    required: bool


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """An object with known members; in a ``union`` exactly one of them is present."""

    name: str
    members: Mapping[str, Member]
    union: bool = False


Shape = Structure | ListOf | Text | Number | Boolean | Timestamp


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error that operations declare; its body has one member, ``message``."""

    name: str
    status: int
    retry: Retry | None
    """The reason to retry the request, or None if a retry does not help."""


@dataclass(frozen=True, slots=True)
class ApiKind:
    """A kind of resource, such as ``Mesh``; ``arn`` is the part of its ARN after the account."""

    name: str
    arn: str
    path: tuple[str, ...] = field(init=False)
    """The members that identify a resource of this kind, parents first."""

    def __post_init__(self) -> None:
        """Set the path from the ARN, which contains every parent in order."""
        object.__setattr__(self, "path", tuple(_MEMBER.findall(self.arn)))


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation: its request, its response and its declared errors."""

    name: str
    action: Action
    kind: ApiKind | None
    """The kind of its resource; None if the request contains an ARN instead."""
    method: Literal["GET", "PUT", "DELETE"]
    path: str
    """The path as a template: ``/v20190125/meshes/{meshName}``."""
    uri: Mapping[str, Member]
    query: Mapping[str, Member]
    body: Mapping[str, Member]
    response: Structure
    payload: str | None
    """The member of the response that is sent unwrapped as the whole body."""
    errors: tuple[ApiError, ...]
    request: Structure = field(init=False)
    """The members of uri, query and body together."""

    def __post_init__(self) -> None:
        """Join the members of the three places to the request."""
        request = Structure(f"{self.name}Request", {**self.uri, **self.query, **self.body})
        object.__setattr__(self, "request", request)


@dataclass(frozen=True, slots=True)
class Service:
    """The names of the API in SDKs, host names and signatures."""

    id: str
    version: str
    protocol: str
    endpoint: str
    signing: str


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """The whole API, by name."""

    service: Service
    kinds: Mapping[str, ApiKind]
    errors: Mapping[str, ApiError]
    operations: Mapping[str, Operation]
    shapes: Mapping[str, Shape]


@cache
def load() -> Description:
    """Return the description; the file is read only once."""
    facts = json.loads(_FILE.read_bytes())
    shapes = _Shapes(facts["shapes"])
    errors = {
        name: ApiError(name, row["status"], row.get("retry"))
        for name, row in facts["errors"].items()
    }
    common = {name for name, row in facts["errors"].items() if row.get("everywhere")}
    kinds = {name: ApiKind(name, **row) for name, row in facts["kinds"].items()}
    operations = {}
    for name, row in facts["operations"].items():
        method, path = row["request"].split(" ")
        declared = common.union(row.get("errors", ()))
        operations[name] = Operation(
            name=name,
            action=row["action"],
            kind=kinds.get(row.get("kind")),
            method=method,
            path=path,
            uri=shapes.members(row.get("uri", {})),
            query=shapes.members(row.get("query", {})),
            body=shapes.members(row.get("body", {})),
            response=Structure(f"{name}Response", shapes.members(row["response"])),
            payload=row.get("payload"),
            errors=tuple(errors[error] for error in sorted(declared)),
        )
    everything = {name: shapes.get(name) for name in facts["shapes"]}
    return Description(Service(**facts["service"]), kinds, errors, operations, everything)


class _Shapes:
    """Builds the shapes from their rows in the file, each once."""

    def __init__(self, rows: Mapping[str, dict[str, Any]]) -> None:
        self._rows = rows
        self._built: dict[str, Shape] = {}

    def get(self, name: str) -> Shape:
        if name not in self._built:
            self._built[name] = self._build(name, self._rows[name])
        return self._built[name]

    def members(self, row: Mapping[str, str]) -> dict[str, Member]:
        return {
            name.removesuffix("*"): Member(self.get(shape), required=name.endswith("*"))
            for name, shape in row.items()
        }

    def _build(self, name: str, row: dict[str, Any]) -> Shape:
        minimum, maximum = row.get("size") or row.get("range") or (None, None)
        match row["type"]:
            case "structure":
                return Structure(name, self.members(row["members"]), row.get("union", False))
            case "list":
                return ListOf(name, self.get(row["item"]), minimum, maximum)
            case "integer" | "long" as number_type:
                return Number(name, number_type, minimum, maximum)
            case "boolean":
                return Boolean(name)
            case "timestamp":
                return Timestamp(name)
            case _:
                pattern = re.compile(row["pattern"]) if "pattern" in row else None
                values = tuple(row.get("values", ()))
                return Text(name, minimum, maximum, pattern, values, row.get("idempotency", False))
