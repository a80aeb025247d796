"""The proxy of a virtual gateway.

A listener rewrites host and path of a request, and forwards it to the egress listener of the same
proxy, which has the virtual hosts of the services.
"""

from reconciler.envoy import clusters, listeners, names
from reconciler.envoy.access_logs import access_logs
from reconciler.envoy.context import MeshContext
from reconciler.envoy.gateway_routes import (
    ANY_HOST,
    PORT_HEADER,
    SERVICE_HEADER,
    GatewayRoute,
    gateway_routes,
)
from reconciler.envoy.losses import Place, RefusedError
from reconciler.envoy.messages import Message, Part
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.routes import http_routes, virtual_host
from reconciler.envoy.services import TCP, Service
from reconciler.envoy.snapshot import Resource
from reconciler.envoy.targets import Target
from reconciler.envoy.tls import client_policy, downstream, server_tls

# App Mesh's listener was open to other machines, which could pass by the routes of the gateway.
_INSIDE = "127.0.0.1"


def gateway_proxy(context: MeshContext, gateway: Resource) -> ProxyConfig:
    """Return the configuration of the proxy of ``gateway``."""
    config = ProxyConfig(gateway.key)
    place = Place(config.losses, gateway.key)
    logs = access_logs(gateway.spec, place)
    mappings = [listener["portMapping"] for listener in gateway.spec.get("listeners", ())]
    ports = {mapping["port"]: mapping["protocol"] for mapping in mappings}
    routes: list[GatewayRoute] = []
    seen = {names.EGRESS_PORT}
    for index, listener in enumerate(gateway.spec.get("listeners", ())):
        at = place / "listeners" / index
        port = listener["portMapping"]["port"]
        if "healthCheck" in listener:
            (at / "healthCheck").info("no proxy calls a gateway, so none checks it")
        if port in seen:
            (at / "portMapping" / "port").refuse("another listener of the proxy has this port")
            continue
        seen.add(port)
        found = gateway_routes(context, gateway, port, ports, config.losses)
        routes += found
        _add_listener(context, gateway, config, listener, routes=found, place=at, logs=logs)
    _add_egress(context, gateway, config, routes, logs)
    return config


def _add_listener(
    context: MeshContext,
    gateway: Resource,
    config: ProxyConfig,
    listener: Part,
    *,
    routes: list[GatewayRoute],
    place: Place,
    logs: list[Message],
) -> None:
    port, protocol = listener["portMapping"]["port"], listener["portMapping"]["protocol"]
    try:
        socket = downstream(listener, context.acm, place) if server_tls(listener) else None
    except RefusedError:
        return
    has_others = len(gateway.spec["listeners"]) > 1
    cluster = clusters.self_redirect_cluster(
        context, gateway, listener, has_others=has_others, place=place
    )
    config.add_cluster(cluster)
    table = names.route_table("ingress", protocol, port)
    config.add_route_table(
        {
            "name": table,
            "virtual_hosts": _virtual_hosts(context, config, routes, cluster["name"]),
            "ignore_port_in_host_matching": True,
        }
    )
    prefix = listeners.ingress_prefix(gateway.spec["listeners"], protocol, port)
    manager = listeners.http_manager(prefix, table, logs)
    host = listeners.wildcard_address(clusters.ip_preference(context, {}))
    is_permissive = socket is not None and listener["tls"]["mode"] == "PERMISSIVE"
    chains = [listeners.chain(manager, {}, socket)]
    if is_permissive:
        chains = [
            listeners.chain(manager, {"transport_protocol": "tls"}, socket),
            listeners.chain(manager, {"transport_protocol": "raw_buffer"}),
        ]
    filters = listeners.tls_inspector(None if is_permissive else [])
    config.add_listener(listeners.listener("ingress", host, port, chains, filters))


def _virtual_hosts(
    context: MeshContext, config: ProxyConfig, routes: list[GatewayRoute], cluster: str
) -> list[Message]:
    hosts: dict[str, list[Message]] = {}
    for route in routes:
        messages = route.messages(context, cluster, config.losses)
        hosts.setdefault(route.domain, []).extend(messages)
    if len(hosts) > 1:
        for route in routes:
            if route.domain == ANY_HOST:
                (route.route.place / "match").info(
                    "it is not used for a host that has routes of its own"
                )
    return [
        {"name": domain, "domains": [domain], "routes": messages}
        for domain, messages in hosts.items()
    ]


def _add_egress(
    context: MeshContext,
    gateway: Resource,
    config: ProxyConfig,
    routes: list[GatewayRoute],
    logs: list[Message],
) -> None:
    policy = client_policy(
        gateway.spec.get("backendDefaults", {}).get("clientPolicy", {}),
        context.acm,
        Place(config.losses, gateway.key) / "backendDefaults" / "clientPolicy",
    )
    kept: dict[str, list[Message]] = {}
    hosts: dict[str, Message] = {}
    for route in routes:
        service = route.service
        if service.name not in hosts:
            messages, targets = _service_routes(context, config, service)
            config.add_egress(clusters.egress_clusters(context, targets, policy, config.losses))
            hosts[service.name] = virtual_host(service.name, service.ports, messages)
        if route.keeps_host:
            messages = hosts[service.name]["routes"]
            kept[service.name] = [_with_header(it, SERVICE_HEADER, service.name) for it in messages]
    by_header = [message for messages in kept.values() for message in messages]
    table = names.route_table("egress", "http", names.EGRESS_PORT)
    virtual_hosts = [{**host, "routes": by_header + host["routes"]} for host in hosts.values()]
    if by_header:
        virtual_hosts.append({"name": "kept-hosts", "domains": [ANY_HOST], "routes": by_header})
    config.add_route_table({"name": table, "virtual_hosts": virtual_hosts})
    chains = [listeners.chain(listeners.http_manager("egress", table, logs), {})]
    config.add_listener(listeners.listener("egress", _INSIDE, names.EGRESS_PORT, chains, []))


def _service_routes(
    context: MeshContext, config: ProxyConfig, service: Service
) -> tuple[list[Message], tuple[Target, ...]]:
    """Return the routes of all HTTP ports of a service; those of several are told by a header."""
    messages: list[Message] = []
    targets: list[Target] = []
    for port, protocol in service.ports.items():
        if protocol == TCP:
            continue
        found = http_routes(context, service, port, "", config.losses)
        several = len(service.ports) > 1
        messages += (
            _with_header(message, PORT_HEADER, str(port)) if several else message
            for message in found.messages
        )
        targets += found.targets
    return messages, tuple(targets)


def _with_header(route: Message, name: str, value: str) -> Message:
    """Return ``route`` for requests with a header of the gateway, which it removes."""
    match = route["match"]
    condition = {"name": name, "string_match": {"exact": value}}
    return {
        **route,
        "match": {**match, "headers": [condition, *match.get("headers", ())]},
        "request_headers_to_remove": [*route.get("request_headers_to_remove", ()), name],
    }
