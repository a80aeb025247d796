"""Diagnostics about manifests, and the table of their codes.

``render`` formats them for output.
"""

import difflib
import heapq
import json
import operator
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import islice

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.core.resources import Origin

# A similar word is searched among this many candidates; a file may hold thousands of names.
_MAX_CANDIDATES = 60
# A message lists at most this many words. No field of the API has more values.
_MAX_LISTED = 20
_SIMILAR = 0.6
# difflib takes up to half a millisecond for two texts, so only the most similar are compared.
_MAX_RATED = 2


class Severity(StrEnum):
    """Errors prevent all writes; warnings do so only if the user asks for it; notes never do."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(Enum):
    """All diagnostics: stable number, title and severity."""

    UNREADABLE = "MR001", "file or directory that cannot be read"
    NOT_REGULAR = "MR002", "pipe, device or socket instead of a file"
    SYMLINK = "MR003", "symbolic link that is broken or leaves the directory"
    LIMIT = "MR004", "too many, too large or too deeply nested files, or reading takes too long"
    CHANGING = "MR005", "directory that changes while it is read"
    FILE_NAME = "MR006", "file name that is not UTF-8"
    NO_MANIFEST = "MR007", "no manifest found"
    IGNORE_FILE = "MR008", "patterns of ignored files that cannot be used"
    ENCODING = "MR010", "text that is not UTF-8"
    CHARACTER = "MR011", "control or bidirectional character"
    YAML = "MR012", "invalid YAML"
    JSON = "MR013", "invalid JSON"
    DOCUMENT_LIMIT = "MR014", "too many documents or nodes, or too deep nesting"
    DUPLICATE_KEY = "MR015", "duplicate key in a mapping"
    ALIAS = "MR016", "anchor, alias or merge key"
    TAG = "MR017", "YAML tag"
    KEY = "MR018", "key that is not text"
    NO_DOCUMENT = "MR019", "file without a document"
    MISSING_FIELD = "MR020", "required field missing"
    NOT_ALLOWED = "MR021", "value that is not allowed"
    UNKNOWN_FIELD = "MR022", "unknown field"
    WRONG_TYPE = "MR023", "value of the wrong type"
    NULL = "MR024", "null instead of a value"
    NAME = "MR025", "invalid name"
    RESOURCE_TAG = "MR026", "tag that AWS rejects or that is reserved"
    POINTER = "MR027", "invalid JSON pointer"
    TIMESTAMP = "MR028", "invalid timestamp"
    UNKNOWN_FORMAT = "MR030", "document of an unknown format"
    API_VERSION = "MR031", "unknown apiVersion"
    KIND = "MR032", "unknown kind"
    NOT_SUPPORTED = "MR033", "kind that is not supported in this apiVersion"
    CLIENT_TOKEN = "MR034", "client token in a manifest"
    MESH_OWNER = "MR035", "mesh of another account"
    VARIABLE = "MR036", "variable without a value"
    FUNCTION = "MR037", "template function that cannot be resolved"
    STATE = "MR038", "Terraform value that is unknown or sensitive"
    DECLARED_TWICE = "MR040", "resource declared twice"
    NO_MESH = "MR041", "Kubernetes object whose mesh or gateway is not clear"
    BACKEND_GROUP = "MR042", "backend group that is not declared"
    TOO_MANY = "MR049", "more diagnostics than are shown"
    NEARLY_EQUAL = (
        "MR050",
        "names that differ only in case or Unicode normal form",
        Severity.WARNING,
    )
    PRUNED_FIELD = "MR051", "unknown field, which is ignored", Severity.WARNING
    NAMESPACE = "MR052", "namespace on a cluster-wide resource", Severity.WARNING
    TRANSLATED = "MR053", "approximate translation of an old apiVersion", Severity.WARNING

    DANGLING = (
        "MR060",
        "reference to a resource that is missing in a declared mesh",
        Severity.WARNING,
    )
    ELSEWHERE = "MR061", "reference to a resource that no manifest declares", Severity.WARNING
    MATCH_PORT = "MR062", "route without a port although there are several listeners"
    TWO_OWNERS = "MR063", "one mesh name in several accounts", Severity.WARNING
    MISMATCH = "MR064", "port or protocol without a listener", Severity.WARNING
    NO_LISTENER = "MR065", "routes of a resource without a listener", Severity.WARNING
    CUT_OFF = "MR066", "backend whose traffic DROP_ALL drops", Severity.WARNING
    CONTROLLER_RULE = "MR067", "spec that the Kubernetes controller rejects", Severity.WARNING
    UNPROVIDED = "MR068", "virtual service that is called without a provider", Severity.WARNING
    COVERED = "MR069", "route whose requests another route gets", Severity.WARNING

    ENVOY_REGEX = "MR070", "regular expression that Envoy rejects", Severity.WARNING
    ENVOY_LOG_FORMAT = "MR071", "format of access logs that Envoy rejects", Severity.WARNING
    ENVOY_RETRIES = "MR072", "more retries than Envoy can count", Severity.WARNING
    ENVOY_WEIGHTS = "MR073", "route whose weights are all 0, which Envoy rejects", Severity.WARNING
    ENVOY_OUTLIERS = "MR074", "outlier detection that Envoy rejects", Severity.WARNING
    ENVOY_HEALTH_CHECK = "MR075", "health check that Envoy rejects", Severity.WARNING
    ENVOY_SERVER_NAME = "MR076", "host name that Envoy rejects in TLS", Severity.WARNING
    ENVOY_REFUSED = "MR077", "part that Envoys do not get (--envoy)", Severity.WARNING
    ENVOY_CHANGED = "MR078", "part that Envoys get differently (--envoy)", Severity.WARNING
    ENVOY_NOTE = "MR079", "part without the expected effect on Envoys (--envoy)", Severity.NOTE

    def __init__(self, number: str, title: str, severity: Severity = Severity.ERROR) -> None:
        self.number = number
        self.title = title
        self.severity = severity


@dataclass(frozen=True, slots=True)
class SourceExcerpt:
    """A part of a source line."""

    text: str
    offset: int
    """The first character of ``text`` that the diagnostic is about."""
    width: int
    """The number of these characters."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A problem in a manifest.

    Attributes:
        code: Its kind.
        origin: Its position.
        message: Its description, printed after ``path``; safe to print as it is.
        path: The path in the document, such as ``spec.egressFilter.type``; empty for the file.
        hint: The remedy; safe to print as it is.
        excerpt: The source line. It has characters of the user, as ``path`` and the file name.
        number: How many problems it counts, each of this code.
    """

    code: Code
    origin: Origin
    message: str
    path: str = ""
    hint: str = ""
    excerpt: SourceExcerpt | None = None
    number: int = 1

    @property
    def severity(self) -> Severity:
        """The severity of the code."""
        return self.code.severity


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return ``diagnostics`` in a fixed order: by file, line, column, code and message."""
    return tuple(
        sorted(diagnostics, key=lambda item: (item.origin, item.code.number, item.message))
    )


