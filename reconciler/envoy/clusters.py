"""Clusters: the nodes that a proxy calls, and the application next to it."""

from dataclasses import dataclass

from reconciler.core.envoy_syntax import UINT32_MAX
from reconciler.envoy import names
from reconciler.envoy.context import MeshContext
from reconciler.envoy.health import health_checks, outlier_detection
from reconciler.envoy.losses import Loss, Place, RefusedError
from reconciler.envoy.messages import (
    ADS,
    UNLIMITED,
    Message,
    Part,
    address,
    bounded,
    typed,
)
from reconciler.envoy.snapshot import Instance, Resource, cloud_map_query
from reconciler.envoy.targets import Target
from reconciler.envoy.tls import ClientPolicy, upstream

HTTP2_PROTOCOLS = ("http2", "grpc")
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_LIMITS = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
_POOLS = {
    "maxConnections": "max_connections",
    "maxPendingRequests": "max_pending_requests",
    "maxRequests": "max_requests",
}
_DNS_TYPES = {"LOADBALANCER": "LOGICAL_DNS", "ENDPOINTS": "STRICT_DNS"}
_DNS_FAMILIES = {
    "": "AUTO",
    "IPv4_PREFERRED": "V4_PREFERRED",
    "IPv6_PREFERRED": "AUTO",
    "IPv4_ONLY": "V4_ONLY",
    "IPv6_ONLY": "V6_ONLY",
}
# The order in which a caller takes the addresses of an instance.
_ADDRESSES = {
    "": ("ipv4", "ipv6"),
    "IPv4_PREFERRED": ("ipv4", "ipv6"),
    "IPv6_PREFERRED": ("ipv6", "ipv4"),
    "IPv4_ONLY": ("ipv4",),
    "IPv6_ONLY": ("ipv6",),
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, and its endpoints if they are sent apart."""

    message: Message
    endpoints: Message | None = None


def ip_preference(context: MeshContext, spec: Part) -> str:
    """Return the IP preference of a node with ``spec``, or of its mesh; empty without one."""
    discovery = spec.get("serviceDiscovery", {})
    own = (discovery.get("dns") or discovery.get("awsCloudMap") or {}).get("ipPreference")
    return str(own or context.mesh_field("serviceDiscovery").get("ipPreference", ""))


def loopback(preference: str) -> str:
    """Return the address of an application next to its proxy."""
    return "::1" if preference in ("IPv6_ONLY", "IPv6_PREFERRED") else "127.0.0.1"


def local_cluster(name: str, host: str, port: int, listener: Part, place: Place) -> Message:
    """Return a cluster with one address of this machine and the connection pool of a listener."""
    pool = listener.get("connectionPool", {})
    limits = {
        _POOLS[field]: bounded(value, UINT32_MAX, place / "connectionPool" / kind / field)
        for kind, fields in pool.items()
        for field, value in fields.items()
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.250s",
        "load_assignment": _assignment(name, [_endpoint(host, port)]),
        "circuit_breakers": _circuit_breakers(limits),
        **protocol_options(listener["portMapping"]["protocol"]),
    }


def empty_cluster(name: str) -> Cluster:
    """Return a cluster that answers 503, for a target that is refused or cannot be found."""
    static = {"type": "STATIC", "connect_timeout": "1s", "load_assignment": _assignment(name, [])}
    return Cluster({"name": name, **static})


def pass_through_cluster(name: str) -> Message:
    """Return a cluster that connects to the address that a client meant."""
    return {
        "name": name,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "1s",
        "circuit_breakers": _circuit_breakers({}),
    }


def egress_clusters(
    context: MeshContext, targets: tuple[Target, ...], policy: ClientPolicy, losses: list[Loss]
) -> tuple[Cluster, ...]:
    """Return the clusters of targets as callers with ``policy`` see them, who share them."""
    return context.share(losses, _egress_clusters, targets, policy)


def protocol_options(protocol: str) -> Message:
    """Return the fields of a cluster that make Envoy speak the protocol of a listener."""
    if protocol not in HTTP2_PROTOCOLS:
        return {}
    options = typed(_HTTP_OPTIONS, {"explicit_http_config": {"http2_protocol_options": {}}})
    return {"typed_extension_protocol_options": {_HTTP_OPTIONS: options}}


def _egress_clusters(
    context: MeshContext, targets: tuple[Target, ...], policy: ClientPolicy, losses: list[Loss]
) -> tuple[Cluster, ...]:
    return tuple(context.share(losses, _egress_cluster, target, policy) for target in targets)


def _egress_cluster(
    context: MeshContext, target: Target, policy: ClientPolicy, losses: list[Loss]
) -> Cluster:
    node, index, name = context.node(target.node), target.listener, target.cluster
    if node is None or index is None:
        return empty_cluster(name)
    listener = node.spec["listeners"][index]
    port, protocol = listener["portMapping"]["port"], listener["portMapping"]["protocol"]
    place = Place(losses, node.key)
    try:
        host, discovery = _discovery(node, place)
        socket = upstream(policy, listener, host, context.acm, place / "listeners" / index)
    except RefusedError:
        return empty_cluster(name)
    message: Message = {
        "name": name,
        **discovery,
        "connect_timeout": "1s",
        "circuit_breakers": _circuit_breakers({}),
        **protocol_options(protocol),
        **health_checks(listener, host, place / "listeners" / index),
        **outlier_detection(listener, place / "listeners" / index),
        **({"transport_socket": socket} if socket else {}),
    }
    health_port = listener.get("healthCheck", {}).get("port", port)
    preference = ip_preference(context, node.spec)
    if discovery["type"] == "EDS":
        instances = context.instances(cloud_map_query(node.spec["serviceDiscovery"]["awsCloudMap"]))
        if instances is None:
            # An empty list would take the last known endpoints from the proxy.
            return Cluster(message)
        hosts = _instance_addresses(instances, preference, place)
        endpoints = [_endpoint(address, port, health_port) for address in hosts]
        return Cluster(message, _assignment(name, endpoints))
    message["dns_lookup_family"] = _DNS_FAMILIES[preference]
    message["load_assignment"] = _assignment(name, [_endpoint(host, port, health_port)])
    return Cluster(message)


def _circuit_breakers(limits: dict[str, int]) -> Message:
    return {"thresholds": [{**dict.fromkeys(_LIMITS, UNLIMITED), **limits}]}


def _assignment(name: str, endpoints: list[Message]) -> Message:
    groups = [{"lb_endpoints": endpoints}] if endpoints else []
    return {"cluster_name": name, "endpoints": groups}


def _endpoint(host: str, port: int, health_port: int | None = None) -> Message:
    checked = {} if health_port in (None, port) else {"port_value": health_port}
    health = {"health_check_config": checked} if checked else {}
    return {"endpoint": {"address": address(host, port), **health}}


def _discovery(node: Resource, place: Place) -> tuple[str, Message]:
    """Return the host name of a node, and the fields of a cluster that find its endpoints.

    Raises:
        RefusedError: The node has no service discovery.
    """
    discovery = node.spec.get("serviceDiscovery", {})
    place /= "serviceDiscovery"
    match discovery:
        case {"awsCloudMap": {"serviceName": service, "namespaceName": namespace}}:
            eds = {"eds_config": ADS}
            return f"{service}.{namespace}", {"type": "EDS", "eds_cluster_config": eds}
        case {"dns": {"hostname": hostname, **rest}} if hostname.removesuffix("."):
            kind = _DNS_TYPES[str(rest.get("responseType", "LOADBALANCER"))]
            if kind == "LOGICAL_DNS" and _has_outlier_detection(node):
                (place / "dns" / "responseType").info(
                    "with LOADBALANCER, Envoy knows one host, so outlier detection has no other"
                )
            return hostname.removesuffix("."), {"type": kind}
    place.warn("callers cannot find the node without service discovery and get 503")
    raise RefusedError


def _has_outlier_detection(node: Resource) -> bool:
    return any("outlierDetection" in listener for listener in node.spec["listeners"])


def _instance_addresses(
    instances: tuple[Instance, ...], preference: str, place: Place
) -> list[str]:
    found = sorted(filter(None, (_address_of(it, preference) for it in instances)))
    if not found:
        place = place / "serviceDiscovery" / "awsCloudMap"
        place.warn("no instance is known, so callers get 503: pass --instances or --cloud-map")
    return found


def _address_of(instance: Instance, preference: str) -> str:
    return next(filter(None, (getattr(instance, kind) for kind in _ADDRESSES[preference])), "")


def self_redirect_cluster(
    context: MeshContext, gateway: Resource, listener: Part, *, has_others: bool, place: Place
) -> Message:
    """Return the cluster from a gateway's listener to the egress listener of the same proxy."""
    port, protocol = listener["portMapping"]["port"], listener["portMapping"]["protocol"]
    name = names.self_redirect(
        context.name, gateway.key.name, protocol, port if has_others else None
    )
    return local_cluster(name, "127.0.0.1", names.EGRESS_PORT, listener, place)
