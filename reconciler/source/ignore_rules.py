"""Patterns that exclude files from a source, in the syntax of gitignore.

Only names are compared, so the rules serve directories and git trees alike. No pattern takes more
than time in proportion to its length and that of the name.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reconciler import limits

IGNORE_FILE = ".reconcilerignore"

_ANY_DIRECTORIES = "**"
_ANY_SEGMENT = re.compile(r"(?s:.+)\Z")
# An unclosed bracket, a backslash in brackets and [:alpha:] differ between git and fnmatch.
_BRACKETS = re.compile(r"\[[!^]?\]?[^\]\\\[]*\]")


class InvalidPatternError(ValueError):
    """A pattern that cannot be read, with the number of its line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Rule(NamedTuple):
    """One pattern. A None in ``segments`` stands for any number of directories."""

    segments: tuple[re.Pattern[str] | None, ...]
    is_negated: bool
    only_directories: bool

    def matches(self, path: Sequence[str]) -> bool:
        at = taken = 0
        # The last ** and the number of segments that it has taken; on a mismatch it takes one more.
        retry: tuple[int, int] | None = None
        while taken < len(path):
            segment = self.segments[at] if at < len(self.segments) else _ANY_SEGMENT
            if segment is None:
                retry, at = (at, taken), at + 1
            elif at < len(self.segments) and segment.match(path[taken]):
                at, taken = at + 1, taken + 1
            elif retry:
                retry = (retry[0], retry[1] + 1)
                at, taken = retry[0] + 1, retry[1]
            else:
                return False
        return at == len(self.segments)


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The patterns of one source; the last one that matches a path decides."""

    rules: tuple[_Rule, ...] = ()

    def __add__(self, later: "IgnoreRules") -> "IgnoreRules":
        """Return these rules, followed by the ``later`` ones."""
        return IgnoreRules(self.rules + later.rules)

    def ignores(self, path: str, *, is_directory: bool) -> bool:
        """Return whether ``path``, relative to the source, is ignored; its parents are not."""
        parts = path.split("/")
        for rule in reversed(self.rules):
            if (is_directory or not rule.only_directories) and rule.matches(parts):
                return not rule.is_negated
        return False

    def ignored_part(self, path: str) -> str | None:
        """Return the outermost ignored part of the file ``path``, or None if it is not ignored.

        The part is a directory, which ends with a slash, or the file itself.
        """
        if not self.rules:
            return None
        end = path.find("/")
        while end >= 0:
            if self.ignores(path[:end], is_directory=True):
                return path[: end + 1]
            end = path.find("/", end + 1)
        return path if self.ignores(path, is_directory=False) else None


def parse_rules(lines: Iterable[str]) -> IgnoreRules:
    """Return the rules in ``lines``.

    Raises:
        InvalidPatternError: A pattern is invalid or too long, or there are too many.
    """
    rules: list[_Rule] = []
    for number, line in enumerate(lines, 1):
        if len(line) > limits.MAX_IGNORE_PATTERN_CHARACTERS:
            message = f"is longer than {limits.MAX_IGNORE_PATTERN_CHARACTERS:,} characters"
            raise InvalidPatternError(number, message)
        try:
            rule = _parse(_without_trailing_spaces(line.rstrip("\r\n")))
        except ValueError as error:
            raise InvalidPatternError(number, str(error)) from error
        if rule:
            rules.append(rule)
        if len(rules) > limits.MAX_IGNORE_PATTERNS:
            message = f"exceeds the limit of {limits.MAX_IGNORE_PATTERNS} patterns"
            raise InvalidPatternError(number, message)
    return IgnoreRules(tuple(rules))


def _without_trailing_spaces(line: str) -> str:
    stripped = line.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    # A backslash keeps the space after it.
    return line[: len(stripped) + backslashes % 2]


def _parse(pattern: str) -> _Rule | None:
    if not pattern or pattern.startswith("#"):
        return None
    is_negated = pattern.startswith("!")
    pattern = pattern[is_negated:]
    only_directories = pattern.endswith("/")
    words = pattern.removesuffix("/").removeprefix("/").split("/")
    if not all(words):
        raise ValueError("is not a pattern: it has an empty name between slashes")
    if "/" not in pattern.removesuffix("/"):
        words.insert(0, _ANY_DIRECTORIES)
    segments = [None if word == _ANY_DIRECTORIES else _segment(word) for word in words]
    if segments[-1] is None:
        # The pattern a/** matches everything inside of a, but not a itself.
        segments.append(_ANY_SEGMENT)
    return _Rule(tuple(segments), is_negated, only_directories)


def _segment(word: str) -> re.Pattern[str]:
    """Return the pattern of one name. Those of fnmatch never backtrack over a star."""
    text, at = "", 0
    while at < len(word):
        if word[at] == "\\":
            if at + 1 == len(word):
                raise ValueError("is not a pattern: it ends with a backslash")
            escaped = word[at + 1]
            text += f"[{escaped}]" if escaped in "*?[" else escaped
            at += 2
        elif word[at] == "[":
            found = _BRACKETS.match(word, at)
            if found is None:
                raise ValueError("is not a supported pattern: use [abc], [a-z] or [!a-z]")
            text += found[0].replace("[^", "[!", 1)
            at = found.end()
        else:
            text += word[at]
            at += 1
    return re.compile(fnmatch.translate(text))
