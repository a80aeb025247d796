"""Application of a saved plan: ``apply --plan``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from reconciler import engine
from reconciler.cli.command import Invocation
from reconciler.cli.recording import recorded_failure
from reconciler.cli.run_context import record_applied, resolve_target
from reconciler.core.changes import Create
from reconciler.core.errors import UsageError
from reconciler.core.planning.guards import Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Report, Stale
from reconciler.core.resources import TargetId
from reconciler.settings.target_config import LOCAL
from reconciler.source.git_settings import GitSettings
from reconciler.source.source import Source
from reconciler.wiring.plan_files import read_plan
from reconciler.wiring.sources import open_source_of
from reconciler.wiring.targets import open_target, target_scope

# These options have no effect on a saved plan. They are rejected, so that no guard is ignored.
PLANNING_OPTIONS = (
    "policy",
    "max_deletes",
    "max_updates",
    "allow_empty",
    "allow_rewind",
    "revision",
    "only",
    "except",
    "refresh",
    "tag_index_lag",
    "var",
    "var_file",
    "var_yaml",
    "stack_outputs",
    "namespace",
    "var_env",
    "expect",
)

EXISTS_REASON = "it was created after the plan was made"


@contextmanager
def open_saved_plan(
    invocation: Invocation,
) -> Iterator[tuple[Plan, engine.CommandTarget, Source | None]]:
    """Yield the saved plan of ``--plan``, the target that it was made for, and its repository.

    Raises:
        UsageError: If the plan was made for another target, or if the command line has an option
            for planning.
    """
    for name in PLANNING_OPTIONS:
        if name in invocation.options.flags:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"--plan applies a saved plan, which {option} cannot change: remove it"
            )
    if invocation.paths:
        raise UsageError("apply --plan reads no manifests: remove the PATH argument")
    plan = read_plan(invocation["plan"])
    values = invocation.options.values
    # Nothing is fetched: the source only records the commit.
    source = open_source_of(
        plan.applied_commit,
        GitSettings((plan.target.name, plan.owner)),
        cache_directory=invocation["cache_dir"],
    )
    options = replace(invocation.options, values={**values, "owner": values["owner"] or plan.owner})
    config = resolve_target(replace(invocation, options=options))
    if config.policy == Policy.OBSERVE:
        raise UsageError(f"nothing was applied: the policy of target {config.name} is observe")
    invocation.require_confirmation_possible()
    with (
        recorded_failure(invocation, config.name, config.owner),
        open_target(config, workers=invocation["parallelism"]) as target,
    ):
        if plan.target != target.id == replace(plan.target, account=None):
            # The account is still unknown. A read finds it in the ARNs of the owner's resources.
            target.read_all((), plan.owner)
        _require_same_target(plan, target.id, config.owner)
        yield plan, target, source and source.with_scope(target_scope(config, target.id))


def apply_saved_plan(
    source: Source | None, plan: Plan, target: engine.CommandTarget, options: engine.ApplyOptions
) -> Report:
    """Apply a saved plan and record its commit. A create is Stale if its resource exists now.

    If the plan is applied twice, the service could replay the response of the first create,
    although the resource has changed since.
    """
    creates = [change for change in plan.changes if isinstance(change, Create)]
    existing = target.list_versions([change.key for change in creates])
    stale = {
        change.key: Stale(change, EXISTS_REASON) for change in creates if change.key in existing
    }
    report = engine.apply(plan, target, options, known=stale)
    if source is not None:
        record_applied(source, plan)
    return report


def _require_same_target(plan: Plan, target: TargetId, owner: str) -> None:
    planned = plan.target
    pairs = {
        "target": (planned.name, target.name),
        # The local endpoint uses any free port.
        "URL": (planned.url, planned.url if planned.name == LOCAL else target.url),
        "account": (planned.account, target.account or "unknown"),
        "region": (planned.region, target.region),
        "owner": (plan.owner, owner),
    }
    for word, (planned_value, value) in pairs.items():
        if planned_value != value:
            raise UsageError(
                f"the plan was made for {word} {planned_value}, "
                f"but this run is for {word} {value}: "
                f"use the {word} of the plan, or make a new plan"
            )
