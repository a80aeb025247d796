"""Configured faults: reads and checks them, and selects the fault for a call.

``fault_effects`` applies the selected fault.
"""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reconciler import limits
from reconciler.api import ListOf, Member, Number, Shape, Structure, Text, Timestamp, violations
from reconciler.endpoint.endpoint_errors import InvalidFaultsError

# The faults, each with its default `effect`: before or after the request is executed.
DEFAULT_EFFECTS = {
    "throttle": "before",
    "error": "before",
    "lost-reply": "after",
    "delay": "before",
    "hang": "before",
    "cut": "after",
    "html": "before",
    "empty": "after",
    "stale": "before",
    "duplicate": "after",
    "lag": "before",
}
_STATUS = {"throttle": 429, "error": 500, "html": 502}
_ERRORS = {
    400: "BadRequestException",
    403: "ForbiddenException",
    404: "NotFoundException",
    409: "ConflictException",
    429: "TooManyRequestsException",
    500: "InternalServerErrorException",
    503: "ServiceUnavailableException",
}
_OTHER_OPERATIONS = ("GetCallerIdentity", "GetResources", "TagResources", "UntagResources")


def _text(*values: str, longest: int | None = None) -> Text:
    return Text("", None, longest, None, values, idempotency=False)


def _optional(**members: Shape) -> dict[str, Member]:
    return {name: Member(shape, required=False) for name, shape in members.items()}


_FAULT = Structure(
    "Fault",
    {"fault": Member(_text(*DEFAULT_EFFECTS), required=True)}
    | _optional(
        operation=_text(longest=limits.MAX_FAULT_PATTERN_CHARACTERS),
        name=_text(longest=limits.MAX_FAULT_PATTERN_CHARACTERS),
        calls=ListOf("", Number("", "integer", 1, None), 1, None),
        rate=Timestamp(""),
        status=Number("", "integer", 100, 599),
        code=_text(),
        effect=_text("before", "after"),
        seconds=Timestamp(""),
        versions=Number("", "integer", 1, 16),
    ),
)
_FILE = Structure(
    "Faults",
    {"faults": Member(ListOf("", _FAULT, 0, 1000), required=True)}
    # A GET returns both, so that a PUT of its JSON is valid.
    | _optional(seed=Number("", "integer", None, None), per=_text("endpoint")),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with its values for one call."""

    fault: str
    status: int
    code: str
    effect: str
    seconds: float | None
    versions: int


class Faults:
    """The active faults, with the number of calls that each has matched.

    A fault applies to a matching call if its ``calls`` contain the number of that call and a
    random draw is below its ``rate``. At most one fault applies to a call: the first in the list.
    The same seed and the same calls give the same faults.
    """

    def __init__(self, content: Mapping[str, Any], operations: Iterable[str]) -> None:
        """Check and keep faults such as ``{"seed": 1, "faults": [{"fault": "throttle"}]}``.

        Raises:
            InvalidFaultsError: The content is invalid; the message lists every problem.
        """
        problems = list(_problems(content, [*operations, *_OTHER_OPERATIONS]))
        if problems:
            raise InvalidFaultsError(f"invalid faults: {'; '.join(problems)}")
        self.content = content
        self._seed = content.get("seed", 0)
        self._rows = list(content["faults"])
        self._matched = [0] * len(self._rows)

    def match(self, operation: str, name: str) -> Fault | None:
        """Count a call of ``operation`` on the resource ``name``; return its fault, if any."""
        selected = None
        for index, row in enumerate(self._rows):
            if not fnmatchcase(operation, row.get("operation", "*")):
                continue
            if not fnmatchcase(name, row.get("name", "*")):
                continue
            self._matched[index] += 1
            count = self._matched[index]
            if selected is None and count in row.get("calls", (count,)):
                # Seeded with the number of the call, so that the draws of faults are independent.
                drawn = random.Random(f"{self._seed} {index} {count}").random()  # noqa: S311
                if drawn < row.get("rate", 1):
                    selected = _fault(row, operation)
        return selected


def read_faults(text: str, operations: Iterable[str]) -> Faults:
    """Return the faults in ``text``, which is JSON or the path of a JSON file.

    Raises:
        InvalidFaultsError: The file cannot be read, or the faults are invalid.
    """
    try:
        content = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidFaultsError(f"cannot read the faults from {text[:80]}: {reason}") from error
    return Faults(content, operations)


def _fault(row: Mapping[str, Any], operation: str) -> Fault:
    fault = row["fault"]
    status = row.get("status", _STATUS.get(fault, 200))
    code = _ERRORS.get(status, "InternalServerErrorException")
    if code == "ConflictException" and operation.startswith("Delete"):
        code = "ResourceInUseException"
    return Fault(
        fault,
        status,
        row.get("code", code),
        row.get("effect", DEFAULT_EFFECTS[fault]),
        row.get("seconds"),
        row.get("versions", 1),
    )


def _problems(content: Any, operations: list[str]) -> Iterator[str]:
    """Yield every problem of the faults in ``content``."""
    violations_found = [str(violation) for violation in violations(_FILE, content)]
    yield from violations_found
    for index, row in enumerate(() if violations_found else content["faults"]):
        pattern = row.get("operation", "*")
        if not any(fnmatchcase(operation, pattern) for operation in operations):
            yield f"faults.{index}.operation: {pattern} matches no operation of the API"
        if not 0 <= row.get("rate", 1) <= 1:
            yield f"faults.{index}.rate: must be 0 to 1, not {row['rate']}"
        if row.get("seconds", 0) < 0:
            yield f"faults.{index}.seconds: must not be negative"
        if row["fault"] == "delay" and "seconds" not in row:
            yield f"faults.{index}.seconds: is required for a delay"
        if row["fault"] == "error" and row.get("status", 500) < 400:  # noqa: PLR2004
            yield f"faults.{index}.status: must be 400 to 599 for an error"
