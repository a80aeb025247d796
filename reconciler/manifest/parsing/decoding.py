"""Bytes to a page of text that is safe to parse and to show.

Refuses what no manifest needs and what can fool a reader: other encodings, control
characters, and characters that turn the direction of writing. Knows no YAML and no JSON.
"""

import re

from reconciler.core.escaping import escaped
from reconciler.core.resources import Origin
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file
from reconciler.manifest.parsing.nodes import DiagnosticList, Position, SourceText

# Also the line breaks that YAML 1.1 knew and 1.2 does not (NEL, LS, PS), and byte order marks
# elsewhere than at the start: they would make our line numbers differ from an editor's.
UNSAFE_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]|\r(?!\n)"
)


def decode(file: str, content: bytes) -> SourceText | Diagnostic:
    """Return the text of ``file``, or why it cannot be taken."""
    file = escaped(file)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return about_file(Code.ENCODING, file, "is UTF-16 or UTF-32", "save it as UTF-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"is not UTF-8: byte 0x{content[error.start]:02x} does not belong here"
        return Diagnostic(Code.ENCODING, Origin(file, line, column), message)
    source = SourceText(file, text, text.split("\n"))
    if unsafe := UNSAFE_CHARACTERS.search(text):
        before = text[: unsafe.start()]
        position = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        diagnostics = DiagnosticList(source)
        message = f"holds the character U+{ord(unsafe[0]):04X}, which cannot be seen"
        diagnostics.add(Code.CHARACTER, position, message, hint="remove it")
        return diagnostics.found[0]
    return source
