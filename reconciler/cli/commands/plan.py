"""The plan command: shows the changes that apply would make."""

from reconciler.cli.command import Invocation
from reconciler.cli.commands.show import show_plan
from reconciler.cli.output import print_error
from reconciler.cli.run_context import open_run, require_valid
from reconciler.core.planning.drift import only_drift
from reconciler.core.report import plan_exit_code
from reconciler.render.terminal import plural
from reconciler.wiring.plan_files import write_plan


def run(invocation: Invocation) -> int:
    """Show the changes that apply would make; write only the file of --out."""
    with open_run(invocation) as context:
        loaded = context.read()
        desired = require_valid(loaded, color=invocation["color"])
        plan = context.propose(desired, revision=loaded.revision)
        context.require_patterns_to_match(plan.keys, desired, plan.unlisted)
    if invocation["drift"]:
        whole, plan = plan, only_drift(plan)
        if hidden := len(whole.changes) - len(plan.changes):
            print_error(f"--drift omits {plural(hidden, 'change')} that manifests request")
    if invocation["out"] is not None:
        write_plan(invocation["out"], plan)
    code = plan_exit_code(plan, detailed=invocation["detailed_exitcode"])
    show_plan(plan, code, invocation, invocation.printed_calls(context.target.calls))
    return code
