"""The doctor command: checks that a run can work."""

from datetime import UTC, datetime
from functools import partial

from reconciler.cli.command import Invocation
from reconciler.cli.fleet import (
    members_of,
    name_of,
    print_fleet,
    print_messages,
    run_each,
    shows_table,
)
from reconciler.cli.output import layout, print_complete_result
from reconciler.cli.progress import spinner
from reconciler.cli.run_context import resolve_target
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.doctor.check_output import CHECK_FORMATS
from reconciler.doctor.checks import run_checks
from reconciler.doctor.results import CheckResult, CheckStatus
from reconciler.render.terminal import plural
from reconciler.targets.session import Sessions


def run(invocation: Invocation) -> int:
    """Check settings, credentials, account, region, permissions to read, and quotas."""
    code, _, result = _show(invocation, _results(invocation))
    print_complete_result(result)
    return code


def run_many(invocation: Invocation) -> int:
    """Check all targets."""
    check = partial(_results, sessions=Sessions())
    ended = run_each(invocation, members_of(invocation), check, name_of)
    print_messages(ended, has_table=shows_table(invocation))
    return print_fleet(invocation, [end.section(partial(_show, invocation)) for end in ended])


def _show(invocation: Invocation, results: list[CheckResult]) -> tuple[ExitCode, str, str]:
    """Return the exit code, the summary and the whole output."""
    errors = [f"{it.subject}: {it.message}" for it in results if it.status is CheckStatus.ERROR]
    code = ExitCode.ERROR if errors else ExitCode.OK
    output = CHECK_FORMATS[invocation["format"]](results, code, layout(invocation["color"]))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return code, f"{errors[0]}{more}" if errors else plural(len(results), "check"), output


def _results(invocation: Invocation, sessions: Sessions | None = None) -> list[CheckResult]:
    try:
        config = resolve_target(invocation, needs_owner=False)
    except UsageError as error:
        return [CheckResult(CheckStatus.ERROR, "settings", str(error))]
    with spinner("running checks", color=invocation["color"]):
        return list(run_checks(config, datetime.now(UTC), sessions or Sessions()))
