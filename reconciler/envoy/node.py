"""The proxy of a virtual node: the listeners behind the redirect of its task."""

from typing import NamedTuple

from reconciler.envoy import clusters, listeners, names
from reconciler.envoy.access_logs import access_logs
from reconciler.envoy.context import MeshContext
from reconciler.envoy.losses import Loss, Place, RefusedError
from reconciler.envoy.messages import Message, Part
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.routes import service_host, tcp_target
from reconciler.envoy.services import TCP, Service, find_service
from reconciler.envoy.snapshot import Resource
from reconciler.envoy.timeouts import listener_timeouts
from reconciler.envoy.tls import ClientPolicy, client_policy, downstream, server_tls

HTTPS_PORT = 443
_AWS_NAMES = "*.amazonaws.com"


class _Egress(NamedTuple):
    """One port of a service, as callers with one policy see it.

    Attributes:
        is_tcp: Whether the port is for the service alone.
        message: The virtual host of the service, or the target of its TCP connections.
        clusters: The clusters of its targets.
        losses: The losses of these.
    """

    service: str
    is_tcp: bool
    message: Message
    clusters: tuple[clusters.Cluster, ...]
    losses: tuple[Loss, ...]


def node_proxy(context: MeshContext, node: Resource) -> ProxyConfig:
    """Return the configuration of the proxy of ``node``."""
    config = ProxyConfig(node.key)
    place = Place(config.losses, node.key)
    logs = access_logs(node.spec, place)
    host = listeners.wildcard_address(clusters.ip_preference(context, node.spec))
    _add_ingress(context, node, config, logs, host)
    _add_egress(context, node, config, logs, host)
    return config


def _add_ingress(
    context: MeshContext, node: Resource, config: ProxyConfig, logs: list[Message], host: str
) -> None:
    loopback = clusters.loopback(clusters.ip_preference(context, node.spec))
    chains: list[Message] = []
    ports: set[int] = set()
    tls_ports: set[int] = set()
    for index, listener in enumerate(node.spec.get("listeners", ())):
        place = Place(config.losses, node.key) / "listeners" / index
        port, protocol = listener["portMapping"]["port"], listener["portMapping"]["protocol"]
        if port in ports:
            (place / "portMapping" / "port").refuse("another listener has this port")
            continue
        ports.add(port)
        try:
            socket = downstream(listener, context.acm, place) if server_tls(listener) else None
        except RefusedError:
            continue
        name = names.ingress_cluster(context.name, node.key.name, protocol, port)
        config.add_cluster(clusters.local_cluster(name, loopback, port, listener, place))
        prefix = listeners.ingress_prefix(node.spec["listeners"], protocol, port)
        network_filter = _ingress_filter(config, listener, place, name, prefix=prefix, logs=logs)
        chains += _ingress_chains(listener, network_filter, socket, place)
        tls_ports |= {port} if socket else set()
    if chains:
        filters = listeners.redirected_filters(tls_ports)
        config.add_listener(
            listeners.listener("ingress", host, names.INGRESS_PORT, chains, filters)
        )


def _ingress_filter(
    config: ProxyConfig,
    listener: Part,
    place: Place,
    cluster: str,
    *,
    prefix: str,
    logs: list[Message],
) -> Message:
    port, protocol = listener["portMapping"]["port"], listener["portMapping"]["protocol"]
    timeouts = listener_timeouts(listener, place)
    if protocol == TCP:
        return listeners.tcp_proxy(prefix, {"cluster": cluster, **timeouts.tcp_message}, logs)
    table = names.route_table("ingress", protocol, port)
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, **timeouts.message}}
    host = {"name": table, "domains": ["*"], "routes": [route]}
    config.add_route_table({"name": table, "virtual_hosts": [host]})
    return listeners.http_manager(prefix, table, logs)


def _ingress_chains(
    listener: Part, network_filter: Message, socket: Message | None, place: Place
) -> list[Message]:
    port = {"destination_port": listener["portMapping"]["port"]}
    if socket is None:
        return [listeners.chain(network_filter, port)]
    chains = [listeners.chain(network_filter, {**port, "transport_protocol": "tls"}, socket)]
    if listener["tls"]["mode"] == "PERMISSIVE":
        if listener["portMapping"]["protocol"] == TCP:
            (place / "tls" / "mode").warn(
                "Envoy waits for the client to see whether it speaks TLS, so a protocol in which "
                "the server sends first does not work"
            )
        plain = {**port, "transport_protocol": "raw_buffer"}
        chains.append(listeners.chain(network_filter, plain))
    return chains


