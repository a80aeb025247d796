"""Plans and applies many targets: each stays open from its plan to its apply."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from reconciler.cli.apply_flow import apply_plan
from reconciler.cli.command import Invocation
from reconciler.cli.fleet import Ended, print_messages, rollout_of, run_each, shows_table
from reconciler.cli.fleet_plan import account_of, make_plan, report_plans
from reconciler.cli.proxy_wait import ProxyWait, open_proxy_wait
from reconciler.cli.run_context import RunContext, open_run
from reconciler.cli.shared_parts import Shared
from reconciler.cli.signals import FINISHING_MESSAGE, StopRequest, stop_on_signals
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Report
from reconciler.core.resources import Desired, shorten_list


@dataclass(frozen=True, slots=True)
class Pending:
    """The plan of one target of several, which waits for the confirmation.

    Attributes:
        desired: The resources of the manifests.
        opened: Closes the target.
    """

    context: RunContext
    plan: Plan
    desired: tuple[Desired, ...]
    unmatched: frozenset[str]
    wait: ProxyWait | None
    opened: ExitStack

    @property
    def writes(self) -> bool:
        """Whether there is something to write."""
        return bool(self.plan.changes or self.plan.renewals)


class AppliedTarget(NamedTuple):
    """The result of an apply; ``calls`` are those that are printed."""

    report: Report
    code: ExitCode
    calls: Mapping[str, int]


def plan_targets(
    invocation: Invocation, members: Sequence[Invocation], opened: ExitStack
) -> list[Ended[Pending]]:
    """Return the plans of all targets, which stay open until ``opened`` is closed.

    Raises:
        UsageError: If the settings of a target are invalid, it is in no wave of [rollout], or a
            pattern matches nothing anywhere.
    """
    rollout_of(invocation)
    prepare = partial(_prepare, shared=Shared.of_fleet(), opened=opened)
    planned = run_each(invocation, members, prepare, account_of)
    report_plans(invocation, planned)
    return planned


def apply_targets(
    invocation: Invocation, members: Sequence[Invocation], planned: Sequence[Ended[Pending]]
) -> list[Ended[AppliedTarget]]:
    """Apply the plan of each target that has one, and with [rollout] wave after wave.

    A target that does not end with 0 stops the waves after it, and the rest of its own wave beyond
    ``max_unavailable``. Their targets have an error, unless there is nothing to write.
    """
    pending = {end.target: end.result for end in planned if end.result is not None}
    by_name = {member["target"]: member for member in members if member["target"] in pending}
    codes = {end.target: end.code for end in planned}
    rules = rollout_of(invocation)
    steps = rules.steps if rules else ((1, tuple(codes)),)
    applied: list[Ended[AppliedTarget]] = []
    reason = ""
    with stop_on_signals(message=FINISHING_MESSAGE) as stop:
        for wave, names in steps:
            if reason:
                waiting = (name for name in names if name in pending and pending[name].writes)
                applied += (Ended(name, None, ExitCode.PENDING, reason) for name in waiting)
                continue
            ended = run_each(
                invocation,
                [by_name[name] for name in names if name in by_name],
                lambda member: _apply_one(member, pending[member["target"]], stop),
                account_of,
            )
            applied += ended
            codes |= {end.target: end.result.code if end.result else end.code for end in ended}
            reason = _stop_reason(wave, {name: codes[name] for name in names})
    print_messages(applied, has_table=shows_table(invocation))
    return applied


def _stop_reason(wave: int, codes: Mapping[str, ExitCode]) -> str:
    """Return why no further target of a rollout is reached; empty if all codes are 0."""
    bad = [f"{name} ({code.word})" for name, code in codes.items() if code]
    if not bad:
        return ""
    return f"not reached: wave {wave} of the rollout stopped at {shorten_list(bad)}"


def _prepare(member: Invocation, shared: Shared, opened: ExitStack) -> Pending:
    """Return the plan of one target, which ``opened`` closes if it is not applied."""
    with ExitStack() as stack:
        context = stack.enter_context(open_run(member, shared=shared))
        # The CI job does not wait for proxies.
        waits = "wait_proxies" in member.options.values
        wait = open_proxy_wait(member, context.target) if waits else None
        plan, unmatched, desired = make_plan(member, context)
        pending = Pending(context, plan, desired, unmatched, wait, stack.pop_all())
    opened.callback(pending.opened.close)
    return pending


def _apply_one(member: Invocation, pending: Pending, stop: StopRequest) -> AppliedTarget:
    with pending.opened:
        plan, target = pending.plan, pending.context.target
        report, code = apply_plan(
            member, target, plan, pending.context.apply, readable=False, stop_request=stop
        )
        if pending.wait:
            code = ExitCode(pending.wait.wait(code, plan, target, readable=False))
        return AppliedTarget(report, code, member.printed_calls(target.calls))
