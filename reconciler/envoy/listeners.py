"""Listeners and their filter chains: HTTP connection managers and TCP proxies."""

from collections.abc import Iterable

from reconciler.envoy import names
from reconciler.envoy.messages import ADS, Message, Part, address, extension

_HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TCP_PROXY = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_ORIGINAL_DST = extension(
    "envoy.filters.listener.original_dst",
    "envoy.extensions.filters.listener.original_dst.v3.OriginalDst",
)
_ROUTER = extension("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")


def http_manager(stat_prefix: str, route_table: str, logs: list[Message]) -> Message:
    """Return the filter that serves HTTP by a route table, with App Mesh's settings."""
    return extension(
        "envoy.filters.network.http_connection_manager",
        _HCM,
        {
            "stat_prefix": stat_prefix,
            "rds": {"config_source": ADS, "route_config_name": route_table},
            "http_filters": [_ROUTER],
            "normalize_path": True,
            "merge_slashes": True,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "tracing": {},
            **({"access_log": logs} if logs else {}),
        },
    )


def tcp_proxy(stat_prefix: str, target: Message, logs: list[Message]) -> Message:
    """Return the filter that forwards a connection; ``target`` has its clusters and timeout."""
    return extension(
        "envoy.filters.network.tcp_proxy",
        _TCP_PROXY,
        {"stat_prefix": stat_prefix, **target, **({"access_log": logs} if logs else {})},
    )


def chain(network_filter: Message, match: Message, socket: Message | None = None) -> Message:
    """Return a filter chain."""
    return {
        **({"filter_chain_match": match} if match else {}),
        "filters": [network_filter],
        **({"transport_socket": socket} if socket else {}),
    }


def listener(
    direction: str,
    host: str,
    port: int,
    chains: list[Message],
    filters: list[Message],
) -> Message:
    """Return a listener; ``direction`` is ingress or egress."""
    compatible = {"ipv4_compat": True} if host == "::" else {}
    return {
        "name": names.listener(direction, host, port),
        "address": address(host, port, **compatible),
        "traffic_direction": "INBOUND" if direction == "ingress" else "OUTBOUND",
        **({"listener_filters": filters} if filters else {}),
        "filter_chains": chains,
    }


def redirected_filters(tls_ports: Iterable[int]) -> list[Message]:
    """Return the listener filters behind the redirect.

    The inspection of TLS waits for the first bytes of a client, so it would stop protocols in which
    the server sends first. It is only on ``tls_ports``.
    """
    return [_ORIGINAL_DST, *tls_inspector(sorted(set(tls_ports)))]


def tls_inspector(ports: list[int] | None) -> list[Message]:
    """Return the filter that recognizes TLS on some ports; None for all ports."""
    if ports == []:
        return []
    inspector = extension(
        "envoy.filters.listener.tls_inspector",
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
    )
    if ports is None:
        return [inspector]
    rules = [{"destination_port_range": {"start": port, "end": port + 1}} for port in ports]
    selected = rules[0] if len(rules) == 1 else {"or_match": {"rules": rules}}
    return [{**inspector, "filter_disabled": {"not_match": selected}}]


def ingress_prefix(listeners: list[Part], protocol: str, port: int) -> str:
    """Return the prefix of the statistics of a listener."""
    return "ingress" if len(listeners) == 1 else f"ingress.{protocol}.{port}"


def wildcard_address(preference: str) -> str:
    """Return the address that a proxy listens on: IPv6 too if there is any IP preference."""
    return "::" if preference else "0.0.0.0"  # noqa: S104  # a proxy serves other machines
