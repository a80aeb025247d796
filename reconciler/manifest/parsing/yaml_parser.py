"""Parser from YAML to nodes with positions, based on the events of libyaml.

Scalars follow the YAML 1.2 core schema. Aliases, anchors, merge keys and tags are rejected in the
stream of events, before nodes are built from them.
"""

import re
from collections.abc import Iterator
from typing import Any

from yaml import YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # not in __all__
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.manifest.parsing.decoding import UNSAFE_CHARACTERS
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import (
    TOO_MANY_DOCUMENTS,
    DiagnosticList,
    Document,
    InvalidNode,
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    SourceText,
    is_template,
)

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# The API needs no longer numbers, and the time to parse one grows with the square of its length.
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_BASES = {"0o": 8, "0x": 16}

# Tags that do not change a node.
_HARMLESS_TAGS = {
    ScalarEvent: {"!", "tag:yaml.org,2002:str"},
    SequenceStartEvent: {"!", "tag:yaml.org,2002:seq"},
    MappingStartEvent: {"!", "tag:yaml.org,2002:map"},
}
# CloudFormation's short tags and their functions.
_SHORT_TAGS = {
    "!Ref": "Ref",
    "!Condition": "Condition",
    **{
        f"!{name}": f"Fn::{name}"
        for name in (
            *("And", "Base64", "Cidr", "Equals", "FindInMap", "GetAtt", "GetAZs", "If"),
            *("ImportValue", "Join", "Length", "Not", "Or", "Select", "Split", "Sub"),
            *("ToJsonString", "Transform"),
        )
    },
}
# libyaml compares each %TAG line with all earlier ones. Tags are rejected, so no file needs it.
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?: |\r?$)", re.MULTILINE)
# One of these is in each line that is rejected. A search by pattern takes ten times as long.
_SIGNS_OF_REJECTED_LINES = ("%TAG", "<" * 7, "=" * 7, ">" * 7)


# A node's own constructor is a Python function that calls this one, and takes twice as long.
_new = tuple.__new__


class _LimitError(Exception):
    """A document exceeds a limit."""

    def __init__(self, position: Position, message: str) -> None:
        super().__init__(message)
        self.position = position


def parse_yaml(source: SourceText) -> Iterator[Document]:
    """Yield the documents of ``source``, except empty ones.

    A document with a syntax error or over a limit is the last one.
    """
    rejected = _reject_lines(source)
    if rejected:
        yield Document(None, rejected)
        return
    composer = _Composer(source)
    while True:
        composer.diagnostics = DiagnosticList(source)
        try:
            root = composer.next_document()
        except YAMLError as error:
            _report_syntax(error, composer.diagnostics)
            yield Document(None, composer.diagnostics)
            return
        except _LimitError as error:
            composer.diagnostics.add(Code.DOCUMENT_LIMIT, error.position, str(error))
            yield Document(None, composer.diagnostics)
            return
        if root is None:
            return
        if not (isinstance(root, ScalarNode) and root.unquoted and root.value is None):
            yield Document(root, composer.diagnostics)


def _reject_lines(source: SourceText) -> DiagnosticList | None:
    if not any(sign in source.text for sign in _SIGNS_OF_REJECTED_LINES):
        return None
    diagnostics = DiagnosticList(source)
    for pattern, code, message, hint in (
        (_TAG_DIRECTIVE, Code.TAG, "is a %TAG directive, which is not supported", "remove it"),
        (_CONFLICT, Code.YAML, "is an unresolved merge conflict", ""),
    ):
        if match := pattern.search(source.text):
            line = source.text.count("\n", 0, match.start()) + 1
            diagnostics.add(code, Position(line, 1, len(match[0].rstrip())), message, hint=hint)
    return diagnostics if diagnostics.found else None


def _report_syntax(error: Any, diagnostics: DiagnosticList) -> None:
    lines, line = diagnostics.source.lines, error.problem_mark.line + 1
    # libyaml may report the end of the text on a line after the last one.
    at_end = Position(len(lines), len(lines[-1]) + 1)
    position = Position(line, error.problem_mark.column + 1) if line <= len(lines) else at_end
    quote = diagnostics.source.quote(position)
    at_tab = quote is not None and quote.text[quote.offset : quote.offset + 1] == "\t"
    hint = "indent with spaces: YAML does not allow tabs here" if at_tab else ""
    context = f" {error.context}" if error.context else ""
    diagnostics.add(
        Code.YAML, position, escaped(f"is not valid YAML: {error.problem}{context}"), hint=hint
    )


