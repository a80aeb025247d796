"""Makes the plans of one target or of many, without writing.

For commands that open targets; ``cli.fleet`` is for all, and imports no SDK.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, TypeVar

from reconciler.cli.command import Invocation
from reconciler.cli.fleet import Ended, print_messages, shows_table, unmatched_by_all
from reconciler.cli.output import layout
from reconciler.cli.run_context import RunContext, require_matches, require_valid, resolve_target
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.fleet_guards import FleetLimits, fleet_objection
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Desired
from reconciler.render.fleet import Section
from reconciler.render.text import target_lines
from reconciler.settings.target_config import TargetConfig
from reconciler.wiring.targets import read_share


class PlannedTarget(Protocol):
    """The result of planning one target."""

    @property
    def plan(self) -> Plan:
        """The plan."""

    @property
    def unmatched(self) -> frozenset[str]:
        """The patterns of --only and --except that match no resource."""


Planned = TypeVar("Planned", bound=PlannedTarget)


class MadePlan(NamedTuple):
    """A plan, the patterns that match no resource, and the resources of the manifests."""

    plan: Plan
    unmatched: frozenset[str]
    desired: tuple[Desired, ...]


def make_plan(invocation: Invocation, context: RunContext) -> MadePlan:
    """Return the plan for the manifests."""
    loaded = context.read()
    desired = require_valid(loaded, color=invocation["color"])
    plan = context.propose(desired, revision=loaded.revision)
    unmatched = context.unmatched_patterns(plan.keys, desired, plan.unlisted)
    return MadePlan(plan, unmatched, desired)


def account_of(member: Invocation) -> Hashable:
    """Return the account and region of the target, as far as its settings have them.

    Runs at one place take turns, so their calls keep to the parallelism of one target.

    Raises:
        UsageError: If the settings of the target are invalid; then nothing runs.
    """
    return place_of(resolve_target(member))


def place_of(config: TargetConfig) -> Hashable:
    """Return the account and region of a target, as far as its settings have them."""
    return config.url, config.account, config.region, config.profile, config.role_arn


def objection_of(invocation: Invocation, plans: Sequence[Plan]) -> str:
    """Return why the guards over all targets do not allow the plans; empty if they do.

    Raises:
        UsageError: If --wide-share is not a share.
    """
    share = None if invocation["wide"] else read_share(invocation["wide_share"])
    return fleet_objection(plans, FleetLimits(invocation["max_total_deletes"], share))


def report_plans(invocation: Invocation, planned: Sequence[Ended[Planned]]) -> None:
    """Print the messages of all plans.

    Raises:
        UsageError: If a pattern of --only or --except matches no resource on any target.
    """
    unmatched = unmatched_by_all(end.result.unmatched for end in planned if end.result is not None)
    print_messages(planned, has_table=shows_table(invocation) and not unmatched)
    require_matches(invocation, unmatched)


def plan_section(
    invocation: Invocation,
    planned: Ended[Planned],
    show: Callable[[Planned], tuple[ExitCode, str, str]],
) -> Section:
    """Return the section of a plan, for a text that shows plans with equal changes once."""
    section = planned.section(show)
    if planned.result is None or invocation["format"] != "text":
        return section
    lines = target_lines(planned.result.plan, layout(invocation["color"]))
    return replace(section, target_lines=lines)
