"""Findings for people and for machines."""

from collections.abc import Sequence

from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.findings import CheckResult, CheckStatus
from reconciler.core.resources import Json, canonical_json
from reconciler.render.json import SCHEMA
from reconciler.render.style import Layout, Span, Style, wrap_words

SYMBOLS = {
    CheckStatus.OK: ("✓", Style.GREEN),
    CheckStatus.WARNING: ("!", Style.YELLOW),
    CheckStatus.ERROR: ("✗", Style.RED),
}


def render_text(findings: Sequence[CheckResult], page: Layout) -> str:
    """Return a line for each finding."""
    width = max(len(finding.subject) for finding in findings)
    lines = []
    for finding in findings:
        symbol, style = SYMBOLS[finding.status]
        told = escaped(" ".join(finding.message.split()))
        title = [Span(symbol, (style,), gap=""), Span(finding.subject.ljust(width), gap=" ")]
        lines.append(page.write([*title, *wrap_words(told, gap="  ")]) + "\n")
    return "".join(lines)


def render_json(findings: Sequence[CheckResult], code: ExitCode) -> str:
    """Return the findings as one line of JSON; ``code`` is what the run exits with."""
    rows: list[Json] = [
        {"mark": finding.status.value, "what": finding.subject, "told": finding.message}
        for finding in findings
    ]
    told: Json = {
        "schema": SCHEMA,
        "exit_code": int(code),
        "exit_name": code.word,
        "findings": rows,
    }
    return canonical_json(told) + "\n"
