"""Runs Envoy, and joins the configurations of many proxies to one that it can validate."""

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.resources import Key
from reconciler.envoy.messages import Message
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.static import static_bootstrap

VERSIONS = ("1.36.2", "1.40.0")


@dataclass(frozen=True)
class Envoy:
    """One version of Envoy."""

    version: str
    program: Path

    def rejection(self, bootstrap: Message) -> str:
        """Return why Envoy rejects a bootstrap; empty if it accepts it."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(bootstrap, file)
            file.flush()
            done = subprocess.run(
                [self.program, "--mode", "validate", "-c", file.name, "-l", "error"],
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        return done.stdout + done.stderr if done.returncode else ""


def no_file(_path: str) -> bool:
    return False


def joined(configs: Mapping[Key, ProxyConfig]) -> Message:
    """Return one bootstrap with the clusters and listeners of all proxies.

    The names of each proxy get a number, and its listeners an address of their own, because Envoy
    rejects duplicates.
    """
    clusters: list[Message] = []
    listeners: list[Message] = []
    bootstrap: Message = {}
    for number, config in enumerate(configs.values()):
        bootstrap = static_bootstrap(config, no_file)
        found = _numbered(bootstrap["static_resources"], {*config.clusters}, f"p{number}_")
        clusters += found["clusters"][:-1]
        for listener in found["listeners"]:
            listener["name"] = f"p{number}_{listener['name']}"
            place = {"address": f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
            port = listener["address"]["socket_address"]["port_value"]
            listener["address"] = {"socket_address": {**place, "port_value": port}}
            listeners.append(listener)
        sds = bootstrap["static_resources"]["clusters"][-1]
    return {**bootstrap, "static_resources": {"clusters": [*clusters, sds], "listeners": listeners}}


def _numbered(value: Any, names: set[str], prefix: str) -> Any:
    if isinstance(value, dict):
        return {name: _numbered(item, names, prefix) for name, item in value.items()}
    if isinstance(value, list):
        return [_numbered(item, names, prefix) for item in value]
    return f"{prefix}{value}" if isinstance(value, str) and value in names else value


def culprit(rejection: str, configs: Mapping[Key, ProxyConfig]) -> str:
    """Return the key of the proxy that a rejection of `joined` is about."""
    found = re.search(r"p(\d+)_", rejection)
    return str([*configs][int(found[1])]) if found else "unknown"
