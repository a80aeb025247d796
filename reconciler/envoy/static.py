"""A bootstrap that holds the whole configuration of a proxy, for ``envoy --mode validate``."""

from collections.abc import Callable, Iterator
from typing import Any

from reconciler.envoy import names
from reconciler.envoy.bootstrap import RUNTIME, sds_cluster
from reconciler.envoy.messages import Message
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.tls import secret

# A validation makes no connection, so the path of the SDS server is of no importance.
_NO_SOCKET = "/sds.sock"


def static_bootstrap(config: ProxyConfig, is_file: Callable[[str], bool]) -> Message:
    """Return a bootstrap with the resources of ``config`` in it, without any other source.

    Access logs go nowhere, because Envoy opens them even to validate. Certificates for which
    ``is_file`` is false are taken to be secrets, because Envoy cannot validate without the files.
    """
    identity = names.node_id(config.key)
    clusters = [_with_endpoints(config, cluster) for cluster in config.clusters.values()]
    resources: Message = {
        "clusters": [*clusters, sds_cluster(_NO_SOCKET)],
        "listeners": [*config.listeners.values()],
    }
    return {
        "node": {"id": identity, "cluster": identity},
        "static_resources": _inlined(config, resources, is_file),
        "layered_runtime": RUNTIME,
    }


def certificate_files(config: ProxyConfig) -> list[str]:
    """Return the files with certificates and keys that the proxy reads."""
    return sorted({*_files([*config.clusters.values(), *config.listeners.values()])})


def _files(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("filename"), str):
            yield value["filename"]
        value = [*value.values()]
    if isinstance(value, list):
        for item in value:
            yield from _files(item)


def _with_endpoints(config: ProxyConfig, cluster: Message) -> Message:
    if cluster["type"] != "EDS":
        return cluster
    kept = {name: value for name, value in cluster.items() if name != "eds_cluster_config"}
    return {**kept, "type": "STATIC", "load_assignment": config.endpoints[cluster["name"]]}


def _inlined(config: ProxyConfig, value: Any, is_file: Callable[[str], bool]) -> Any:
    """Return ``value`` with route tables in place of their names, and without absent files."""
    if isinstance(value, list):
        return [_inlined(config, item, is_file) for item in value]
    if not isinstance(value, dict):
        return value
    if "rds" in value:
        table = config.route_tables[value["rds"]["route_config_name"]]
        value = {**value, "route_config": {**table, "validate_clusters": False}}
        del value["rds"]
    if value.get("@type", "").endswith(".FileAccessLog"):
        value = {**value, "path": "/dev/null"}
    if "tls_certificates" in value and not all(map(is_file, _files(value["tls_certificates"]))):
        value = {**value, "tls_certificate_sds_secret_configs": [secret("absent")]}
        del value["tls_certificates"]
    context = value.get("validation_context")
    if context and not all(map(is_file, _files(context))):
        rest = {name: field for name, field in context.items() if name != "trusted_ca"}
        absent = {"validation_context_sds_secret_config": secret("absent")}
        absent["default_validation_context"] = rest
        value = {**value, "combined_validation_context": absent}
        del value["validation_context"]
    return {name: _inlined(config, field, is_file) for name, field in value.items()}
