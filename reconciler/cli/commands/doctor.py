"""The doctor command: checks that a run can work."""

from datetime import UTC, datetime

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.cli.progress import spinner
from reconciler.cli.run_context import resolve_target
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.doctor.check_output import CHECK_FORMATS
from reconciler.doctor.checks import run_checks
from reconciler.doctor.results import CheckResult, CheckStatus


def run(invocation: Invocation) -> int:
    """Check settings, credentials, account, region, permissions to read, and quotas."""
    results = _results(invocation)
    missing = any(finding.status is CheckStatus.ERROR for finding in results)
    code = ExitCode.ERROR if missing else ExitCode.OK
    render = CHECK_FORMATS[invocation["format"]]
    print_complete_result(render(results, code, layout(invocation["color"])))
    return code


def _results(invocation: Invocation) -> list[CheckResult]:
    try:
        config = resolve_target(invocation, needs_owner=False)
    except UsageError as error:
        return [CheckResult(CheckStatus.ERROR, "settings", str(error))]
    with spinner("running checks", color=invocation["color"]):
        return list(run_checks(config, datetime.now(UTC)))