class _Composer:
    """Builds one document after another from a stream of events."""

    def __init__(self, source: SourceText) -> None:
        self.diagnostics = DiagnosticList(source)
        self._may_escape = "\\" in source.text
        self._next = CParser(source.text).get_event
        self._documents = 0
        self._nodes = 0
        self._short_tags: list[tuple[Position, str, Path]] = []

    def next_document(self) -> Node | None:
        """Return the root of the next document, None at the end of the stream."""
        self._nodes = 0
        self._short_tags.clear()
        while True:
            event = self._next()
            if type(event) is DocumentStartEvent:
                self._documents += 1
                if self._documents > limits.MAX_DOCUMENTS:
                    raise _LimitError(_position(event), TOO_MANY_DOCUMENTS)
                root = self._node(self._next(), ())
                if not is_template(root):
                    for position, tag, path in self._short_tags:
                        self._reject(Code.TAG, position, f"YAML tag {tag} is not supported", path)
                return root
            if type(event) is StreamEndEvent:
                return None

    def _node(self, event: Any, path: Path) -> Node:
        position = _position(event)
        self._nodes += 1
        # The scanner reads at most 1,024 characters ahead. This limit therefore also bounds its
        # quadratic work on nested brackets: 2 ms for any number of brackets.
        if self._nodes > limits.MAX_NODES:
            raise _LimitError(position, f"is a document of more than {limits.MAX_NODES:,} nodes")
        if len(path) > limits.MAX_NODE_DEPTH:
            raise _LimitError(position, f"is nested more than {limits.MAX_NODE_DEPTH} levels deep")
        kind = type(event)
        # Nearly all scalars have nothing to check.
        if (
            kind is ScalarEvent
            and event.tag is None
            and event.anchor is None
            and not (self._may_escape and event.style == '"')
        ):
            return _scalar(event, position)
        is_valid = self._check(event, position, path)
        node: Node = InvalidNode(position)
        if kind is ScalarEvent:
            node = _scalar(event, position)
        elif kind is MappingStartEvent:
            node = self._mapping(position, path)
        elif kind is SequenceStartEvent:
            node = self._list(position, path)
        if not is_valid:
            return InvalidNode(position)
        if event.tag in _SHORT_TAGS:
            self._short_tags.append((position, event.tag, path))
            long_form = {_SHORT_TAGS[event.tag]: KeyValue(position, node)}
            return InvalidNode(position, MappingNode(position, long_form))
        return node

    def _check(self, event: Any, position: Position, path: Path) -> bool:
        kind = type(event)
        if kind is AliasEvent:
            self._reject(Code.ALIAS, position, f"YAML alias *{event.anchor} is not supported", path)
            return False
        if event.anchor is not None:
            self._reject(
                Code.ALIAS, position, f"YAML anchor &{event.anchor} is not supported", path
            )
        tag = event.tag
        if tag and tag not in _HARMLESS_TAGS[kind] and tag not in _SHORT_TAGS:
            tag = tag.replace("tag:yaml.org,2002:", "!!")
            self._reject(Code.TAG, position, f"YAML tag {tag[:40]} is not supported", path)
            return False
        # Only double quotes allow an escape sequence for an unsafe character.
        if kind is not ScalarEvent or event.style != '"' or not self._may_escape:
            return True
        unsafe = UNSAFE_CHARACTERS.search(event.value)
        if unsafe:
            message = f"contains the invisible character U+{ord(unsafe[0]):04X}"
            self.diagnostics.add(Code.CHARACTER, position, message, path=path, hint="remove it")
        return not unsafe

    def _reject(self, code: Code, position: Position, message: str, path: Path) -> None:
        hint = "write the value in full" if code is Code.ALIAS else "remove the tag"
        self.diagnostics.add(code, position, escaped(message), path=path, hint=hint)

    def _list(self, position: Position, path: Path) -> ListNode:
        items: list[Node] = []
        while type(event := self._next()) is not SequenceEndEvent:
            items.append(self._node(event, (*path, len(items))))
        return ListNode(position, items)

    def _mapping(self, position: Position, path: Path) -> MappingNode | InvalidNode:
        members: dict[str, KeyValue] = {}
        is_valid = True
        key_path = (*path, "?")
        while type(event := self._next()) is not MappingEndEvent:
            key = self._key(self._node(event, key_path), path)
            name = key.text if key else "?"
            value = self._node(self._next(), (*path, name))
            if key is None:
                is_valid = False
            elif name in members:
                first = members[name].position.line
                message = f"is a duplicate key: first defined on line {first}"
                self.diagnostics.add(Code.DUPLICATE_KEY, key.position, message, path=(*path, name))
            else:
                members[name] = _new(KeyValue, (key.position, value))
        return _new(MappingNode, (position, members)) if is_valid else InvalidNode(position)

    def _key(self, node: Node, path: Path) -> ScalarNode | None:
        """Return ``node`` if it can be a key; else report it and return None."""
        if type(node) is ScalarNode:
            if node.text != "<<" or not node.unquoted:
                return node
            self._reject(Code.ALIAS, node.position, "YAML merge key << is not supported", path)
        elif not isinstance(node, InvalidNode) or node.expansion:
            hint = "quote text that begins with { or [, and render templates first"
            message = "has a key that is not text"
            self.diagnostics.add(Code.KEY, node.position, message, path=path, hint=hint)
        return None


def _position(event: Any) -> Position:
    start, end = event.start_mark, event.end_mark
    line, column, width = start.line, start.column, 1
    if type(event) is ScalarEvent:
        width = end.column - column if end.line == line else 80
    return _new(Position, (line + 1, column + 1, width))


def _scalar(event: Any, position: Position) -> ScalarNode:
    text = event.value
    # libyaml sets the first of the pair for a scalar without quotation marks.
    if event.implicit[0] and event.tag is None:
        return _new(ScalarNode, (position, text, resolve(text), True))
    return _new(ScalarNode, (position, text, text, False))


def resolve(text: str) -> str | int | float | bool | None:
    """Return the value of unquoted ``text`` in the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INTEGER.fullmatch(text):
        return int(text, _BASES.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return text


def parse_scalar(node: ScalarNode, text: str) -> ScalarNode:
    """Return ``node`` as if its source were ``text``; the value is never null."""
    value = resolve(text) if node.unquoted else text
    return ScalarNode(node.position, text, text if value is None else value, node.unquoted)
