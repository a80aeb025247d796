"""The show command, and the output of plans for all commands."""

from collections.abc import Mapping

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import plan_exit_code
from reconciler.render.formats import PLAN_FORMATS, OutputContext
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
    print_complete_result(plan_text(plan, code, invocation, calls))


def plan_text(
    plan: Plan, code: ExitCode, invocation: Invocation, calls: Mapping[str, int] = {}
) -> str:
    """Return ``plan`` in the format of --format; the arguments are those of ``show_plan``."""
    renderer = PLAN_FORMATS[invocation["format"]].load()
    context = OutputContext(code, layout(invocation["color"]), calls)
    return renderer.format_plan(plan, context)
