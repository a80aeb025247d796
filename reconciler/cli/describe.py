"""The verb that shows one resource."""

import time
from dataclasses import replace

from reconciler import engine
from reconciler.cli.options import Invocation
from reconciler.cli.output import page, show_whole
from reconciler.cli.work import insist, open_work
from reconciler.core.errors import DaemonError, UsageError
from reconciler.core.plan import Plan
from reconciler.core.resources import Key
from reconciler.render.description import Description, render_json, render_text
from reconciler.render.status import attempts
from reconciler.web.client import fetch_status


def run(invocation: Invocation) -> int:
    """Show one resource: manifest, desired, observed, difference, owner, what holds it back.

    KEY is such as mesh/payments. The verdict is that of a plan of the whole source, because some
    guards count.
    """
    with open_work(invocation) as work:
        wanted = insist(work.read(), color=invocation["color"])
        desired = {want.key: want for want in wanted}
        plan = work.propose(wanted)
        work.refuse_idle_patterns(plan.keys, wanted)
        listed = work.target.lists.everything()
        known = desired.keys() | set(plan.keys) | listed
        named = sorted(key for key in known if any(map(key.matches, invocation.keys)))
        if len(named) != 1:
            patterns = " ".join(invocation.keys)
            some = f", such as {named[0]} and {named[1]}" if named else ""
            raise UsageError(
                f"describe shows one resource, and {patterns} names {len(named)}, desired or "
                f"live{some}"
            )
        (key,) = named
        observed = engine.look_again(work.target, key) if key in listed else None
        lately = _attempts(invocation["url"], plan, key)
        told = Description(key, _alone(plan, key), desired.get(key), observed, lately)
    if invocation["format"] == "json":
        show_whole(render_json(told))
    else:
        show_whole(render_text(told, page(invocation["color"])))
    return told.code


def _attempts(url: str, plan: Plan, key: Key) -> str | None:
    """Say what a daemon on the same target and of the same owner did; None where there is none."""
    try:
        _, status = fetch_status(url)
    except DaemonError:
        return None
    if (status.target, status.owner) != (plan.target, plan.owner):
        return None
    known = (standing for standing in status.standings if standing.key == key)
    told = [part for standing in known for part in attempts(standing, time.time())]
    return "; ".join(told) or f"none since the daemon at {url} started"


def _alone(plan: Plan, key: Key) -> Plan:
    return replace(
        plan,
        changes=tuple(change for change in plan.changes if change.key == key),
        unchanged=tuple(same for same in plan.unchanged if same == key),
        withheld=tuple(held for held in plan.withheld if held.key == key),
    )
