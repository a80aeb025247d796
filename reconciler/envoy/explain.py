"""The configuration of one proxy for a reader: its ports, its routing tables and its clusters."""

from collections.abc import Iterator
from typing import Any

from reconciler.envoy import names
from reconciler.envoy.losses import Loss
from reconciler.envoy.messages import Message
from reconciler.envoy.proxy import ProxyConfig

_MATCHERS = ("exact", "prefix", "suffix")


def explain(config: ProxyConfig) -> list[str]:
    """Return the lines of the explanation, indented by their level."""
    lines = [f"{config.key}  {names.node_id(config.key)}"]
    for listener in config.listeners.values():
        lines += ["", *_listener(config, listener)]
    lines += ["", "Clusters"]
    lines += [
        f"  {line}" for cluster in config.clusters.values() for line in _cluster(config, cluster)
    ]
    lines += ["", "Losses", *(f"  {line}" for line in map(describe_loss, config.losses))]
    return lines if config.losses else [*lines, "  none"]


def describe_loss(loss: Loss) -> str:
    """Return a loss as one line."""
    return f"{loss.grade.value}  {loss.key} {loss.path or '/'}: {loss.words}"


def _listener(config: ProxyConfig, listener: Message) -> Iterator[str]:
    address = _address(listener["address"])
    yield f"{listener['name']}  listens on {address}"
    for chain in listener["filter_chains"]:
        yield from _chain(config, _chain_match(chain), chain)
    if "default_filter_chain" in listener:
        yield from _chain(config, "every other port", listener["default_filter_chain"])
    elif listener["traffic_direction"] == "OUTBOUND" and "listener_filters" in listener:
        yield "  every other port: closed"


def _chain_match(chain: Message) -> str:
    match = chain.get("filter_chain_match", {})
    port = f"port {match['destination_port']}" if "destination_port" in match else "all"
    server_names = match.get("server_names", [])
    protocol = {"tls": "TLS", "raw_buffer": "plain text"}.get(match.get("transport_protocol", ""))
    return ", ".join([port, *server_names, *([protocol] if protocol else [])])


def _chain(config: ProxyConfig, match: str, chain: Message) -> Iterator[str]:
    tls = " with TLS" if "transport_socket" in chain else ""
    manager = chain["filters"][0]["typed_config"]
    if "rds" not in manager:
        yield f"  {match}{tls}: connections to {_targets(manager)}{_idle(manager)}"
        return
    yield f"  {match}{tls}: requests by {manager['rds']['route_config_name']}"
    table = config.route_tables[manager["rds"]["route_config_name"]]
    for host in table["virtual_hosts"]:
        yield f"    host {', '.join(host['domains'])}"
        routes = host["routes"]
        yield from (f"      {number}  {_route(route)}" for number, route in enumerate(routes, 1))
        if not routes:
            yield "      no route: 404"


def _route(route: Message) -> str:
    match = " and ".join([_path(route["match"]), *_conditions(route["match"])])
    if "direct_response" in route:
        return f"{match} -> status {route['direct_response']['status']}"
    action = route["route"]
    parts = [f"{match} -> {_targets(action)}", f"timeout {action['timeout']}"]
    parts += _rewrites(action)
    if retry := action.get("retry_policy"):
        parts.append(f"retries {retry['num_retries']} on {retry['retry_on']}")
    return "; ".join(parts) + _idle(action)


def _rewrites(action: Message) -> Iterator[str]:
    if "host_rewrite_literal" in action:
        yield f"host becomes {action['host_rewrite_literal']}"
    if "prefix_rewrite" in action:
        yield f"path becomes {action['prefix_rewrite']}"
    if "regex_rewrite" in action:
        yield f"path becomes {action['regex_rewrite']['substitution']}"


def _idle(action: Message) -> str:
    return f"; idle timeout {action['idle_timeout']}" if "idle_timeout" in action else ""


def _path(match: Message) -> str:
    if "path" in match:
        return f"path {match['path']}"
    if "safe_regex" in match:
        return f"path ~ {match['safe_regex']['regex']}"
    return f"prefix {match['prefix']}"


def _conditions(match: Message) -> Iterator[str]:
    for kind in ("headers", "query_parameters"):
        word = "header" if kind == "headers" else "query"
        for item in match.get(kind, ()):
            no = "not " if item.get("invert_match") else ""
            yield f"{no}{word} {item['name']}{_value(item)}"


def _value(item: Message) -> str:
    if "range_match" in item:
        return f" from {item['range_match']['start']} below {item['range_match']['end']}"
    matcher = item.get("string_match", {})
    for kind in _MATCHERS:
        if kind in matcher:
            return f" {'is' if kind == 'exact' else f'has {kind}'} {matcher[kind]}"
    return f" ~ {matcher['safe_regex']['regex']}" if matcher else " is present"


def _targets(action: Message) -> str:
    if "cluster" in action:
        return str(action["cluster"])
    choices = action["weighted_clusters"]["clusters"]
    total = sum(choice["weight"] for choice in choices)
    return ", ".join(f"{it['name']} {it['weight'] / total:.0%}" for it in choices)


def _cluster(config: ProxyConfig, cluster: Message) -> Iterator[str]:
    assignment = config.endpoints.get(cluster["name"]) or cluster.get("load_assignment", {})
    groups: list[Any] = assignment.get("endpoints", [])
    found = [
        _address(it["endpoint"]["address"]) for group in groups for it in group["lb_endpoints"]
    ]
    where = "the original destination" if cluster["type"] == "ORIGINAL_DST" else "no endpoint: 503"
    parts = [cluster["type"], ", ".join(found) or where]
    if socket := cluster.get("transport_socket"):
        context = socket["typed_config"]["common_tls_context"]
        validated = any("validation_context" in field for field in context)
        parts.append("TLS, validated" if validated else "TLS, not validated")
    parts += [
        it.replace("_", " ") for it in ("health_checks", "outlier_detection") if it in cluster
    ]
    yield f"{cluster['name']}  {'; '.join(parts)}"


def _address(address: Message) -> str:
    socket = address["socket_address"]
    host = f"[{socket['address']}]" if ":" in socket["address"] else socket["address"]
    return f"{host}:{socket['port_value']}"
