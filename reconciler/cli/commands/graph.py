"""The graph command: draws meshes, also with the changes of a plan."""

from dataclasses import replace

from reconciler.cli import live_resources
from reconciler.cli.command import Invocation
from reconciler.cli.commands.validate import read_source
from reconciler.cli.output import layout, print_complete_result, print_error
from reconciler.cli.run_context import open_run, require_valid, resolve_target
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Desired, LiveResource, Unreadable
from reconciler.render.graph.build import planned_graph, resource_graph
from reconciler.render.graph.formats import GRAPH_FORMATS
from reconciler.render.graph.model import Graph
from reconciler.render.text import headline, target_line
from reconciler.wiring.targets import open_target


def run(invocation: Invocation) -> int:
    """Draw the desired resources, the live ones, or the result of a plan."""
    if invocation["live"] and invocation["planned"]:
        raise UsageError("pass either --live or --planned")
    if invocation["live"] and invocation.paths:
        raise UsageError("--live draws the resources of the target: pass no PATH")
    if invocation["changed"] and not invocation["planned"]:
        raise UsageError("--changed draws a part of a plan: pass --planned too")
    if invocation["planned"]:
        graph, code = _planned(invocation)
        graph = graph.changed_part() if invocation["changed"] else graph
    else:
        graph, code = _live(invocation) if invocation["live"] else _desired(invocation)
        graph = _selected(graph, invocation["only"], invocation["except"])
    render = GRAPH_FORMATS[invocation["format"]]
    print_complete_result(render(graph, code, layout(invocation["color"])))
    return code


def _desired(invocation: Invocation) -> tuple[Graph, ExitCode]:
    loaded = read_source(invocation, allow_empty=invocation["allow_empty"])
    resources = require_valid(loaded, color=invocation["color"], outcome="nothing was drawn")
    return resource_graph({resource.key: resource.spec for resource in resources}), ExitCode.OK


def _live(invocation: Invocation) -> tuple[Graph, ExitCode]:
    config = resolve_target(invocation, needs_owner=False)
    workers, color = invocation["parallelism"], invocation["color"]
    with open_target(config, workers=workers) as target:
        found = live_resources.read_live(target, (), config.owner, workers=workers, color=color)
        heading = target_line(target.id)
    specs = {it.key: it.spec for it in found if isinstance(it, LiveResource)}
    unreadable = [it for it in found if isinstance(it, Unreadable)]
    for resource in unreadable:
        print_error(f"{resource.key}: {resource.message}")
    graph = resource_graph(specs, [it.key for it in unreadable], absent_text="does not exist")
    return replace(graph, heading=heading), ExitCode.ERROR if unreadable else ExitCode.OK


def _planned(invocation: Invocation) -> tuple[Graph, ExitCode]:
    with open_run(invocation) as context:
        loaded = context.read()
        desired: tuple[Desired, ...] = require_valid(loaded, color=invocation["color"])
        plan = context.propose(desired, revision=loaded.revision)
        context.require_patterns_to_match(plan.keys, desired, plan.unlisted)
    for unlisted in plan.unlisted:
        print_error(f"{unlisted}: {unlisted.message}")
    code = ExitCode.OK if plan.is_complete else ExitCode.ERROR
    return replace(planned_graph(plan, desired), heading=headline(plan)), code


def _selected(graph: Graph, only: tuple[str, ...], excluded: tuple[str, ...]) -> Graph:
    """Return the resources that --only and --except select, and their neighbors."""
    for name, patterns in (("only", only), ("except", excluded)):
        for pattern in patterns:
            if not any(key.matches(pattern) for key in (*graph.nodes, *graph.meshes)):
                raise UsageError(f"--{name} {pattern} matches no resource")
    rest = graph.without(lambda key: any(map(key.matches, excluded)))
    return rest.around(lambda key: any(map(key.matches, only))) if only else rest
