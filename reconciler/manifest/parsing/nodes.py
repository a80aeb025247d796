"""A parsed document with the place of every key and value, and the page it stands on.

Both parsers produce these nodes; nothing here knows YAML, JSON or what a mesh is.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeAlias

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.core.resources import Origin
from reconciler.manifest.parsing.diagnostics import (
    Code,
    Diagnostic,
    Severity,
    SourceExcerpt,
    quote_value,
)

TOO_MANY_DOCUMENTS = f"is one of more than {limits.MAX_DOCUMENTS:,} documents: split the file"


Path: TypeAlias = tuple[str | int, ...]


class Position(NamedTuple):
    """A place on a page: line and column from 1, and how many characters are meant."""

    line: int
    column: int
    width: int = 1


class ScalarNode(NamedTuple):
    """A single value: its text, and what YAML 1.2 or JSON makes of it.

    ``unquoted`` marks YAML text without quotation marks: where a string is meant, the text
    counts and not the value, so that ``010`` and ``no`` stay what the user wrote.
    """

    position: Position
    text: str
    value: str | int | float | bool | None
    unquoted: bool = False


class ListNode(NamedTuple):
    """A sequence."""

    position: Position
    items: "list[Node]"


class KeyValue(NamedTuple):
    """A key's place and its value."""

    position: Position
    value: "Node"


class MappingNode(NamedTuple):
    """A mapping; the order is that of the page."""

    position: Position
    members: dict[str, KeyValue]


class InvalidNode(NamedTuple):
    """Something that was complained about already, so that nothing more is said about it.

    ``expansion`` is what a short tag such as ``!Ref`` stands for. In a template, and nowhere else,
    such a node is no fault: then nothing was complained about, and ``expansion`` counts.
    """

    position: Position
    expansion: MappingNode | None = None


Node: TypeAlias = ScalarNode | ListNode | MappingNode | InvalidNode


@dataclass(frozen=True)
class SourceText:
    """The text of one file; lines end in LF, CRLF counts as LF."""

    file: str
    text: str
    lines: list[str]

    @cached_property
    def may_hold_variables(self) -> bool:
        """Whether a ``$`` may be in a value; a backslash may spell one."""
        return "$" in self.text or "\\" in self.text

    def quote(self, position: Position) -> SourceExcerpt | None:
        """Return the part of the line around ``position``, short enough to show."""
        if position.line > len(self.lines):
            return None
        line = self.lines[position.line - 1].removesuffix("\r")
        start = 0
        if len(line) > limits.MAX_QUOTED_CHARACTERS:
            start = max(0, min(position.column - 1 - 30, len(line) - limits.MAX_QUOTED_CHARACTERS))
        text = line[start : start + limits.MAX_QUOTED_CHARACTERS]
        offset = min(position.column - 1 - start, len(text))
        return SourceExcerpt(text, offset, max(1, min(position.width, len(text) - offset)))


class TooManyDiagnosticsError(Exception):
    """A document has more faults than are shown, so the rest of its file is not looked at."""

    def __init__(self, found: list[Diagnostic]) -> None:
        super().__init__()
        self.diagnostics = found


@dataclass(frozen=True, slots=True)
class DiagnosticList:
    """What is wrong with one document on a page."""

    source: SourceText
    found: list[Diagnostic] = field(default_factory=list)

    def add(
        self, code: Code, position: Position, message: str, *, path: Path = (), hint: str = ""
    ) -> None:
        """Complain about the place ``position``; TooManyComplaintsError past the last one shown."""
        origin = Origin(self.source.file, position.line, position.column)
        quote = self.source.quote(position)
        self.found.append(Diagnostic(code, origin, message, format_path(path), hint, quote))
        if len(self.found) > limits.MAX_DIAGNOSTICS:
            raise TooManyDiagnosticsError(self.found)

    def errors_in(self, path: Path) -> list[Diagnostic]:
        """Return the errors about what ``path`` leads to, and about all that is in it."""
        outer = format_path(path) if self.found else ""
        errors = (item for item in self.found if item.severity is Severity.ERROR)
        return [item for item in errors if is_within(item.path, outer)]


class Document(NamedTuple):
    """One document of a file; ``root`` is None where it could not be composed to its end."""

    root: Node | None
    diagnostics: DiagnosticList


def format_path(path: Path) -> str:
    """Return ``path`` as people write it: ``tags[0].key``, ``metadata.tags["a.b"]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif len(step) <= limits.MAX_QUOTED_CHARACTERS and step.replace("-", "_").isidentifier():
            text += f".{step}" if text else step
        else:
            text += f"[{quote_value(step)}]"
    return escaped(text)


def is_within(path: str, outer: str) -> bool:
    """Whether the dotted ``path`` is ``outer``, or leads into it."""
    return not outer or path == outer or path.startswith((f"{outer}.", f"{outer}["))


def describe(node: Node) -> str:
    """Return what ``node`` is, for the end of "must be …, not"."""
    match node:
        case ScalarNode(text=text, value=str() | None):
            return quote_value(text)
        case ScalarNode(text=text):
            return escaped(text[: limits.MAX_QUOTED_CHARACTERS])
        case ListNode():
            return "a list"
        case _:
            return "a mapping"


def get_text(node: Node, *steps: str) -> str | None:
    """Return the text of the scalar that ``steps`` lead to; None where there is none."""
    match find(node, steps):
        case _, ScalarNode(text=text, value=value) if value is not None:
            return text
    return None


def find(root: Node, steps: Path) -> tuple[Position, Node | None]:
    """Return the place of the key and the value that ``steps`` lead to.

    Where the last step leads nowhere, that is the place of the mapping that lacks it, and None.
    """
    position, node = root.position, root
    for step in steps:
        if isinstance(node, ListNode) and isinstance(step, int):
            node = node.items[step]
            position = node.position
        elif isinstance(node, MappingNode) and str(step) in node.members:
            position, node = node.members[str(step)]
        else:
            return node.position, None
    return position, node


def is_template(root: Node) -> bool:
    """Whether ``root`` is a CloudFormation template, whose functions may stand as short tags."""
    if not isinstance(root, MappingNode) or "apiVersion" in root.members:
        return False
    return "Resources" in root.members or "AWSTemplateFormatVersion" in root.members
