"""The names of Envoy's resources, as App Mesh had them, and the ids of proxies."""

from reconciler.core.resources import Key

INGRESS_PORT = 15000
EGRESS_PORT = 15001
SDS_CLUSTER = "static_cluster_sds_unix_socket"
_TITLES = {"virtual-node": "virtualNode", "virtual-gateway": "virtualGateway"}
_KINDS = {title: kind for kind, title in _TITLES.items()}
_SHORT_ID_PARTS = 4


def listener(direction: str, address: str, port: int) -> str:
    """Return the name of a listener; ``direction`` is ingress or egress."""
    return f"lds_{direction}_{address}_{port}"


def route_table(direction: str, protocol: str, port: int) -> str:
    """Return the name of a route table."""
    return f"rds_{direction}_{protocol}_{port}"


def egress_cluster(mesh: str, node: str, protocol: str, port: int, suffix: str = "") -> str:
    """Return the name of the cluster of a node's callers."""
    return f"cds_egress_{mesh}_{node}_{protocol}_{port}{suffix}"


def refused_cluster(mesh: str, node: str) -> str:
    """Return the name of the cluster without endpoints of a target that is refused (chosen)."""
    return f"cds_egress_{mesh}_{node}_refused"


def ingress_cluster(mesh: str, node: str, protocol: str, port: int) -> str:
    """Return the name of the cluster of the application next to the proxy."""
    return f"cds_ingress_{mesh}_{node}_{protocol}_{port}"


def self_redirect(mesh: str, gateway: str, protocol: str, port: int | None) -> str:
    """Return the name of a gateway's cluster for its own egress listener.

    Args:
        mesh: The name of the mesh.
        gateway: The name of the gateway.
        protocol: The protocol of the listener.
        port: The port of the listener if the gateway has several.
    """
    listener_port = "" if port is None else f"{port}_"
    return f"cds_ingress_{mesh}_{gateway}_self_redirect_{listener_port}{protocol}_{EGRESS_PORT}"


def amazonaws(mesh: str) -> str:
    """Return the name of the cluster for the APIs of AWS."""
    return f"cds_egress_{mesh}_amazonaws"


def allow_all(mesh: str) -> str:
    """Return the name of the cluster for destinations outside of the mesh."""
    return f"cds_egress_{mesh}_mesh-allow-all"


def node_id(key: Key) -> str:
    """Return the id of a proxy without the part of its ARN before ``mesh/``."""
    owner = f"@{key.mesh_owner}" if key.mesh_owner else ""
    return f"mesh/{key.path[0]}{owner}/{_TITLES[key.kind]}/{key.name}"


def parse_node_id(text: str) -> Key | None:
    """Return the key of the proxy with that id, an ARN or its part from ``mesh/`` on, or None."""
    if text.startswith("arn:"):
        text = text.split(":", 5)[-1]
    parts = text.split("/")
    if len(parts) != _SHORT_ID_PARTS or parts[0] != "mesh" or parts[2] not in _KINDS:
        return None
    return Key.parse(f"{_KINDS[parts[2]]}/{parts[1]}/{parts[3]}") if all(parts) else None
