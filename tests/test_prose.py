"""Docstrings, comments, messages and the manual use plain words: one word for each idea."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "reconciler"
MANUAL = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

# A pattern for each word that has a better one, and the better one.
REPLACED = {
    r"\b(?:who|what|which)ever\b": "the noun",
    r"\b(?:some|no|any)body\b": "the noun",
    r"\bwhat (?:is|was|are|were|it|they|the|a|we|nobody|somebody|others?)\b": "the noun",
    r"\banew\b": "again",
    r"\bbut for\b": "except",
    r"(?<=[a-z]), for (?:it|they|that|this|these|there|no|nothing)\b": "because",
    r"\bwhere (?:it|there|they|none|nothing|no|that|this|one) ": "if",
    r"\bfolders?\b": "directory",
    r"\bknobs?\b": "option",
    r"\bcomplain(?:s|ts?|ed|ing)?\b": "diagnostic",
    r"\bleft alone\b|\bheld back\b": "withheld",
    r"\bby now\b|\bmeanwhile\b|\bin that moment\b": "after the plan was made, at the same time",
    r"\bat a glance\b|\bglances?\b": "bulk read",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bled away\b|\bmakes? way\b": "detached",
    r"\bstrangers?(?:'s?)?\b": "another owner",
    r"\bpatience\b": "timeout",
    r"\b(?:he|she|his|him)\b": "it",
    r"\b(?:behaviour|colour|recognis|canonicalis|normalis|licence|spelt|cancelled)": "American",
    r"(?:^|[.!:] )(?:What|Of|Where|Whoever)\b(?![^.]*\?)": "the subject first",
}
PATTERNS = {
    re.compile(pattern, 0 if "What|Of" in pattern else re.IGNORECASE): word
    for pattern, word in REPLACED.items()
}
# AWS's own sentences, which clients compare.
QUOTED = ("endpoint/semantics/error_messages.py",)


class Text(NamedTuple):
    """A piece of prose and where it is."""

    place: str
    words: str


def prose_of(file: Path) -> Iterator[Text]:
    """Yield docstrings, comments and messages of a Python module."""
    source, name = file.read_text("utf-8"), file.relative_to(ROOT)
    comment: list[str] = []
    first = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type is tokenize.COMMENT and "noqa" not in token.string:
            first = first if comment else token.start[0]
            comment.append(token.string.lstrip("# "))
        elif token.type is not tokenize.NL and comment:
            yield Text(f"{name}:{first}", " ".join(comment))
            comment = []
    if str(file.relative_to(PACKAGE)) in QUOTED:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield Text(f"{name}:{node.lineno}", " ".join(node.value.split()))


def prose_of_manual(file: Path) -> Iterator[Text]:
    """Yield the lines of a page that are no code."""
    fenced = False
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        fenced ^= line.startswith("```")
        if not fenced and not line.startswith(("```", "    ")):
            yield Text(f"{file.name}:{number}", re.sub(r"`[^`]*`", "", line))


def hits(texts: Iterator[Text]) -> list[str]:
    """Return a line for each word that has a better one."""
    return [
        f"{text.place}: {match[0].strip()!r}: write {word}: {text.words[:90]}"
        for text in texts
        for pattern, word in PATTERNS.items()
        for match in pattern.finditer(text.words)
    ]


def test_the_package_is_written_in_plain_words(
    record_property: Callable[[str, object], None],
) -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    texts = [text for file in files for text in prose_of(file)]
    found = hits(iter(texts))
    words = sum(len(text.words.split()) for text in texts)
    record_property("figure", f"prose: {len(found)} hits in {words:,} words of the package")
    assert found == []


def test_the_manual_is_written_in_plain_words(
    record_property: Callable[[str, object], None],
) -> None:
    found = [hit for page in MANUAL for hit in hits(prose_of_manual(page))]
    record_property("figure", f"prose: {len(found)} hits in the manual")
    assert found == []


def test_words_that_have_a_better_one_are_found() -> None:
    assert len(hits(iter([Text("a:1", "Where it is gone, whoever asks is told anew.")]))) == 4
    assert hits(iter([Text("a:1", "Read the plan again. What changed?")])) == []
