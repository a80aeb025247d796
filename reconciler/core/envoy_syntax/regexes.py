"""Checks that a regular expression is one of RE2, which Envoy uses, and not too large.

Envoy rejects a whole route table because of one that is not. The grammar is that of the RE2
documentation without its rarest forms.
"""

import re

# Envoy's limit of the program, as our bootstrap sets it.
MAX_PROGRAM = 1000
# RE2's own limit of a counted repetition.
MAX_REPEAT = 1000
# Estimates of instructions: one character of any script takes a few ranges of bytes in UTF-8.
_ANY = 12
# Measured with Envoy 1.36; letters take 1200, other classes at most 560.
_LETTERS = 1300
_UNICODE_CLASS = 600
_OVERHEAD = 20
_MAX_DEPTH = 100

_REPEAT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_GROUP = re.compile(r"\?(?:P?<[A-Za-z_]\w*>|[imsU]+(?:-[imsU]+)?:|-[imsU]+:|:)", re.ASCII)
_FLAGS = re.compile(r"\?(?:[imsU]+(?:-[imsU]+)?|-[imsU]+)\)")
_POSIX = re.compile(
    r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit)"
    r":\]"
)
_ESCAPE = re.compile(
    r"\\(?:(?P<one>[dDsSwW])|(?P<empty>[bBAz])|(?P<char>[aftnrv]|0[0-7]{0,2}|x[0-9A-Fa-f]{2}|x\{(?:10|0?[0-9A-Fa-f])?[0-9A-Fa-f]{1,4}\}"
    r"|[!-/:-@\[-`{-~])|(?P<unicode>[pP](?:[LMNPSZC]|\{\^?[LMNPSZC]\})))"
)


class _InvalidError(Exception):
    """The text is not a regular expression of RE2; the message has the reason."""


def problem(text: str) -> str | None:
    """Return the reason why Envoy would reject the regular expression ``text``, or None."""
    try:
        size = _Parser(text).parse()
    except _InvalidError as error:
        return str(error)
    if size > MAX_PROGRAM:
        return f"RE2 may need more than the {MAX_PROGRAM} instructions that Envoy allows"
    return None


class _Parser:
    """Reads one regular expression; each method returns an estimate of its instructions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def parse(self) -> int:
        size = self._alternatives()
        if self._at < len(self._text):
            raise _InvalidError("a parenthesis is closed that is not open")
        return size + _OVERHEAD

    def _alternatives(self) -> int:
        size = self._sequence()
        while self._take("|"):
            size += 1 + self._sequence()
        return size

    def _sequence(self) -> int:
        size = 0
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            size += self._repeated(self._atom())
        return size

    def _repeated(self, size: int) -> int:
        """Return the size of an atom of ``size`` with the repetition that follows it."""
        counted = _REPEAT.match(self._text, self._at)
        if counted:
            self._at = counted.end()
            low = int(counted[1])
            high = int(counted[3]) if counted[3] else low
            if max(low, high) > MAX_REPEAT or high < low:
                raise _InvalidError(f"the repetition {counted[0]} is not one of RE2")
            size = (size + 1) * max(low, high, 1) + 2
        elif self._take("*") or self._take("+") or self._take("?"):
            size += 2
        else:
            return size
        self._take("?")
        following = self._text[self._at : self._at + 1]
        if (following and following in "*+?") or _REPEAT.match(self._text, self._at):
            raise _InvalidError("RE2 has no repetition of a repetition, nor possessive ones")
        return size

    def _atom(self) -> int:
        character = self._text[self._at]
        if character in "*+?" or _REPEAT.match(self._text, self._at):
            raise _InvalidError(f"there is nothing before {character} to repeat")
        if character == "\\":
            return self._escape(in_class=False)
        self._at += 1
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        return _ANY if character == "." else len(character.encode("utf-8", "replace")) * 2

    def _group(self) -> int:
        if flags := _FLAGS.match(self._text, self._at):
            self._at = flags.end()
            return self._nothing_to_repeat()
        if opened := _GROUP.match(self._text, self._at):
            self._at = opened.end()
        elif self._take("?"):
            raise _InvalidError("RE2 has no look-around and no other extended groups")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _InvalidError("its groups are nested too deeply")
        size = self._alternatives()
        self._depth -= 1
        if not self._take(")"):
            raise _InvalidError("a parenthesis is not closed")
        return size + 2

    def _nothing_to_repeat(self) -> int:
        if self._text[self._at : self._at + 1] in tuple("*+?"):
            raise _InvalidError("flags cannot be repeated")
        return 0

    def _class(self) -> int:
        size = _ANY if self._take("^") else 1
        first = True
        while first or self._text[self._at : self._at + 1] != "]":
            first = False
            if self._at >= len(self._text):
                raise _InvalidError("a bracket is not closed")
            size += self._range()
        self._at += 1
        return size

    def _range(self) -> int:
        """Read one character, range or class of characters in brackets."""
        if posix := _POSIX.match(self._text, self._at):
            self._at = posix.end()
            return _ANY
        if self._text.startswith("[:", self._at):
            raise _InvalidError("it has an unknown class of characters")
        low = self._range_end()
        dash = self._text.startswith("-", self._at)
        if low is None or not dash or self._text.startswith("-]", self._at):
            return _ANY if low is None or ord(low) > 127 else 1  # noqa: PLR2004  # ASCII
        self._at += 1
        high = self._range_end() if self._at < len(self._text) else None
        if high is None or high < low:
            raise _InvalidError("it has a range of characters that RE2 does not know")
        return 1 if ord(high) < 128 else _ANY * 4  # noqa: PLR2004  # ASCII

    def _range_end(self) -> str | None:
        """Return the next character in brackets, or None if it stands for several."""
        character = self._text[self._at]
        if character != "\\":
            self._at += 1
            return character
        start = self._at
        self._escape(in_class=True)
        escaped = self._text[start + 1 : self._at]
        return escaped if len(escaped) == 1 and not escaped.isalnum() else None

    def _escape(self, *, in_class: bool) -> int:
        found = _ESCAPE.match(self._text, self._at)
        if not found or (in_class and found["empty"]):
            following = self._text[self._at + 1 : self._at + 2]
            if following.isdigit():
                raise _InvalidError("RE2 has no back-references")
            raise _InvalidError(f"RE2 does not know \\{following}")
        self._at = found.end()
        if found["unicode"]:
            return _LETTERS if "L" in found["unicode"] else _UNICODE_CLASS
        return _ANY * 2 if found["one"] else 1

    def _take(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True
