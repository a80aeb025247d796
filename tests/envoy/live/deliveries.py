"""The two ways by which live Envoys get their configuration: files, and a server (ADS)."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Protocol

import boto3
import forks
from envoy.live.namespaces import ENVOY_USER
from envoy.server_processes import Process

from reconciler.cli.main import main
from reconciler.core.resources import Key

ADMIN_PORT = 9901
_ADMIN = ("--admin", f"127.0.0.1:{ADMIN_PORT}")
_REGION = "us-east-1"
_ACCESS = {"AWS_ACCESS_KEY_ID": "000000000000", "AWS_SECRET_ACCESS_KEY": "any"}


class Delivery(Protocol):
    """One way, for one mesh."""

    def __init__(self, root: Path, manifests: Path, arguments: Sequence[str]) -> None: ...

    def deliver(self, *arguments: str) -> None:
        """Deliver what the manifests say now, with more arguments from now on."""

    def bootstrap(self, proxy: Key) -> Path:
        """Return the file with the bootstrap of a proxy."""

    def close(self) -> None: ...


class Files:
    """``envoy export`` writes files, and Envoys watch them.

    Attributes:
        command: The command that writes them.
    """

    def __init__(self, root: Path, manifests: Path, arguments: Sequence[str]) -> None:
        self._root = root
        self.command = ["envoy", "export", str(root), str(manifests), *_ADMIN, *arguments]

    def deliver(self, *arguments: str) -> None:
        assert main([*self.command, *arguments]) == 0

    def bootstrap(self, proxy: Key) -> Path:
        mesh, name = proxy.path
        return self._root / mesh / proxy.kind / name / "bootstrap.yaml"

    def close(self) -> None:
        """Do nothing: the files go with the network."""


class Ads:
    """``apply`` changes the state of an endpoint, which serves Envoys.

    Attributes:
        data: The data of the endpoint.
        url: The URL of its API.
        client: A client of its API.
        socket: The socket of Envoys; its group is that of their user.
    """

    def __init__(self, root: Path, manifests: Path, arguments: Sequence[str]) -> None:
        self._root = root
        self.data = root / "data"
        self._manifests = manifests
        self._arguments = [*arguments]
        directory = root / "xds"
        directory.mkdir()
        os.chown(directory, -1, ENVOY_USER)
        # A socket gets the group of a directory with this bit.
        directory.chmod(0o2750)
        self.socket = directory / "xds.sock"
        self.start()

    def start(self) -> None:
        """Start the endpoint."""
        options = ["--data", str(self.data), "--xds", f"unix:{self.socket}"]
        command = ["endpoint", "--listen", "127.0.0.1:0", *options, *self._arguments]
        self._process = Process("App Mesh API at", *command)
        self.url = self._process.line.split("App Mesh API at ")[1].split(",")[0]
        access = {name.lower(): value for name, value in _ACCESS.items()}
        self.client = boto3.client("appmesh", _REGION, endpoint_url=self.url, **access)

    def deliver(self, *arguments: str) -> None:
        if arguments:
            self._arguments += arguments
            self.close()
            self.start()
        options = ["--endpoint-url", self.url, "--region", _REGION, "--owner", "live"]
        deletes = ["--policy", "sync", "--max-deletes", "1000", "--auto-approve"]
        process = forks.start(
            *("apply", str(self._manifests), *options, *deletes),
            cwd=self._root,
            env={**os.environ, **_ACCESS},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = process.communicate()
        assert process.returncode == 0, output

    def bootstrap(self, proxy: Key) -> Path:
        file = self._root / f"{proxy.path[-1]}.yaml"
        command = ["envoy", "bootstrap", str(proxy), "--xds", f"unix:{self.socket}", "--sds"]
        with file.open("w") as stream, redirect_stdout(stream):
            assert main([*command, *_ADMIN]) == 0
        return file

    def close(self) -> None:
        """End the endpoint at once."""
        self._process.kill()


DELIVERIES: dict[str, type[Delivery]] = {"files": Files, "ads": Ads}
