"""The bootstrap of a proxy: its identity, and the source of its configuration."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from reconciler.core.resources import Key
from reconciler.envoy import names
from reconciler.envoy.messages import ADS, Message, address, extension, typed

XDS_CLUSTER = "mesh-reconciler"
# The path that AWS's agent uses unless APPMESH_SDS_SOCKET_PATH is set otherwise.
SDS_SOCKET = "/run/sds.sock"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_MAX_CONNECTIONS = 50_000
# Without these, a new attempt of envoy_grpc to connect may wait for 30 seconds.
_BACK_OFF = {"retry_back_off": {"base_interval": "0.250s", "max_interval": "3s"}}

# Envoy's own limit of a regular expression is 100 instructions, less than App Mesh allowed.
RUNTIME: Message = {
    "layers": [
        {"name": "static", "static_layer": {"re2.max_program_size.error_level": 1000}},
        {"name": "admin", "admin_layer": {}},
    ]
}
_OVERLOAD: Message = {
    "resource_monitors": [
        extension(
            "envoy.resource_monitors.global_downstream_max_connections",
            "envoy.extensions.resource_monitors.downstream_connections.v3"
            ".DownstreamConnectionsConfig",
            {"max_active_downstream_connections": _MAX_CONNECTIONS},
        )
    ]
}


@dataclass(frozen=True, slots=True)
class Address:
    """A unix socket, or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def message(self) -> Message:
        """The address in a bootstrap."""
        if self.path:
            return {"pipe": {"path": self.path}}
        return address(self.host, self.port)


@dataclass(frozen=True, slots=True)
class XdsTls:
    """The files with which a proxy proves its identity to the server, and checks the server."""

    certificate_chain: str
    private_key: str
    trusted_ca: str


def file_bootstrap(
    key: Key, directory: PurePosixPath, admin: Address | None, *, uses_sds: bool
) -> Message:
    """Return the bootstrap of a proxy whose configuration is in the files of ``directory``."""
    sources = {
        f"{kind}_config": {
            "path_config_source": {"path": str(directory / f"{kind}.json")},
            "resource_api_version": "V3",
        }
        for kind in ("lds", "cds")
    }
    clusters = [sds_cluster(SDS_SOCKET)] if uses_sds else []
    return _bootstrap(key, sources, clusters, admin)


def xds_bootstrap(
    key: Key, server: Address, tls: XdsTls | None, admin: Address | None, *, uses_sds: bool
) -> Message:
    """Return the bootstrap of a proxy whose configuration comes from a server.

    Args:
        key: The key of the proxy.
        server: The address of the server.
        tls: The files for mutual TLS; None for a unix socket.
        admin: The address of Envoy's administration interface; None for none.
        uses_sds: Whether the configuration has certificates from an SDS server.
    """
    # Without a limit of the first fetch, an Envoy is not ready before it has its configuration.
    source = {**ADS, "initial_fetch_timeout": "0s"}
    service = {"envoy_grpc": {"cluster_name": XDS_CLUSTER, "retry_policy": _BACK_OFF}}
    ads = {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [service],
    }
    sources = {"lds_config": source, "cds_config": source, "ads_config": ads}
    clusters = [_xds_cluster(server, tls), *([sds_cluster(SDS_SOCKET)] if uses_sds else [])]
    return _bootstrap(key, sources, clusters, admin)


def sds_cluster(path: str) -> Message:
    """Return the cluster of the SDS server on a unix socket."""
    return _http2_cluster(names.SDS_CLUSTER, Address(path), {})


def _bootstrap(
    key: Key, sources: Message, clusters: list[Message], admin: Address | None
) -> Message:
    identity = names.node_id(key)
    return {
        "node": {"id": identity, "cluster": identity},
        **({"admin": {"address": admin.message}} if admin else {}),
        "dynamic_resources": sources,
        **({"static_resources": {"clusters": clusters}} if clusters else {}),
        "layered_runtime": RUNTIME,
        "overload_manager": _OVERLOAD,
    }


def _xds_cluster(server: Address, tls: XdsTls | None) -> Message:
    if tls is None:
        return _http2_cluster(XDS_CLUSTER, server, {})
    matcher = {"san_type": "DNS", "matcher": {"exact": server.host}}
    context: Message = {
        "sni": server.host,
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificates": [
                {
                    "certificate_chain": {"filename": tls.certificate_chain},
                    "private_key": {"filename": tls.private_key},
                }
            ],
            "validation_context": {
                "trusted_ca": {"filename": tls.trusted_ca},
                "match_typed_subject_alt_names": [matcher],
            },
        },
    }
    socket = extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        context,
    )
    return _http2_cluster(XDS_CLUSTER, server, {"transport_socket": socket})


def _http2_cluster(name: str, server: Address, more: Message) -> Message:
    keepalive = {"interval": "30s", "timeout": "5s"}
    options = {
        "explicit_http_config": {"http2_protocol_options": {"connection_keepalive": keepalive}}
    }
    endpoint = {"endpoint": {"address": server.message}}
    return {
        "name": name,
        "type": "STATIC" if server.path else "STRICT_DNS",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {_HTTP_OPTIONS: typed(_HTTP_OPTIONS, options)},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        **more,
    }
