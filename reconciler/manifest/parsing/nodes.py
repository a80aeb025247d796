"""Nodes of a parsed document with the positions of all keys and values, and the source text.

The YAML and the JSON parser both produce these nodes.
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

TOO_MANY_DOCUMENTS = (
    f"is one of more than {limits.MAX_DOCUMENTS:,} documents in this file: split the file"
)


Path: TypeAlias = tuple[str | int, ...]


class Position(NamedTuple):
    """A position in a file: line and column from 1, and the number of characters."""

    line: int
    column: int
    width: int = 1


class ScalarNode(NamedTuple):
    """A single value."""

    position: Position
    text: str
    value: str | int | float | bool | None
    """The value of ``text`` in YAML 1.2 or JSON."""
    unquoted: bool = False
    """Whether it is YAML without quotation marks.

    A field of type string then uses the text and not the value, so that ``010`` stays as written.
    """


class ListNode(NamedTuple):
    """A sequence."""

    position: Position
    items: "list[Node]"


class KeyValue(NamedTuple):
    """The position of a key, and its value."""

    position: Position
    value: "Node"


class MappingNode(NamedTuple):
    """A mapping in the order of the source."""

    position: Position
    members: dict[str, KeyValue]


class InvalidNode(NamedTuple):
    """A node with an error that is reported already, so no further error is reported for it."""

    position: Position
    expansion: MappingNode | None = None
    """The long form of a short tag such as ``!Ref``.

    In a template such a node is valid and ``expansion`` is used; elsewhere the tag is reported.
    """


Node: TypeAlias = ScalarNode | ListNode | MappingNode | InvalidNode


@dataclass(frozen=True)
class SourceText:
    """The text of one file, in lines that end with LF or CRLF."""

    file: str
    text: str
    lines: list[str]

    @cached_property
    def may_hold_variables(self) -> bool:
        """Whether a value may contain ``$``, also as an escape sequence."""
        return "$" in self.text or "\\" in self.text

    def quote(self, position: Position) -> SourceExcerpt | None:
        """Return at most `limits.MAX_QUOTED_CHARACTERS` of the line around ``position``."""
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
    """A document has more diagnostics than are shown, so the rest of its file is not read."""

    def __init__(self, found: list[Diagnostic]) -> None:
        super().__init__()
        self.diagnostics = found


@dataclass(frozen=True, slots=True)
class DiagnosticList:
    """The diagnostics of one document."""

    source: SourceText
    found: list[Diagnostic] = field(default_factory=list)

    def add(
        self, code: Code, position: Position, message: str, *, path: Path = (), hint: str = ""
    ) -> None:
        """Add a diagnostic at ``position``.

        Raises:
            TooManyDiagnosticsError: There are more than `limits.MAX_DIAGNOSTICS`.
        """
        origin = Origin(self.source.file, position.line, position.column)
        quote = self.source.quote(position)
        self.found.append(Diagnostic(code, origin, message, format_path(path), hint, quote))
        if len(self.found) > limits.MAX_DIAGNOSTICS:
            raise TooManyDiagnosticsError(self.found)

    def errors_in(self, path: Path) -> list[Diagnostic]:
        """Return the errors at ``path`` and inside of it."""
        outer = format_path(path) if self.found else ""
        errors = (item for item in self.found if item.severity is Severity.ERROR)
        return [item for item in errors if is_within(item.path, outer)]


class Document(NamedTuple):
    """One document of a file."""

    root: Node | None
    """None if the document could not be parsed to its end."""
    diagnostics: DiagnosticList


def format_path(path: Path) -> str:
    """Return ``path`` in the form ``tags[0].key`` or ``metadata.tags["a.b"]``."""
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
    """Return whether the formatted ``path`` is ``outer`` or inside of it."""
    return not outer or path == outer or path.startswith((f"{outer}.", f"{outer}["))


def describe(node: Node) -> str:
    """Return a description of ``node`` for a message that ends in "not …"."""
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
    """Return the text of the scalar at ``steps``, or None if there is none."""
    _, found = find(node, steps)
    return found.text if isinstance(found, ScalarNode) and found.value is not None else None


def find(root: Node, steps: Path) -> tuple[Position, Node | None]:
    """Return the position of the key at ``steps``, and its value.

    If there is no such key, return the position of the mapping that lacks it, and None.
    """
    position, node = root.position, root
    for step in steps:
        if isinstance(node, MappingNode) and str(step) in node.members:
            position, node = node.members[str(step)]
        elif isinstance(node, ListNode) and isinstance(step, int):
            node = node.items[step]
            position = node.position
        else:
            return node.position, None
    return position, node


def count_nodes(node: Node) -> int:
    """Return the number of nodes in ``node``, including itself."""
    if isinstance(node, InvalidNode) and node.expansion:
        return count_nodes(node.expansion)
    if isinstance(node, ListNode):
        return 1 + sum(map(count_nodes, node.items))
    if isinstance(node, MappingNode):
        return 1 + sum(count_nodes(member.value) for member in node.members.values())
    return 1


def is_template(root: Node) -> bool:
    """Return whether ``root`` is a CloudFormation template, which may use short tags."""
    if not isinstance(root, MappingNode) or "apiVersion" in root.members:
        return False
    return "Resources" in root.members or "AWSTemplateFormatVersion" in root.members
