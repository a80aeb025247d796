"""The explain command: explains a diagnostic or an exit code."""

import difflib
from functools import partial

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_complete_result
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.known_secrets import shown
from reconciler.manifest.loading import FurtherCheck, load_manifests
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render import diagnostic_reports
from reconciler.render.explained.page import (
    explanation_of,
    find_code,
    names_of,
    render_explanation,
)


def run(invocation: Invocation) -> int:
    """Print the meaning, an example and the remedy of a code."""
    (text,) = invocation.paths
    code = find_code(text)
    if code is None:
        known = [name for code in (*Code, *ExitCode) for name in names_of(code)]
        similar = difflib.get_close_matches(text, known, 1)
        hint = f" (did you mean {similar[0]}?)" if similar else ""
        raise UsageError(
            f'no code "{shown(text)}"{hint}: use the code of a diagnostic, such as MR060, or an '
            "exit code, such as 5"
        )
    print_complete_result(render_explanation(code, _diagnostics(code)))
    return ExitCode.OK


def _diagnostics(code: Code | ExitCode) -> str:
    """Return the diagnostics with ``code`` that its example leads to, as validate prints them."""
    explanation = explanation_of(code)
    if not explanation.file:
        return ""
    loaded = load_manifests(
        [(explanation.file, explanation.text.encode())],
        further_check=_envoy_check() if explanation.envoy else None,
    )
    found = [item for item in loaded.diagnostics if item.code is code]
    return diagnostic_reports.text(found, color=False)


def _envoy_check() -> FurtherCheck:
    # Its import takes longer than all the rest.
    from reconciler.wiring.envoy import find_losses  # noqa: PLC0415

    return partial(find_losses, instances_file=None, acm={})
