"""What a complaint about a manifest is, and the one table of what can be complained about.

Renders nothing: turning complaints into text for people or machines belongs to ``render``.
"""

import difflib
import heapq
import json
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import islice

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.core.resources import Origin

# What resembles a word is searched for among so many: a file may hold thousands of names.
_MAX_COMPARED_LENGTH = 60
# No message may be as long as the file; no field of the API allows more words than this.
_MOST_LISTED = 20
_SIMILAR = 0.6
# difflib takes up to half a millisecond for two texts, too long for each candidate of each hint.
_MOST_RATED = 2


class Severity(StrEnum):
    """Errors stop every write; warnings stop nothing, unless the user asks for it."""

    ERROR = "error"
    WARNING = "warning"


class Code(Enum):
    """Every complaint there is: its stable number, what it is about, and how bad that is."""

    UNREADABLE = "MR001", "file or directory that cannot be read"
    NOT_REGULAR = "MR002", "pipe, device or socket in place of a file"
    SYMLINK = "MR003", "symbolic link that leaves the directory, or leads nowhere"
    LIMIT = "MR004", "files that are too many, too large or too deep, or take too long to read"
    CHANGING = "MR005", "directory that changes while it is read"
    FILE_NAME = "MR006", "file name that is not UTF-8"
    NO_MANIFEST = "MR007", "no manifest found"
    ENCODING = "MR010", "text that is not UTF-8"
    CHARACTER = "MR011", "control or bidirectional character"
    YAML = "MR012", "invalid YAML"
    JSON = "MR013", "invalid JSON"
    DOCUMENT_LIMIT = "MR014", "too many documents or nodes, or too deep nesting"
    DUPLICATE_KEY = "MR015", "key given twice in one mapping"
    ALIAS = "MR016", "anchor, alias or merge key"
    TAG = "MR017", "YAML tag"
    KEY = "MR018", "key that is not text"
    NO_DOCUMENT = "MR019", "file without a document"
    MISSING_FIELD = "MR020", "required field missing"
    NOT_ALLOWED = "MR021", "value that is not among those allowed"
    UNKNOWN_FIELD = "MR022", "unknown field"
    WRONG_TYPE = "MR023", "value of the wrong type"
    NULL = "MR024", "null in place of a value"
    NAME = "MR025", "name that cannot be used"
    RESOURCE_TAG = "MR026", "tag that AWS refuses or that is reserved"
    POINTER = "MR027", "JSON pointer that cannot be used"
    TIMESTAMP = "MR028", "invalid timestamp"
    UNKNOWN_SHAPE = "MR030", "document of no known form"
    API_VERSION = "MR031", "apiVersion that nearly is a known one"
    KIND = "MR032", "unknown kind"
    NOT_SUPPORTED = "MR033", "kind that is not read in this version of it"
    CLIENT_TOKEN = "MR034", "client token in a manifest"
    MESH_OWNER = "MR035", "mesh of another account"
    VARIABLE = "MR036", "variable without a value"
    FUNCTION = "MR037", "template function that cannot be resolved"
    STATE = "MR038", "Terraform value that is unknown or secret"
    DECLARED_TWICE = "MR040", "resource declared twice"
    TOO_MANY = "MR049", "more diagnostics than are shown"
    NO_MESH = "MR041", "Kubernetes object whose mesh or gateway cannot be told"
    NEARLY_EQUAL = "MR050", "names that differ in case or normal form only", Severity.WARNING
    PRUNED_FIELD = "MR051", "field that Kubernetes would drop", Severity.WARNING
    NAMESPACE = "MR052", "namespace on a cluster-wide resource", Severity.WARNING

    DANGLING = "MR060", "name of something that the mesh does not have"
    ELSEWHERE = "MR061", "name of something that no manifest declares", Severity.WARNING
    MATCH_PORT = "MR062", "route without the port that several listeners ask for"
    TWO_OWNERS = "MR063", "meshes of one name in several accounts", Severity.WARNING
    MISMATCH = "MR064", "port or protocol on which nothing listens", Severity.WARNING
    NO_LISTENER = "MR065", "routes of what does not listen", Severity.WARNING
    CUT_OFF = "MR066", "backend that DROP_ALL cuts off", Severity.WARNING

    def __init__(self, number: str, title: str, severity: Severity = Severity.ERROR) -> None:
        self.number = number
        self.title = title
        self.severity = severity


@dataclass(frozen=True, slots=True)
class SourceExcerpt:
    """A piece of a source line; ``offset`` and ``width`` say which of its characters are meant."""

    text: str
    offset: int
    width: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One complaint: what is wrong, where, and what would be right.

    ``path`` is the place in the document (``spec.egressFilter.type``), empty where the whole
    file is meant. ``message`` follows it in a sentence; ``hint`` says what to do about it.
    ``message`` and ``hint`` may be shown as they are, ``path``, ``excerpt`` and the file's name
    hold the user's own characters.
    """

    code: Code
    origin: Origin
    message: str
    path: str = ""
    hint: str = ""
    excerpt: SourceExcerpt | None = None

    @property
    def severity(self) -> Severity:
        """Whether this stops the run."""
        return self.code.severity


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return ``diagnostics`` by file, line and column, the same for any order they came in."""
    return tuple(
        sorted(diagnostics, key=lambda item: (item.origin, item.code.number, item.message))
    )


def about_file(code: Code, file: str, message: str, hint: str = "") -> Diagnostic:
    """Return a complaint about a whole file or directory."""
    return Diagnostic(code, Origin(escaped(file), 1, 1), message, hint=hint)


def quote_value(value: str) -> str:
    """Return ``value`` in quotation marks, harmless and at most ``limits.MAX_QUOTED_CHARACTERS`` long."""
    if len(value) > limits.MAX_QUOTED_CHARACTERS:
        value = value[: limits.MAX_QUOTED_CHARACTERS - 1] + "…"
    return escaped(json.dumps(value, ensure_ascii=False))


def one_of(words: Iterable[str]) -> str:
    """Return ``A``, ``A or B``, or ``A, B or C``; after twenty words ``or others``."""
    *others, last = islice(words, _MOST_LISTED + 1)
    if len(others) == _MOST_LISTED:
        last = "others"
    return f"{', '.join(others)} or {last}" if others else last


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the one of ``known`` that ``word`` resembles most, or nothing."""
    folded = word[: limits.MAX_QUOTED_CHARACTERS].casefold()
    by_folded = {
        candidate.casefold(): candidate
        for candidate in islice(known, _MAX_COMPARED_LENGTH)
        if len(candidate) <= 2 * limits.MAX_QUOTED_CHARACTERS
    }
    pieces = _pieces(folded)

    def likeness(candidate: str) -> float:
        others = _pieces(candidate)
        return len(pieces & others) / (len(pieces) + len(others) or 1)

    likely = heapq.nlargest(_MOST_RATED, by_folded, key=likeness)
    close = difflib.get_close_matches(folded, likely, 1, _SIMILAR)
    return f"did you mean {by_folded[close[0]]}?" if close else ""


def _pieces(text: str) -> set[str]:
    """Return the letters of ``text`` and its pairs of letters."""
    return {*text, *map(operator.add, text, text[1:])}
