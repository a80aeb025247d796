"""The configuration of proxies as files that Envoy watches, one directory for each proxy.

Files bring no acknowledgment. So a change is published in three steps, with a grace between them:
new clusters beside the old ones, then listeners and routes, then without the old clusters.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from reconciler import limits
from reconciler.core.resources import Key, file_name_part, text_digest
from reconciler.envoy import names
from reconciler.envoy.messages import Message, typed
from reconciler.envoy.proxy import ProxyConfig

CLUSTERS = "cds.json"
LISTENERS = "lds.json"
BOOTSTRAP = "bootstrap.yaml"
_CLUSTER = "envoy.config.cluster.v3.Cluster"
_ENDPOINTS = "envoy.config.endpoint.v3.ClusterLoadAssignment"
_LISTENER = "envoy.config.listener.v3.Listener"
_ROUTE_TABLE = "envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True, slots=True)
class ProxyFiles:
    """The files of one proxy: their directory, and their contents by name."""

    directory: Path
    clusters: list[Message]
    endpoints: Mapping[str, str]
    routes: Mapping[str, str]
    listeners: str
    bootstrap: str

    @property
    def contents(self) -> Mapping[str, str]:
        """The contents of all files."""
        return {
            **self.endpoints,
            CLUSTERS: _response(_CLUSTER, self.clusters),
            **self.routes,
            LISTENERS: self.listeners,
            BOOTSTRAP: self.bootstrap,
        }


def proxy_directory(root: PurePosixPath, key: Key) -> PurePosixPath:
    """Return the directory of a proxy below ``root``."""
    owner = f"@{key.mesh_owner}" if key.mesh_owner else ""
    mesh, name = map(file_name_part, key.path)
    return root / f"{mesh}{owner}" / key.kind / name


def uses_sds(config: ProxyConfig) -> bool:
    """Whether the proxy needs certificates from an SDS server."""
    return names.SDS_CLUSTER in json.dumps([config.clusters, config.listeners])


def proxy_files(config: ProxyConfig, directory: Path, bootstrap: str) -> ProxyFiles:
    """Return the files of a proxy, which refer to each other by their paths in ``directory``."""
    endpoints = {
        _file("eds", name): _response(_ENDPOINTS, [message])
        for name, message in config.endpoints.items()
    }
    routes = {
        _file("rds", name): _response(_ROUTE_TABLE, [message])
        for name, message in config.route_tables.items()
    }
    clusters = [_with_paths(it, directory) for it in config.clusters.values()]
    listeners = [_with_paths(it, directory) for it in config.listeners.values()]
    return ProxyFiles(
        directory, clusters, endpoints, routes, _response(_LISTENER, listeners), bootstrap
    )


def publish(
    proxies: Iterable[ProxyFiles], may_go_on: Callable[[], bool] = lambda: True
) -> list[Path]:
    """Write the files of proxies, and return the directories with changes.

    Args:
        proxies: The files.
        may_go_on: Is called after each step that changed files, and waits until Envoys have read
            them. If it returns False, the next call finishes the change.

    Raises:
        OSError: A file could not be written. Each file is as before, or complete.
    """
    proxies = [*proxies]
    changed: dict[Path, None] = {}
    steps: tuple[Callable[[ProxyFiles], bool], ...] = (
        _add_clusters,
        _replace_routes,
        _remove_clusters,
    )
    for step in steps:
        written = [proxy.directory for proxy in proxies if step(proxy)]
        changed |= dict.fromkeys(written)
        if written and step is not _remove_clusters and not may_go_on():
            break
    return [*changed]


def _add_clusters(proxy: ProxyFiles) -> bool:
    proxy.directory.mkdir(parents=True, exist_ok=True)
    _remove_old_parts(proxy.directory)
    own = {cluster["name"] for cluster in proxy.clusters}
    old = [it for it in _read_clusters(proxy.directory / CLUSTERS) if it["name"] not in own]
    both = replace(proxy, clusters=[*proxy.clusters, *old])
    return _write(both, [*proxy.endpoints, CLUSTERS])


def _replace_routes(proxy: ProxyFiles) -> bool:
    return _write(proxy, [*proxy.routes, LISTENERS, BOOTSTRAP])


def _remove_clusters(proxy: ProxyFiles) -> bool:
    changed = _write(proxy, [CLUSTERS])
    kept = proxy.contents
    for kind in ("eds", "rds"):
        for path in proxy.directory.glob(f"{kind}.*.json"):
            if path.name not in kept:
                path.unlink()
                changed = True
    return changed


def _write(proxy: ProxyFiles, files: Iterable[str]) -> bool:
    """Write those of ``files`` that differ, each aside and renamed; return whether any did."""
    contents = proxy.contents
    changed = [it for it in files if not _has_content(proxy.directory / it, contents[it])]
    for name in changed:
        _replace(proxy.directory / name, contents[name])
    return bool(changed)


def _replace(path: Path, content: str) -> None:
    """Replace a file at once by one with another content."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(content, "utf-8")
        # An Envoy runs as a user of its own.
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def _remove_old_parts(directory: Path) -> None:
    """Remove the incomplete files of exports that were killed."""
    for part in directory.glob(".*.part"):
        if time.time() - part.stat().st_mtime > limits.ENVOY_PART_SECONDS:
            part.unlink(missing_ok=True)


def _has_content(path: Path, content: str) -> bool:
    try:
        return path.read_bytes() == content.encode()
    except (FileNotFoundError, IsADirectoryError):
        return False


def _read_clusters(path: Path) -> list[Message]:
    """Return the clusters in a file of an earlier run; none if there is no such file."""
    try:
        resources: list[Message] = json.loads(path.read_bytes())["resources"]
        return [{name: it[name] for name in it if name != "@type"} for it in resources]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def _response(name: str, messages: list[Message]) -> str:
    resources = [typed(name, message) for message in messages]
    version = text_digest(json.dumps(resources, sort_keys=True))
    return json.dumps({"version_info": version, "resources": resources}, indent=1) + "\n"


def _file(kind: str, name: str) -> str:
    return f"{kind}.{file_name_part(name)}.json"


def _with_paths(value: Any, directory: Path) -> Any:
    """Return ``value`` with the paths of files in place of the source ADS."""
    if isinstance(value, list):
        return [_with_paths(item, directory) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _with_paths(item, directory) for name, item in value.items()}
    if "eds_cluster_config" in value:
        source = _source(directory / _file("eds", value["name"]))
        found["eds_cluster_config"] = {"eds_config": source}
    if "rds" in value:
        table = value["rds"]["route_config_name"]
        found["rds"] = {**value["rds"], "config_source": _source(directory / _file("rds", table))}
    return found


def _source(path: Path) -> Message:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}
