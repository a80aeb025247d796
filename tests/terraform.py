"""Terraform with its AWS provider, from a mirror on this machine: a real client and a real peer."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from programs import find_program

PROVIDER = "registry.terraform.io/hashicorp/aws/5.100.0"
SECONDS = {"unit": "s", "value": 5}
HEALTH = {
    "protocol": "http",
    "path": "/ping",
    "healthy_threshold": 2,
    "unhealthy_threshold": 2,
    "timeout_millis": 2000,
    "interval_millis": 5000,
}
MISSING = f"needs terraform on PATH and a mirror that holds {PROVIDER}"


def configuration(mesh: str, *, changed: bool = False) -> dict[str, Any]:
    """Return a configuration of all seven kinds in ``mesh``; ``changed`` gives each another spec.

    Terraform has each resource under the name of the mesh.
    """

    def name_of(kind: str) -> str:
        return f"${{aws_appmesh_{kind}.{mesh}.name}}"

    in_mesh = {"mesh_name": name_of("mesh")}
    listener = {"port_mapping": {"port": 8081 if changed else 8080, "protocol": "http"}}
    provider = {"virtual_router": {"virtual_router_name": name_of("virtual_router")}}
    if changed:
        provider = {"virtual_node": {"virtual_node_name": name_of("virtual_node")}}
    kinds = {
        "mesh": {
            "name": mesh,
            "spec": {
                "egress_filter": {"type": "ALLOW_ALL" if changed else "DROP_ALL"},
                "service_discovery": {"ip_preference": "IPv4_PREFERRED"},
            },
        },
        "virtual_node": {
            "name": "checkout",
            **in_mesh,
            "spec": {
                "backend": {"virtual_service": {"virtual_service_name": "nowhere.local"}},
                "listener": {
                    **listener,
                    "health_check": HEALTH,
                    "timeout": {"http": {"per_request": SECONDS}},
                    "connection_pool": {"http": {"max_connections": 10}},
                    "outlier_detection": {
                        "base_ejection_duration": SECONDS,
                        "interval": SECONDS,
                        "max_ejection_percent": 50,
                        "max_server_errors": 5,
                    },
                },
                "service_discovery": {"dns": {"hostname": "checkout.local"}},
                "logging": {"access_log": {"file": {"path": "/dev/stdout"}}},
            },
        },
        "virtual_router": {"name": "edge", **in_mesh, "spec": {"listener": listener}},
        "route": {
            "name": "v1",
            **in_mesh,
            "virtual_router_name": name_of("virtual_router"),
            "spec": {
                "priority": 2 if changed else 1,
                "http_route": {
                    "match": {
                        "prefix": "/",
                        "method": "GET",
                        "header": {"name": "h", "match": {"prefix": "x"}},
                    },
                    "retry_policy": {
                        "http_retry_events": ["server-error"],
                        "max_retries": 1,
                        "per_retry_timeout": SECONDS,
                    },
                    "action": {
                        "weighted_target": {
                            "virtual_node": name_of("virtual_node"),
                            "weight": 100,
                        }
                    },
                },
            },
        },
        "virtual_service": {"name": "shop.local", **in_mesh, "spec": {"provider": provider}},
        "virtual_gateway": {
            "name": "front",
            **in_mesh,
            "spec": {"listener": {**listener, "health_check": HEALTH}},
        },
        "gateway_route": {
            "name": "shop",
            **in_mesh,
            "virtual_gateway_name": name_of("virtual_gateway"),
            "spec": {
                "http_route": {
                    "match": {"prefix": "/store/" if changed else "/shop/"},
                    "action": {
                        "target": {
                            "virtual_service": {"virtual_service_name": name_of("virtual_service")}
                        }
                    },
                }
            },
        },
    }
    tags = {"tags": {"team": "changed" if changed else "pay"}}
    return {
        f"aws_appmesh_{kind}": {mesh: {**tags, **arguments}} for kind, arguments in kinds.items()
    }


def mirror() -> Path | None:
    """Return the directory of providers to install from, a given one or one at the usual places.

    None if there is none, or no terraform.
    """
    if not find_program("terraform"):
        return None
    named = os.environ.get("RECONCILER_TERRAFORM_PLUGINS")
    usual = [Path("/tf-plugins"), *Path("/").glob("*/tf-plugins")]
    for folder in [Path(named)] if named else usual:
        if (folder / PROVIDER).is_dir():
            return folder
    return None


def require_mirror() -> Path:
    """Return the directory of providers; skip the test without it."""
    return mirror() or pytest.skip(MISSING)


class Terraform:
    """Terraform in a folder of its own, which installs from a mirror and asks nobody."""

    def __init__(self, folder: Path, plugins: Path) -> None:
        self.folder, self.plugins = folder, plugins
        settings = folder / "settings.tfrc"
        settings.write_text(
            f'provider_installation {{ filesystem_mirror {{ path = "{plugins}" }} }}\n'.replace(
                " { ", " {\n"
            ).replace(" }", "\n}")
        )
        quiet = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        # Half of the time of the provider is the search for garbage in its schemas.
        quiet["GOGC"] = "400"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **quiet}
        self.environment["TF_CLI_CONFIG_FILE"] = str(settings)

    def __call__(self, command: str, *arguments: str, expected: int = 0) -> str:
        done = subprocess.run(
            ["terraform", command, "-no-color", "-input=false", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def one_provider(self) -> Iterator[None]:
        """Let all commands use one process of the provider; each would start it several times."""
        program = next((self.plugins / PROVIDER).rglob("terraform-provider-aws*"))
        process = subprocess.Popen(
            [program, "-debug"], env=self.environment, stdout=subprocess.PIPE, text=True
        )
        with process:
            try:
                assert process.stdout
                found = (re.search(r"(TF_REATTACH_\w+)='(.*)'", line) for line in process.stdout)
                name, value = next(filter(None, found)).groups()
                self.environment[name] = value
                yield
                del self.environment[name]
            finally:
                process.terminate()

    def configure(
        self, url: str, resources: Any, *, account: str = "123456789012", **provider: Any
    ) -> None:
        """Write the configuration of ``resources`` at the App Mesh API of ``url``."""
        content = {
            "terraform": {
                "required_providers": {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}
            },
            "provider": {
                "aws": {
                    "region": "eu-west-1",
                    "access_key": account,
                    "secret_key": "secret",
                    "skip_metadata_api_check": True,
                    "skip_region_validation": True,
                    "endpoints": {"appmesh": url, "sts": url},
                    **provider,
                }
            },
            "resource": resources,
        }
        (self.folder / "main.tf.json").write_text(json.dumps(content))
