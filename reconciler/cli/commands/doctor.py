"""The doctor command: checks that a run can work."""

from datetime import UTC, datetime

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.cli.progress import spinner
from reconciler.cli.run_context import resolve_target
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.doctor.check_output import render_json, render_text
from reconciler.doctor.checks import run_checks
from reconciler.doctor.results import CheckResult, CheckStatus


def run(invocation: Invocation) -> int:
    """Check settings, credentials, account, region, permissions to read, and quotas."""
    results = _results(invocation)
    has_error = any(result.status is CheckStatus.ERROR for result in results)
    code = ExitCode.ERROR if has_error else ExitCode.OK
    if invocation["format"] == "json":
        print_complete_result(render_json(results, code))
    else:
        print_complete_result(render_text(results, layout(invocation["color"])))
    return code


def _results(invocation: Invocation) -> list[CheckResult]:
    try:
        config = resolve_target(invocation, needs_owner=False)
    except UsageError as error:
        # Each choice is an option, two spaces and an explanation. Keep the option.
        choices = " or ".join(choice.split("  ")[0] for choice in error.choices)
        message = ": ".join(filter(None, (str(error), choices)))
        return [CheckResult(CheckStatus.ERROR, "settings", message)]
    with spinner("running checks"):
        return list(run_checks(config, datetime.now(UTC)))
