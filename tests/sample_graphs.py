"""The graphs of the topologies and of the examples, and all formats of them."""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from builders import plan, present

from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.resources import Desired, LiveResource
from reconciler.manifest.loading import load_manifests
from reconciler.render.graph.build import planned_graph, resource_graph
from reconciler.render.graph.formats import GRAPH_FORMATS
from reconciler.render.graph.model import Graph
from reconciler.render.terminal import Layout

ROOT = Path(__file__).parent.parent
TOPOLOGIES = ROOT / "tests" / "journeys" / "topologies"
NAMES = sorted(directory.name for directory in TOPOLOGIES.iterdir())
GUARDS = GuardSettings(policy=Policy.SYNC, max_deletes=99)
SUFFIXES = {"text": "txt", "mermaid": "mmd", "dot": "dot", "svg": "svg", "json": "json"}
# The picture in the manual.
PICTURE = ROOT / "docs" / "graph.svg"


def loaded(*files: Path) -> tuple[Desired, ...]:
    """Return the resources of some manifests."""
    result = load_manifests((str(file), file.read_bytes()) for file in files)
    assert result.valid, result.diagnostics
    return result.desired


def live(resources: Iterable[Desired]) -> list[LiveResource]:
    """Return live resources as their manifests have them."""
    return [
        present(str(it.key), it.spec, tags=it.tags, account=it.key.mesh_owner or "123456789012")
        for it in resources
    ]


@cache
def topology_graph(name: str) -> Graph:
    """Return the graph of the plan that leads a topology from its first state to its second."""
    directory = TOPOLOGIES / name
    before, after = (
        loaded(directory / "kept.yaml", directory / f"{state}.yaml")
        for state in ("before", "after")
    )
    shared = {f"mesh/{it.key.path[0]}@{it.key.mesh_owner}" for it in after if it.key.mesh_owner}
    made = plan(*after, *live(before), guards=GUARDS, others=(*shared,))
    return planned_graph(made, after)


def examples_graph() -> Graph:
    """Return the graph of the shop in manifests/."""
    files = sorted((ROOT / "manifests" / "shop").glob("*.yaml"))
    return resource_graph({it.key: it.spec for it in loaded(*files)})


def rendered(graph: Graph, name: str, *, color: bool = False) -> str:
    """Return a graph in one format."""
    return GRAPH_FORMATS[name](graph, ExitCode.OK, Layout(color))


def _golden(topology: str, name: str) -> Callable[[], str]:
    return lambda: rendered(topology_graph(topology), name)


GOLDENS = {
    f"{topology}.{suffix}": _golden(topology, name)
    for topology in NAMES
    for name, suffix in SUFFIXES.items()
}
