"""The verb that takes over what is live and nobody's."""

from dataclasses import replace

from reconciler.cli.conduct import conduct, refuse_to_ask_nobody
from reconciler.cli.options import Invocation
from reconciler.cli.work import insist, open_work
from reconciler.core.errors import UsageError
from reconciler.core.ownership import adoption, to_create


def run(invocation: Invocation) -> int:
    """Mark live resources that nobody owns as ours, as their manifests describe them.

    KEY is such as mesh/payments; globs are allowed. A resource that differs from its manifest is
    left alone, unless --accept-changes is given. The manifests are those of the target's source,
    else of manifests/.
    """
    refuse_to_ask_nobody(invocation)
    with open_work(invocation) as work:
        wanted = [
            replace(want, options=replace(want.options, adopt=True))
            for want in insist(work.read(), color=invocation["color"])
            if any(map(want.key.matches, invocation.keys))
        ]
        plan = work.propose(wanted, only=invocation.keys)
        work.refuse_idle_patterns(plan.keys, wanted, plan.unlisted)
        live = {want.key for want in wanted} - to_create(plan)
        for pattern in invocation.keys:
            if not any(key.matches(pattern) for key in live):
                raise UsageError(
                    f"adopt {pattern}: no manifest in {', '.join(work.paths)} names such "
                    "a live resource; export writes manifests of those, apply creates the rest"
                )
        plan = adoption(plan, accept_changes=invocation["accept_changes"])
        return conduct(invocation, work.target, plan)
