"""A graph as JSON."""

from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Json, canonical_json
from reconciler.core.topology import Edge
from reconciler.render.graph.model import Graph, Link, Node

SCHEMA = 1


def render_json(graph: Graph, code: ExitCode) -> str:
    """Return the graph as one line of JSON."""
    document: Json = {
        "exit_code": int(code),
        "exit_name": code.word,
        "graph": graph_document(graph),
    }
    return canonical_json(document) + "\n"


def graph_document(graph: Graph) -> dict[str, Json]:
    """Return the graph as a JSON object."""
    return {
        "schema": SCHEMA,
        "meshes": [{"key": str(key), "state": state} for key, state in graph.meshes.items()],
        "nodes": [_node(node) for node in graph.nodes.values()],
        "edges": [_link(link) for link in graph.links],
    }


def _node(node: Node) -> Json:
    key = node.key
    return {
        "key": str(key),
        "kind": key.kind,
        "name": key.name,
        "state": node.state,
        "ports": list(node.ports),
    }


def _link(link: Link) -> Json:
    ends: dict[str, Json] = {
        "source": str(link.edge.source),
        "target": str(link.edge.target),
        "state": link.state,
        **_side(link.edge),
    }
    return ends if link.before is None else {**ends, "before": _side(link.before)}


def _side(edge: Edge) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "match": edge.match or None,
        "port": edge.port,
        "priority": edge.priority,
        "weight": edge.weight,
        "share": None if edge.share is None else float(edge.share),
    }
    return {name: fact for name, fact in facts.items() if fact is not None}
