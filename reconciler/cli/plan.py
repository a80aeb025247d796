"""The verb that shows what apply would do."""

from reconciler.cli.options import Invocation
from reconciler.cli.output import complain
from reconciler.cli.show import show_plan
from reconciler.cli.work import insist, open_work
from reconciler.core.drift import drift_alone
from reconciler.core.report import plan_exit_code
from reconciler.render.style import counted
from reconciler.wiring.plans import write_plan


def run(invocation: Invocation) -> int:
    """Show what apply would do, and write nothing but the file of --out.

    PATH is a file, a directory, or - for standard input.
    """
    with open_work(invocation) as work:
        desired = insist(work.read(), color=invocation["color"])
        plan = work.propose(desired)
        work.refuse_idle_patterns(plan.keys, desired)
    if invocation["drift"]:
        whole, plan = plan, drift_alone(plan)
        if hidden := len(whole.changes) - len(plan.changes):
            complain(f"--drift leaves out {counted(hidden, 'change')} that manifests ask for")
    if invocation["out"] is not None:
        write_plan(invocation["out"], plan)
    code = plan_exit_code(plan, detailed=invocation["detailed_exitcode"])
    show_plan(plan, code, invocation, invocation.printed_calls(work.target.calls))
    return code
