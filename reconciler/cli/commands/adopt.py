"""The adopt command: takes ownership of unowned live resources."""

from dataclasses import replace

from reconciler.cli.apply_flow import confirm_and_apply
from reconciler.cli.command import Invocation
from reconciler.cli.run_context import open_run, require_valid
from reconciler.core.errors import UsageError
from reconciler.core.planning.ownership import keys_to_create, plan_adoption


def run(invocation: Invocation) -> int:
    """Adopt the unowned live resources that match the keys and have a manifest."""
    with open_run(invocation) as context:
        loaded = context.read()
        desired = [
            replace(resource, options=replace(resource.options, adopt=True))
            if any(map(resource.key.matches, invocation.keys))
            else resource
            for resource in require_valid(loaded, color=invocation["color"])
        ]
        plan = context.propose(desired, revision=loaded.revision, only=invocation.keys)
        context.require_patterns_to_match(plan.keys, desired, plan.unlisted)
        live = {resource.key for resource in desired} - keys_to_create(plan)
        for pattern in invocation.keys:
            if not any(key.matches(pattern) for key in live):
                raise UsageError(
                    f"adopt {pattern}: no live resource that matches has a manifest in "
                    f"{', '.join(context.paths)}: run export to write manifests, or apply to "
                    "create resources"
                )
        plan = plan_adoption(plan, accept_changes=invocation["accept_changes"])
        return confirm_and_apply(invocation, context.target, plan)
