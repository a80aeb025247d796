"""The show command, and the output of plans for all commands."""

from collections.abc import Mapping

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_complete_result, terminal_width, wants_color
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import plan_exit_code
from reconciler.render import json_output, markdown, text
from reconciler.render.terminal import Style, styled
from reconciler.wiring.plan_files import read_plan


def run(invocation: Invocation) -> int:
    """Print a saved plan without reading a target or manifests.

    Returns:
        The exit code of the plan: 0, 5 if changes are withheld, or 1 if reads failed.
    """
    (file,) = invocation.paths
    plan = read_plan(file)
    code = plan_exit_code(plan, detailed=False)
    show_plan(plan, code, invocation)
    return code


def show_plan(
    plan: Plan, code: ExitCode, invocation: Invocation, calls: Mapping[str, int] = {}
) -> None:
    """Print ``plan`` in the format of --format.

    Args:
        plan: The plan to print.
        code: The exit code of the run.
        invocation: The command line.
        calls: The number of API calls by operation.
    """
    match invocation["format"]:
        case "json":
            print_complete_result(json_output.render_plan(plan, code, calls))
        case "markdown":
            print_complete_result(markdown.render_plan(plan, calls))
        case _:
            color = wants_color(invocation["color"])
            print_complete_result(
                text.render_plan(plan, color=color, width=terminal_width(), calls=calls)
            )
            print_complete_result(
                styled(f"fingerprint {plan.fingerprint}", Style.DIM, on=color) + "\n"
            )