def _add_egress(
    context: MeshContext, node: Resource, config: ProxyConfig, logs: list[Message], host: str
) -> None:
    allow_all = context.mesh_field("egressFilter").get("type") == "ALLOW_ALL"
    outside = names.allow_all(context.name)
    chains: list[Message] = []
    tls_ports = {HTTPS_PORT}
    for port, services in _egress_ports(context, node, config).items():
        for service in services:
            config.losses.extend(service.losses)
            config.add_egress(service.clusters)
        if services[0].is_tcp:
            proxy = listeners.tcp_proxy("egress", services[0].message, logs)
            chains.append(listeners.chain(proxy, {"destination_port": port}))
            continue
        hosts = [service.message for service in services]
        if allow_all:
            hosts.append(_outside_host(outside))
            tls_ports.add(port)
            match = {"destination_port": port, "transport_protocol": "tls"}
            chains.append(listeners.chain(_pass_through(outside, logs), match))
        table = names.route_table("egress", "http", port)
        config.add_route_table({"name": table, "virtual_hosts": hosts})
        manager = listeners.http_manager("egress", table, logs)
        chains.append(listeners.chain(manager, {"destination_port": port}))
    aws = names.amazonaws(context.name)
    config.add_cluster(clusters.pass_through_cluster(aws))
    match = {"destination_port": HTTPS_PORT, "server_names": [_AWS_NAMES]}
    chains.append(listeners.chain(_pass_through(aws, logs), match))
    filters = listeners.redirected_filters(tls_ports)
    listener = listeners.listener("egress", host, names.EGRESS_PORT, chains, filters)
    if allow_all:
        config.add_cluster(clusters.pass_through_cluster(outside))
        listener["default_filter_chain"] = listeners.chain(_pass_through(outside, logs), {})
    config.add_listener(listener)


def _egress_ports(
    context: MeshContext, node: Resource, config: ProxyConfig
) -> dict[int, list[_Egress]]:
    """Return the services on each port: HTTP services, or one TCP service."""
    default = client_policy(
        node.spec.get("backendDefaults", {}).get("clientPolicy", {}),
        context.acm,
        Place(config.losses, node.key) / "backendDefaults" / "clientPolicy",
    )
    ports: dict[int, list[_Egress]] = {}
    seen: set[str] = set()
    for index, item in enumerate(node.spec.get("backends", ())):
        backend = item.get("virtualService", {})
        # AWS's text allows the ARN of a service in place of its name.
        name = backend.get("virtualServiceName", "").rpartition("/")[2]
        policy, suffix = default, ""
        if "clientPolicy" in backend:
            at = _backend_place(node, config, index) / "clientPolicy"
            policy = client_policy(backend["clientPolicy"], context.acm, at)
            suffix = policy.suffix(default)
        found = context.share(config.losses, _backend, name, suffix, policy)
        if found is None:
            (_backend_place(node, config, index) / "virtualServiceName").warn(
                "callers cannot reach a virtual service of this name"
            )
        elif name in seen:
            _backend_place(node, config, index).warn(
                "the service is there twice; the first backend counts"
            )
        else:
            seen.add(name)
            _add_ports(ports, found, _backend_place(node, config, index))
    return ports


def _add_ports(ports: dict[int, list[_Egress]], service: dict[int, _Egress], place: Place) -> None:
    """Add the ports of a service; refuse each that an earlier service does not share."""
    for port, egress in service.items():
        others = ports.setdefault(port, [])
        if others and (others[0].is_tcp or egress.is_tcp):
            place.refuse(
                f"{others[0].service} has port {port} already, and a port is for one tcp "
                "service, or for http services; connections go to the first backend"
            )
        else:
            others.append(egress)


def _backend_place(node: Resource, config: ProxyConfig, index: int) -> Place:
    return Place(config.losses, node.key) / "backends" / index / "virtualService"


def _backend(
    context: MeshContext, name: str, suffix: str, policy: ClientPolicy, losses: list[Loss]
) -> dict[int, _Egress] | None:
    service = find_service(context, name, losses)
    if service is None:
        return None
    return {port: _egress(context, service, port, suffix, policy) for port in service.ports}


def _egress(
    context: MeshContext, service: Service, port: int, suffix: str, policy: ClientPolicy
) -> _Egress:
    losses: list[Loss] = []
    is_tcp = service.ports[port] == TCP
    translate = tcp_target if is_tcp else service_host
    found = translate(context, service, port, suffix, losses)
    called = clusters.egress_clusters(context, found.targets, policy, losses)
    return _Egress(service.name, is_tcp, found.message, called, tuple(losses))


def _pass_through(cluster: str, logs: list[Message]) -> Message:
    return listeners.tcp_proxy("egress", {"cluster": cluster}, logs)


def _outside_host(cluster: str) -> Message:
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    return {"name": "mesh-allow-all", "domains": ["*"], "routes": [route]}
