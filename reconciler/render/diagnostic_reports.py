"""Diagnostics of manifests as text, JSON, SARIF, and annotations of GitHub and GitLab.

To add a format to `validate`, add a row to `DIAGNOSTIC_FORMATS` and the name to the tuple of the
same name in `reconciler.settings.options.output_group`.
"""

import json
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from reconciler.core.escaping import escaped
from reconciler.core.resources import text_digest
from reconciler.manifest.loading import LoadResult
from reconciler.manifest.parsing.diagnostics import (
    Code,
    Diagnostic,
    Severity,
    SourceExcerpt,
    count_severities,
)
from reconciler.render.terminal import Layout, Style, cell_width, plural, styled

_STYLES = {
    Severity.ERROR: Style.RED,
    Severity.WARNING: Style.YELLOW,
    Severity.NOTE: Style.DIM,
}
_GITHUB_COMMANDS = {Severity.NOTE: "notice"}
_GITLAB_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def text(diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
    """Return a line for each diagnostic, and its source line with carets below."""
    return "".join(_as_text(item, color=color) for item in diagnostics)


def as_json(loaded: LoadResult) -> str:
    """Return a JSON object with the diagnostics, counts and ignored files."""
    diagnostics = loaded.diagnostics
    counts = count_severities(diagnostics)
    document = {
        "format_version": "1.0",
        "valid": loaded.valid,
        "error_count": counts[Severity.ERROR],
        "warning_count": counts[Severity.WARNING],
        "note_count": counts[Severity.NOTE],
        "resource_count": len(loaded.desired),
        "ignored_count": sum(loaded.ignored.values()),
        "ignored": dict(loaded.ignored),
        "ignored_files": list(loaded.ignored_files),
        "diagnostics": [_as_object(item) for item in diagnostics],
    }
    return json.dumps(document, indent=2) + "\n"


def sarif(diagnostics: Sequence[Diagnostic]) -> str:
    """Return a SARIF 2.1.0 document for code scanning services."""
    rules = sorted({item.code for item in diagnostics}, key=lambda code: code.number)
    driver = {"name": "mesh-reconciler", "rules": [_as_rule(code) for code in rules]}
    run = {
        "tool": {"driver": driver},
        # Columns count code points. The SARIF default is UTF-16 code units.
        "columnKind": "unicodeCodePoints",
        "results": [_as_result(item) for item in diagnostics],
    }
    document = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def github(diagnostics: Sequence[Diagnostic]) -> str:
    """Return workflow commands, which GitHub shows as annotations of the source lines."""
    return "".join(_as_command(item) for item in diagnostics)


def code_quality(diagnostics: Sequence[Diagnostic]) -> str:
    """Return a code quality report, which GitLab shows in the diff of a merge request."""
    return json.dumps([_as_issue(item) for item in diagnostics], indent=2) + "\n"


def summary(loaded: LoadResult) -> str:
    """Return one line: whether the manifests are valid, and counts."""
    counts = count_severities(loaded.diagnostics)
    parts = [plural(counts[it], it.value) for it in (Severity.ERROR, Severity.WARNING)]
    parts += [plural(counts[Severity.NOTE], "note")] if counts[Severity.NOTE] else []
    parts.append(plural(len(loaded.desired), "resource"))
    if loaded.ignored:
        parts.append(f"{sum(loaded.ignored.values())} ignored")
    if loaded.ignored_files:
        parts.append(f"{plural(len(loaded.ignored_files), 'path')} excluded")
    return f"{'Valid' if loaded.valid else 'Not valid'}: {', '.join(parts)}.\n"


def ignored(loaded: LoadResult) -> str:
    """Return a line for each kind of ignored resource, and for each excluded path."""
    lines = [f"ignored: {count} of {label}" for label, count in loaded.ignored.items()]
    lines += [f"excluded by a pattern: {path}" for path in loaded.ignored_files]
    return "".join(f"{escaped(line)}\n" for line in lines)


def _text_result(loaded: LoadResult, layout: Layout) -> str:
    return text(loaded.diagnostics, color=layout.color) + summary(loaded)


DIAGNOSTIC_FORMATS: Mapping[str, Callable[[LoadResult, Layout], str]] = MappingProxyType(
    {
        "text": _text_result,
        "json": lambda loaded, _: as_json(loaded),
        "sarif": lambda loaded, _: sarif(loaded.diagnostics),
        "github": lambda loaded, _: github(loaded.diagnostics),
    }
)
"""The renderer of each format of `validate`."""


def sentence(diagnostic: Diagnostic) -> str:
    """Return path, message and hint in one line, without the position in the file."""
    path = f"{diagnostic.path}: " if diagnostic.path else ""
    hint = f" ({diagnostic.hint})" if diagnostic.hint else ""
    return f"{path}{diagnostic.message}{hint}"


def _as_text(item: Diagnostic, *, color: bool) -> str:
    style = _STYLES[item.severity]
    label = styled(f"{item.severity}[{item.code.number}]", style, Style.BOLD, on=color)
    line = f"{escaped(str(item.origin))}: {label} {escaped(sentence(item))}\n"
    return line + (
        _excerpt(item.excerpt, item.origin.line, style, color=color) if item.excerpt else ""
    )


def _excerpt(excerpt: SourceExcerpt, number: int, style: Style, *, color: bool) -> str:
    end = excerpt.offset + excerpt.width
    before = _visible(excerpt.text[: excerpt.offset])
    marked = _visible(excerpt.text[excerpt.offset : end])
    after = _visible(excerpt.text[end:])
    gutter = f"{number:>4} | "
    # Repeat tabs in the caret line, so that both lines align at any tab width.
    indent = "".join(
        "\t" if character == "\t" else " " * cell_width(character) for character in before
    )
    carets = styled("^" * max(1, cell_width(marked)), style, on=color)
    return f"{gutter}{before}{marked}{after}\n{' ' * 4} | {indent}{carets}\n"


def _visible(source_text: str) -> str:
    return "\t".join(map(escaped, source_text.split("\t")))


def _as_object(item: Diagnostic) -> dict[str, object]:
    return {
        "code": item.code.number,
        "title": item.code.title,
        "severity": str(item.severity),
        "file": item.origin.file,
        "line": item.origin.line,
        "column": item.origin.column,
        "path": item.path,
        "message": item.message,
        "hint": item.hint,
        "source": item.excerpt.text if item.excerpt else None,
    }


def _as_rule(code: Code) -> dict[str, object]:
    return {"id": code.number, "shortDescription": {"text": code.title}}


def _as_result(item: Diagnostic) -> dict[str, object]:
    region = {"startLine": item.origin.line, "startColumn": item.origin.column}
    location = {"artifactLocation": {"uri": urllib.parse.quote(item.origin.file)}, "region": region}
    return {
        "ruleId": item.code.number,
        "level": str(item.severity),
        "message": {"text": sentence(item)},
        "locations": [{"physicalLocation": location}],
    }


def _as_issue(item: Diagnostic) -> dict[str, object]:
    return {
        "description": sentence(item),
        "check_name": item.code.number,
        # GitLab shows only the first of two issues with the same fingerprint.
        "fingerprint": text_digest(f"{item.code.number} {item.origin} {sentence(item)}"),
        "severity": _GITLAB_SEVERITIES[item.severity],
        "location": {"path": item.origin.file, "lines": {"begin": item.origin.line}},
    }


def _as_command(item: Diagnostic) -> str:
    properties = {
        "file": item.origin.file,
        "line": str(item.origin.line),
        "col": str(item.origin.column),
        "title": f"{item.code.number} {item.code.title}",
    }
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    command = _GITHUB_COMMANDS.get(item.severity, item.severity)
    return f"::{command} {listed}::{_data(sentence(item))}\n"


# Escaping of workflow commands as in actions/toolkit, core/src/command.ts.
def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
