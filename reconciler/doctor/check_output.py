"""Output of check results as text and JSON."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Json, canonical_json
from reconciler.doctor.results import CheckResult, CheckStatus
from reconciler.render.json_output import SCHEMA
from reconciler.render.terminal import Layout, Span, Style, wrap_words

SYMBOLS = {
    CheckStatus.OK: ("✓", Style.GREEN),
    CheckStatus.WARNING: ("!", Style.YELLOW),
    CheckStatus.ERROR: ("✗", Style.RED),
}


def render_text(results: Sequence[CheckResult], layout: Layout) -> str:
    """Return a line for each result."""
    width = max(len(result.subject) for result in results)
    lines = []
    for result in results:
        symbol, style = SYMBOLS[result.status]
        message = escaped(" ".join(result.message.split()))
        title = [Span(symbol, (style,), gap=""), Span(result.subject.ljust(width), gap=" ")]
        lines.append(layout.write([*title, *wrap_words(message, gap="  ")]) + "\n")
    return "".join(lines)


def render_json(results: Sequence[CheckResult], code: ExitCode) -> str:
    """Return the results as one line of JSON; `code` is the exit code of the run."""
    rows: list[Json] = [
        {"status": result.status.value, "subject": result.subject, "message": result.message}
        for result in results
    ]
    document: Json = {
        "schema": SCHEMA,
        "exit_code": int(code),
        "exit_name": code.word,
        "results": rows,
    }
    return canonical_json(document) + "\n"


CHECK_FORMATS: Mapping[str, Callable[[Sequence[CheckResult], ExitCode, Layout], str]] = (
    MappingProxyType(
        {
            "text": lambda results, _, layout: render_text(results, layout),
            "json": lambda results, code, _: render_json(results, code),
        }
    )
)
"""The renderer of each format of `doctor`."""
