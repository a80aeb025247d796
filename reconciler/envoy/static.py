"""A bootstrap that holds the whole configuration of a proxy, for ``envoy --mode validate``."""

from collections.abc import Mapping
from typing import Any

from reconciler.envoy import names
from reconciler.envoy.messages import Message
from reconciler.envoy.names import SDS_CLUSTER
from reconciler.envoy.proxy import ProxyConfig


def static_bootstrap(config: ProxyConfig) -> Message:
    """Return a bootstrap with the resources of ``config`` in it, without any other source.

    Access logs go nowhere, because Envoy opens them even to validate.
    """
    clusters = [_with_endpoints(config, cluster) for cluster in config.clusters.values()]
    listeners = [_with_routes(config, listener) for listener in config.listeners.values()]
    return {
        "node": {"id": names.node_id(config.key), "cluster": names.node_id(config.key)},
        "static_resources": {"clusters": [*clusters, sds_cluster()], "listeners": listeners},
        "layered_runtime": RUNTIME,
    }


def sds_cluster(path: str = "/tmp/sds.sock") -> Message:  # noqa: S108  # the agent's default
    """Return the cluster of the SDS server on a unix socket."""
    address = {"pipe": {"path": path}}
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": SDS_CLUSTER,
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": SDS_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


# Envoy's own limit of a regular expression is 100 instructions, less than App Mesh allowed.
RUNTIME: Message = {
    "layers": [
        {"name": "static", "static_layer": {"re2.max_program_size.error_level": 1000}},
        {"name": "admin", "admin_layer": {}},
    ]
}


def _with_endpoints(config: ProxyConfig, cluster: Message) -> Message:
    if cluster["type"] != "EDS":
        return cluster
    kept = {name: value for name, value in cluster.items() if name != "eds_cluster_config"}
    return {**kept, "type": "STATIC", "load_assignment": config.endpoints[cluster["name"]]}


def _with_routes(config: ProxyConfig, value: Any) -> Any:
    """Return ``value`` with route tables in place of their names."""
    if isinstance(value, list):
        return [_with_routes(config, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    found = {name: _with_routes(config, item) for name, item in value.items() if name != "rds"}
    if value.get("@type", "").endswith(".FileAccessLog"):
        found["path"] = "/dev/null"
    if "rds" in value:
        table = config.route_tables[value["rds"]["route_config_name"]]
        found["route_config"] = {**table, "validate_clusters": False}
    return found
