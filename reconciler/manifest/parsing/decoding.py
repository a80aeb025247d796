"""Decoding of bytes into text that is safe to parse and to print.

Rejects other encodings than UTF-8, control characters, and characters that change the direction of
writing, which can hide content from a reviewer.
"""

import re

from reconciler.core.escaping import escaped
from reconciler.core.resources import Origin
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file
from reconciler.manifest.parsing.nodes import DiagnosticList, Position, SourceText

# Includes the line breaks of YAML 1.1 that 1.2 does not have (NEL, LS, PS), and byte order marks
# inside the text, because they would make the line numbers differ from those of an editor.
UNSAFE_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]|\r(?!\n)"
)
# Most files have no other bytes, and finding that out takes a tenth of a search by pattern.
_PLAIN_BYTES = bytes(range(0x20, 0x7F)) + b"\t\n"


def decode(file: str, content: bytes) -> SourceText | Diagnostic:
    """Return the text of ``file``, or a diagnostic if it is not safe UTF-8."""
    file = escaped(file)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return about_file(Code.ENCODING, file, "is encoded as UTF-16 or UTF-32", "save it as UTF-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"is not valid UTF-8: byte 0x{content[error.start]:02x} is invalid"
        return Diagnostic(Code.ENCODING, Origin(file, line, column), message)
    source = SourceText(file, text, text.split("\n"))
    if content.translate(None, _PLAIN_BYTES) and (unsafe := UNSAFE_CHARACTERS.search(text)):
        before = text[: unsafe.start()]
        position = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        diagnostics = DiagnosticList(source)
        message = f"contains the invisible character U+{ord(unsafe[0]):04X}"
        diagnostics.add(Code.CHARACTER, position, message, hint="remove it")
        return diagnostics.found[0]
    return source
