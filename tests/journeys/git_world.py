"""A served repository of meshes, and the runs and daemons that use it."""

import subprocess
from pathlib import Path

from conftest import Cli, Run, Start
from daemons import told_of
from git_servers import GitServer
from manifest_text import mesh_yaml
from repository import publish

from reconciler.endpoint import LocalEndpoint


class World:
    """A repository of meshes, its server, and runs that use it."""

    def __init__(self, root: Path, server: GitServer, endpoint: LocalEndpoint, cli: Cli) -> None:
        self.files = root / "files"
        self.files.mkdir()
        self.repository = root / "served/meshes.git"
        self.server, self._cli = server, cli
        self.address = f"git+{server.url}/meshes.git?ref=main"
        self.where = (
            "--endpoint-url", endpoint.url, "--owner", "o", "--policy", "sync",
            "--cache-dir", str(root / "cache"),
        )  # fmt: skip

    def commit(self, message: str = "a change", /, **meshes: str | None) -> str:
        """Commit a manifest of each mesh with its egress filter; None removes it.

        The message ``amended`` replaces the last commit.
        """
        for name, egress in meshes.items():
            file = self.files / f"{name}.yaml"
            if egress is None:
                file.unlink()
            else:
                file.write_text(mesh_yaml(name, egress))
        return publish(self.files, self.repository, message, amend=message == "amended")

    def run(self, command: str, *options: str) -> Run:
        more = ("--auto-approve",) if command == "apply" else ()
        return self._cli(command, self.address, *self.where, *more, *options)


def started(start: Start, world: World, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start a daemon that does not poll by itself, and return it with its URL."""
    process = start(world.address, *world.where[4:], "--poll", "3600", *options)
    url = told_of(process, "status at ").rpartition(" ")[2].strip()
    told_of(process, "cycle done")
    return process, url
