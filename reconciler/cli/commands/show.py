"""The verb that prints a saved plan, and how every plan is printed."""

from collections.abc import Mapping

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import plan_exit_code
from reconciler.render.formats import PLAN_FORMATS, OutputContext
from reconciler.wiring.plan_files import read_plan


def run(invocation: Invocation) -> int:
    """Print a saved plan; look at no target and at no manifest.

    The exit code is that of the plan: 0, or 5 or 1 by what is withheld or unread in it.
    """
    (file,) = invocation.paths
    plan = read_plan(file)
    code = plan_exit_code(plan, detailed=False)
    show_plan(plan, code, invocation)
    return code


def show_plan(
    plan: Plan, code: ExitCode, invocation: Invocation, calls: Mapping[str, int] = {}
) -> None:
    """Print ``plan`` in the format that was asked for; ``code`` is what the run exits with.

    ``calls`` counts the API calls that it took, by operation.
    """
    renderer = PLAN_FORMATS[invocation["format"]].load()
    context = OutputContext(code, layout(invocation["color"]), calls)
    print_complete_result(renderer.format_plan(plan, context))
