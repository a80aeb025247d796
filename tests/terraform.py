"""Terraform with its AWS provider, from a mirror on this machine: a real client and a real peer."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROVIDER = "registry.terraform.io/hashicorp/aws/5.100.0"
MISSING = f"needs terraform on PATH and a mirror that holds {PROVIDER}"


def mirror() -> Path | None:
    """Return the folder of providers to install from, named or at the usual places.

    None where there is none, or no terraform.
    """
    if not shutil.which("terraform"):
        return None
    named = os.environ.get("RECONCILER_TERRAFORM_PLUGINS")
    usual = [Path("/tf-plugins"), *Path("/").glob("*/tf-plugins")]
    for folder in [Path(named)] if named else usual:
        if (folder / PROVIDER).is_dir():
            return folder
    return None


class Terraform:
    """Terraform in a folder of its own, which installs from a mirror and asks nobody."""

    def __init__(self, folder: Path, plugins: Path) -> None:
        self.folder = folder
        settings = folder / "settings.tfrc"
        settings.write_text(
            f'provider_installation {{ filesystem_mirror {{ path = "{plugins}" }} }}\n'.replace(
                " { ", " {\n"
            ).replace(" }", "\n}")
        )
        quiet = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **quiet}
        self.environment["TF_CLI_CONFIG_FILE"] = str(settings)

    def __call__(self, verb: str, *arguments: str, expected: int = 0) -> str:
        done = subprocess.run(
            ["terraform", verb, "-no-color", "-input=false", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout

    def configure(self, url: str, resources: Any, *, account: str = "123456789012") -> None:
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
                }
            },
            "resource": resources,
        }
        (self.folder / "main.tf.json").write_text(json.dumps(content))
