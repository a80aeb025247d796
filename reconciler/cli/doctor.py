"""The verb that checks what a run needs."""

from datetime import UTC, datetime

from reconciler.cli.options import Invocation
from reconciler.cli.output import page, show_whole
from reconciler.cli.progress import working
from reconciler.cli.work import choose
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.findings import CheckResult, CheckStatus
from reconciler.render.findings import render_json, render_text
from reconciler.wiring.checkup import examine


def run(invocation: Invocation) -> int:
    """Check settings, credentials, account, region, permissions to read, and quotas.

    It says what is missing and writes nothing, so a permission to write is not tried.
    """
    findings = _findings(invocation)
    missing = any(finding.grade is CheckStatus.MISSING for finding in findings)
    code = ExitCode.ERROR if missing else ExitCode.OK
    if invocation["format"] == "json":
        show_whole(render_json(findings, code))
    else:
        show_whole(render_text(findings, page(invocation["color"])))
    return code


def _findings(invocation: Invocation) -> list[CheckResult]:
    try:
        choice = choose(invocation, needs_owner=False)
    except UsageError as error:
        # Of each choice, what to type; the explanation stands behind two spaces.
        choices = " or ".join(choice.split("  ")[0] for choice in error.choices)
        told = ": ".join(filter(None, (str(error), choices)))
        return [CheckResult(CheckStatus.MISSING, "settings", told)]
    with working("looking around"):
        return list(examine(choice, datetime.now(UTC)))
