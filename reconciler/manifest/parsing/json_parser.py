"""Strict parser from JSON (RFC 8259) to nodes with positions.

The standard library's parser has no positions, accepts NaN and drops duplicate keys.
"""

import bisect
import json
import re
from collections.abc import Iterator

from reconciler import limits
from reconciler.manifest.parsing.decoding import UNSAFE_CHARACTERS
from reconciler.manifest.parsing.diagnostics import Code, quote_value
from reconciler.manifest.parsing.nodes import (
    TOO_MANY_DOCUMENTS,
    DiagnosticList,
    Document,
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    SourceText,
)

_SPACE = re.compile(r"[ \t\r\n]*+")
_TOKEN = re.compile(r'[ \t\r\n]*+([\[\]{},:]|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|[^\s\[\]{},:"]++|")')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DIGITS = 19


class _JsonError(Exception):
    """The text is not JSON, or exceeds a limit, at ``offset``."""

    def __init__(self, code: Code, offset: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.offset = offset


def parse_json(source: SourceText) -> Iterator[Document]:
    """Yield the JSON values of ``source``, which may have several in sequence.

    A document with a syntax error or over a limit is the last one.
    """
    parser = _Parser(source)
    while not parser.at_end():
        parser.diagnostics = DiagnosticList(source)
        try:
            root = parser.document()
        except _JsonError as error:
            parser.diagnostics.add(error.code, parser.position(error.offset), str(error))
            yield Document(None, parser.diagnostics)
            return
        yield Document(root, parser.diagnostics)


class _Parser:
    """Parses one value after another; a token is a text and its offset."""

    def __init__(self, source: SourceText) -> None:
        self.diagnostics = DiagnosticList(source)
        self._text = source.text
        self._offset = 0
        self._documents = 0
        self._nodes = 0
        self._line_starts = [0]
        for line in source.lines:
            self._line_starts.append(self._line_starts[-1] + len(line) + 1)

    def at_end(self) -> bool:
        """Return whether only white space is left."""
        space = _SPACE.match(self._text, self._offset)
        return space is not None and space.end() == len(self._text)

    def position(self, offset: int, width: int = 1) -> Position:
        """Return the position of the character at ``offset``."""
        line = bisect.bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1, width)

    def document(self) -> Node:
        """Return the next value."""
        word, offset = self._token()
        self._documents += 1
        if self._documents > limits.MAX_DOCUMENTS:
            raise _JsonError(Code.DOCUMENT_LIMIT, offset, TOO_MANY_DOCUMENTS)
        self._nodes = 0
        return self._node(word, offset, ())

    def _token(self) -> tuple[str, int]:
        match = _TOKEN.match(self._text, self._offset)
        if match is None:
            raise _JsonError(
                Code.JSON, len(self._text.rstrip()), "is not valid JSON: the text ends too early"
            )
        self._offset = match.end()
        return match[1], match.start(1)

    def _node(self, word: str, offset: int, path: Path) -> Node:
        self._nodes += 1
        if self._nodes > limits.MAX_NODES:
            message = f"is a document of more than {limits.MAX_NODES:,} nodes"
            raise _JsonError(Code.DOCUMENT_LIMIT, offset, message)
        if len(path) > limits.MAX_NODE_DEPTH:
            message = f"is nested more than {limits.MAX_NODE_DEPTH} levels deep"
            raise _JsonError(Code.DOCUMENT_LIMIT, offset, message)
        position = self.position(offset, len(word))
        match word[0]:
            case "{":
                return self._mapping(position, path)
            case "[":
                return self._list(position, path)
            case '"':
                text = self._string(word, offset)
                return ScalarNode(position, text, text)
            case _:
                return ScalarNode(position, word, self._value(word, offset))

    def _value(self, word: str, offset: int) -> int | float | bool | None:
        if word in _WORDS:
            return _WORDS[word]
        number = _NUMBER.fullmatch(word)
        if number is None or len(word) > _MAX_DIGITS:
            raise self._unexpected(word, offset, "a value")
        return float(word) if number[1] or number[2] else int(word)

    def _string(self, word: str, offset: int) -> str:
        # Printable text without escape sequences, nearly all there is, needs no decoder.
        if len(word) > 1 and "\\" not in word and word.isprintable():
            return word[1:-1]
        try:
            text: str = json.loads(word)
        except ValueError as error:
            raise self._unexpected(word, offset, "text") from error
        if unsafe := UNSAFE_CHARACTERS.search(text):
            message = f"contains the invisible character U+{ord(unsafe[0]):04X}"
            raise _JsonError(Code.CHARACTER, offset, message)
        return text

    def _list(self, position: Position, path: Path) -> ListNode:
        items: list[Node] = []
        word, offset = self._token()
        while word != "]":
            items.append(self._node(word, offset, (*path, len(items))))
            word, offset = self._separator("]")
        return ListNode(position, items)

    def _mapping(self, position: Position, path: Path) -> MappingNode:
        members: dict[str, KeyValue] = {}
        word, offset = self._token()
        while word != "}":
            if not word.startswith('"'):
                raise self._unexpected(word, offset, "a key in quotation marks")
            key, key_position = self._string(word, offset), self.position(offset, len(word))
            colon, offset = self._token()
            if colon != ":":
                raise self._unexpected(colon, offset, "a colon")
            value = self._node(*self._token(), (*path, key))
            if key in members:
                message = f"is a duplicate key: first defined on line {members[key].position.line}"
                self.diagnostics.add(Code.DUPLICATE_KEY, key_position, message, path=(*path, key))
            else:
                members[key] = KeyValue(key_position, value)
            word, offset = self._separator("}")
        return MappingNode(position, members)

    def _separator(self, closing: str) -> tuple[str, int]:
        """Return the next token after a comma, or ``closing``."""
        word, offset = self._token()
        if word == closing:
            return word, offset
        if word != ",":
            raise self._unexpected(word, offset, f"a comma or {closing}")
        word, offset = self._token()
        if word == closing:
            raise self._unexpected(word, offset, "another item after the comma")
        return word, offset

    def _unexpected(self, word: str, offset: int, expected: str) -> _JsonError:
        message = f"is not valid JSON: expected {expected}, found {quote_value(word)}"
        return _JsonError(Code.JSON, offset, message)
