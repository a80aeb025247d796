"""What to break, as data: which calls a fault strikes, and how it shows.

It reads descriptions of faults and decides; the breaking happens in ``wire``.
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

# Each fault, and when it strikes unless the description says: before the effect or after it.
_WHEN = {
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
_OTHER_OPERATIONS = ("GetCallerIdentity", "GetResources")


def _text(*values: str, longest: int | None = None) -> Text:
    return Text("", None, longest, None, values, idempotency=False)


def _optional(**members: Shape) -> dict[str, Member]:
    return {name: Member(shape, required=False) for name, shape in members.items()}


_FAULT = Structure(
    "Fault",
    {"fault": Member(_text(*_WHEN), required=True)}
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
    | _optional(seed=Number("", "integer", None, None)),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as it strikes a call."""

    fault: str
    status: int
    code: str
    effect: str
    seconds: float | None
    versions: int


class Faults:
    """The faults in force, with the count of the calls that each has matched.

    A fault strikes a matching call when its ``calls`` name the call's number among those, and when
    the seed draws it at its ``rate``; the first fault that strikes is the only one. The same seed
    and the same calls give the same faults.
    """

    def __init__(self, content: Mapping[str, Any], operations: Iterable[str]) -> None:
        """Take a description of faults: ``{"seed": 1, "faults": [{"fault": "throttle"}]}``.

        Raises:
            FaultsRefusedError: It is none; the error says every reason.
        """
        problems = list(_problems(content, [*operations, *_OTHER_OPERATIONS]))
        if problems:
            raise InvalidFaultsError(f"the faults are refused: {'; '.join(problems)}")
        self.content = content
        self._seed = content.get("seed", 0)
        self._rows = list(content["faults"])
        self._matched = [0] * len(self._rows)

    def match(self, operation: str, name: str) -> Fault | None:
        """Count a call of ``operation`` about ``name``, and return the fault that strikes it."""
        struck = None
        for index, row in enumerate(self._rows):
            if not fnmatchcase(operation, row.get("operation", "*")):
                continue
            if not fnmatchcase(name, row.get("name", "*")):
                continue
            self._matched[index] += 1
            count = self._matched[index]
            if struck is None and count in row.get("calls", (count,)):
                # Seeded by the call's number, so that other faults' draws change nothing.
                drawn = random.Random(f"{self._seed} {index} {count}").random()  # noqa: S311
                if drawn < row.get("rate", 1):
                    struck = _fault(row, operation)
        return struck


def read_faults(text: str, operations: Iterable[str]) -> Faults:
    """Return the faults that a JSON text describes, or the file that it is the path of.

    Raises:
        FaultsRefusedError: There is no such file, or it describes none.
    """
    try:
        content = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidFaultsError(f"the faults of {text[:80]} cannot be read: {reason}") from error
    return Faults(content, operations)


def _fault(row: Mapping[str, Any], operation: str) -> Fault:
    fault = row["fault"]
    status = row.get("status", _STATUS.get(fault, 200))
    named = _ERRORS.get(status, "InternalServerErrorException")
    if named == "ConflictException" and operation.startswith("Delete"):
        named = "ResourceInUseException"
    return Fault(
        fault,
        status,
        row.get("code", named),
        row.get("effect", _WHEN[fault]),
        row.get("seconds"),
        row.get("versions", 1),
    )


def _problems(content: Any, operations: list[str]) -> Iterator[str]:
    """Yield every reason why a description of faults is none."""
    violations_found = [str(violation) for violation in violations(_FILE, content)]
    yield from violations_found
    for index, row in enumerate(() if violations_found else content["faults"]):
        pattern = row.get("operation", "*")
        if not any(fnmatchcase(violation, pattern) for violation in operations):
            yield f"faults.{index}.operation: {pattern} is no operation of the API"
        if not 0 <= row.get("rate", 1) <= 1:
            yield f"faults.{index}.rate: must be 0 to 1, not {row['rate']}"
        if row.get("seconds", 0) < 0:
            yield f"faults.{index}.seconds: must not be negative"
        if row["fault"] == "delay" and "seconds" not in row:
            yield f"faults.{index}.seconds: is required for a delay"
        if row["fault"] == "error" and row.get("status", 500) < 400:  # noqa: PLR2004
            yield f"faults.{index}.status: must be 400 to 599 for an error"
