"""The verb that makes it so."""

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler import engine
from reconciler.cli.conduct import conduct, refuse_to_ask_nobody
from reconciler.cli.options import Invocation
from reconciler.cli.saved import carry_out_saved, open_saved
from reconciler.cli.work import insist, open_work
from reconciler.core.errors import PlanChangedError
from reconciler.core.plan import Plan
from reconciler.targets.appmesh import AppMesh


def run(invocation: Invocation) -> int:
    """Plan, ask, and make it so.

    PATH is a file, a directory, or - for standard input.
    """
    refuse_to_ask_nobody(invocation)
    saved = invocation["plan"] is not None
    with open_saved(invocation) if saved else _open_planned(invocation) as (plan, target):
        carry_out = carry_out_saved if saved else engine.carry_out
        return conduct(invocation, target, plan, carry_out=carry_out)


@contextmanager
def _open_planned(invocation: Invocation) -> Iterator[tuple[Plan, AppMesh]]:
    """Yield the plan for the manifests and its target; MovedError where --expect has another."""
    with open_work(invocation) as work:
        desired = insist(work.read(), color=invocation["color"])
        plan = work.propose(desired)
        work.refuse_idle_patterns(plan.keys, desired, plan.unlisted)
        expected = invocation["expect"]
        if expected not in (None, plan.fingerprint):
            raise PlanChangedError(
                f"the plan is {plan.fingerprint} by now and not {expected}, so nothing was "
                "written: run plan again and agree to what it says"
            )
        yield plan, work.target