def about_file(code: Code, file: str, message: str, hint: str = "") -> Diagnostic:
    """Return a diagnostic about a whole file or directory."""
    return Diagnostic(code, Origin(escaped(file), 1, 1), message, hint=hint)


def count_severities(diagnostics: Iterable[Diagnostic]) -> Counter[Severity]:
    """Return the number of problems of each severity, also of those that are only counted."""
    counts: Counter[Severity] = Counter()
    for item in diagnostics:
        counts[item.severity] += item.number
    return counts


def quote_value(value: str) -> str:
    """Return ``value`` in quotation marks, escaped and shortened."""
    if len(value) > limits.MAX_QUOTED_CHARACTERS:
        value = value[: limits.MAX_QUOTED_CHARACTERS - 1] + "…"
    return escaped(json.dumps(value, ensure_ascii=False))


def one_of(words: Iterable[str]) -> str:
    """Return ``A``, ``A or B``, or ``A, B or C``; more than 20 words end in ``or others``."""
    *others, last = islice(words, _MAX_LISTED + 1)
    if len(others) == _MAX_LISTED:
        last = "others"
    return f"{', '.join(others)} or {last}" if others else last


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the word in ``known`` most similar to ``word``, or an empty text."""
    folded = word[: limits.MAX_QUOTED_CHARACTERS].casefold()
    by_folded = {
        candidate.casefold(): candidate
        for candidate in islice(known, _MAX_CANDIDATES)
        if len(candidate) <= 2 * limits.MAX_QUOTED_CHARACTERS
    }
    pieces = _pieces(folded)

    def similarity(candidate: str) -> float:
        others = _pieces(candidate)
        return len(pieces & others) / (len(pieces) + len(others) or 1)

    candidates = heapq.nlargest(_MAX_RATED, by_folded, key=similarity)
    close = difflib.get_close_matches(folded, candidates, 1, _SIMILAR)
    return f"did you mean {by_folded[close[0]]}?" if close else ""


def _pieces(text: str) -> set[str]:
    """Return the characters of ``text`` and its pairs of adjacent characters."""
    return {*text, *map(operator.add, text, text[1:])}
