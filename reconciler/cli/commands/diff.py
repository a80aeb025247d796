"""The diff command: compares a live resource with its manifest."""

from collections.abc import Mapping, Sequence

from reconciler import engine
from reconciler.cli.command import KEY_HINT, Invocation
from reconciler.cli.commands.validate import read_source
from reconciler.cli.output import layout, print_complete_result
from reconciler.cli.progress import spinner
from reconciler.cli.run_context import require_valid, resolve_target
from reconciler.core.errors import TargetError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.comparison import compare
from reconciler.core.resources import Desired, Key, LiveResource, Unreadable, shorten_list
from reconciler.render.side_by_side import render_sides
from reconciler.wiring.targets import open_target


def run(invocation: Invocation) -> int:
    """Print the live and the desired state of the resource that matches the key."""
    config = resolve_target(invocation)
    resources = require_valid(
        read_source(invocation, allow_empty=True),
        color=invocation["color"],
        outcome="nothing was compared",
    )
    desired = {resource.key: resource for resource in resources}
    with (
        open_target(config, workers=invocation["parallelism"]) as target,
        spinner(f"reading {target.id.url}", color=invocation["color"]),
    ):
        key = _find_key(target, invocation.keys, desired)
        live = _read_live(target, key)
        difference = compare(desired.get(key), live, config.owner, target.canonical)
    if difference.fields or None in (difference.before, difference.after):
        text = render_sides(key, difference, layout(invocation["color"]))
    else:
        text = f"{key} matches its manifest.\n"
    print_complete_result(text)
    return ExitCode.OK


def _find_key(
    target: engine.CommandTarget, patterns: Sequence[str], desired: Mapping[Key, Desired]
) -> Key:
    """Return the only key, desired or live, that matches ``patterns``.

    Raises:
        UsageError: No key matches, or several do.
    """
    (pattern,) = patterns
    # An exact key needs no list of all live keys.
    matching = [key for key in desired if str(key) == pattern]
    if not matching:
        known = {*desired, *target.list_keys()}
        matching = sorted(key for key in known if key.matches(pattern))
    if not matching:
        raise UsageError(f"{pattern} matches no resource, neither desired nor live{KEY_HINT}")
    if len(matching) > 1:
        raise UsageError(
            f"diff compares one resource, but {pattern} matches {len(matching)}: use one of "
            f"{shorten_list(matching)}"
        )
    return matching[0]


def _read_live(target: engine.CommandTarget, key: Key) -> LiveResource | None:
    """Return the live resource, or None if a list does not contain it.

    Raises:
        TargetError: It could not be read.
    """
    if key not in target.list_versions([key]):
        return None
    live = engine.reread(target, key)
    if isinstance(live, Unreadable):
        raise TargetError(f"{key}: {live.message}")
    return live
