"""Daemons of many targets, which are accounts of one endpoint."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import urllib3
from conftest import Write
from daemons import ended, eventually

ACCOUNTS = {"one": "300000000001", "two": "300000000002", "three": "300000000003"}
NAMES = [f"shop-{name}" for name in ACCOUNTS]
FLEET = """
[targets.shop]
accounts = {{ one = "300000000001", two = "300000000002", three = "300000000003" }}
region = "eu-west-1"
profile = "{{account_name}}"
endpoint_url = "{url}"
owner = "shop"
policy = "{policy}"
tag_index_lag = 0
"""
OTHER = '[targets.other]\nendpoint_url = "{url}"\nowner = "shop"\nregion = "eu-west-1"\n'
StartFleet = Callable[..., "Fleet"]


class Fleet:
    """A running daemon of many targets."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self._log = log
        eventually(lambda: "status at " in self.log or process.poll() is not None)
        self.url = self.log.partition("status at ")[2].split()[0]

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request("GET", self.url + path, headers=headers, redirect=False)

    def targets(self) -> dict[str, Any]:
        document = self.get("/", accept="application/json").json()
        return {row["target"]: row for row in document["targets"]}

    def health(self, *names: str) -> set[str]:
        rows = self.targets()
        return {rows[name]["health"] for name in names}

    def stop(self) -> str:
        """End it as a supervisor does, and return its log."""
        code, _ = ended(self.process, signal.SIGTERM)
        assert code == 0, self.log
        assert self.log.splitlines()[-1].endswith("stopped by SIGTERM")
        return self.log


def write_targets(write: Write, url: str, policy: str = "sync", more: str = "") -> None:
    write("reconciler.toml", FLEET.format(url=url, policy=policy) + more)


def all_meshes(url: str) -> list[dict[str, int]]:
    """Return the meshes of each account, with their versions."""
    with clients(url) as opened:
        return [meshes(client) for client in opened]


def meshes(client: Any) -> dict[str, int]:
    return {mesh["meshName"]: mesh["version"] for mesh in client.list_meshes()["meshes"]}


@contextmanager
def clients(url: str) -> Iterator[list[Any]]:
    """Yield a client of each account."""
    opened = [
        boto3.client(
            "appmesh", endpoint_url=url, region_name="eu-west-1",
            aws_access_key_id=account, aws_secret_access_key="any",
        )
        for account in ACCOUNTS.values()
    ]  # fmt: skip
    yield opened
    for client in opened:
        client.close()


def converge(url: str, version: int) -> None:
    """Wait until the mesh has this version in all accounts."""
    wanted = [{"a": version}] * len(ACCOUNTS)
    with clients(url) as opened:
        eventually(lambda: [meshes(client) for client in opened] == wanted)
