"""Twelve targets in four waves, each wave with an endpoint of its own that counts its writes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import urllib3

from reconciler.endpoint import LocalEndpoint

WAVES = ("dev", "stage", "early", "prod")
REGIONS = ("eu-north-1", "eu-west-1", "us-east-1")
TARGETS = [f"{wave}-{region}" for wave in WAVES for region in REGIONS]
_TABLE = """[targets.{wave}]
regions = {regions}
endpoint_url = "{url}"
owner = "shop"
policy = "sync"
tag_index_lag = 0
{more}"""


class RolloutWorld:
    """The endpoints of the waves, in the order of the waves."""

    def __init__(self, directory: Path, urls: Sequence[str], account: str, more: str) -> None:
        self._directory = directory
        self._account = account
        self._more = more
        self._urls = dict(zip(WAVES, urls, strict=True))
        self._before = dict.fromkeys(WAVES, 0)
        self._clients: dict[tuple[str, str], Any] = {}

    def configure(self, more: str = "", *, first: str = "") -> None:
        """Write reconciler.toml; ``more`` is of the table [rollout]."""
        tables = (
            _TABLE.format(wave=wave, regions=json.dumps(REGIONS), url=url, more=self._more)
            for wave, url in self._urls.items()
        )
        waves = json.dumps([[f"{wave}-*"] for wave in WAVES])
        text = "".join([first, *tables, f"[rollout]\nwaves = {waves}\n", more])
        (self._directory / "reconciler.toml").write_text(text)

    def source(self, source: str) -> None:
        """Let all targets have this source."""
        self._more += f'source = "{source}"\n'
        self.configure()

    def writes(self) -> list[int]:
        """Return the number of writes at each wave since the last call."""
        now = {wave: self._writes(url) for wave, url in self._urls.items()}
        counts = [now[wave] - self._before[wave] for wave in WAVES]
        self._before = now
        return counts

    def meshes(self, wave: str) -> list[dict[str, int]]:
        """Return the versions of the meshes of each target of a wave."""
        found = []
        for region in REGIONS:
            listed = self._client(wave, region).list_meshes()["meshes"]
            found.append({mesh["meshName"]: mesh["version"] for mesh in listed})
        return found

    def tags(self, wave: str) -> set[str]:
        """Return the values of the tag ``step`` of all meshes of a wave; "" without a mesh."""
        found = set()
        for region in REGIONS:
            client = self._client(wave, region)
            meshes = client.list_meshes()["meshes"]
            tags = [
                client.list_tags_for_resource(resourceArn=mesh["arn"])["tags"] for mesh in meshes
            ]
            found |= {tag["value"] for row in tags for tag in row if tag["key"] == "step"}
            found |= set() if meshes else {""}
        return found

    def change(self, wave: str, region: str, mesh: str) -> None:
        """Change a mesh of one target behind our back."""
        spec = {"egressFilter": {"type": "ALLOW_ALL"}}
        self._client(wave, region).update_mesh(meshName=mesh, spec=spec)

    def delete(self, wave: str, region: str, *meshes: str) -> None:
        """Delete meshes of one target behind our back."""
        for mesh in meshes:
            self._client(wave, region).delete_mesh(meshName=mesh)

    def fail(self, wave: str, operation: str) -> None:
        """Let an operation fail at a wave."""
        faults = {"faults": [{"operation": operation, "fault": "error", "status": 400}]}
        answer = urllib3.request("PUT", f"{self._urls[wave]}/_endpoint/faults", json=faults)
        assert answer.status < 300, answer.data

    def mend(self, wave: str) -> None:
        """End the faults of a wave."""
        urllib3.request("DELETE", f"{self._urls[wave]}/_endpoint/faults")

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, wave: str, region: str) -> Any:
        """Return the client of one target, which is kept: to make one takes long."""
        if (wave, region) not in self._clients:
            self._clients[wave, region] = boto3.client(
                "appmesh", endpoint_url=self._urls[wave], region_name=region,
                aws_access_key_id=self._account, aws_secret_access_key="any",
            )  # fmt: skip
        return self._clients[wave, region]

    def _writes(self, url: str) -> int:
        calls: dict[str, int] = urllib3.request("GET", f"{url}/_endpoint/calls").json()["calls"]
        reads = ("Describe", "List", "Get")
        return sum(count for name, count in calls.items() if not name.startswith(reads))


@contextmanager
def rollout_world(directory: Path, account: str, more: str = "") -> Iterator[RolloutWorld]:
    """Serve the endpoints of all waves; ``more`` are settings of each target."""
    with ExitStack() as opened:
        urls = [opened.enter_context(LocalEndpoint(None)).url for _ in WAVES]
        world = RolloutWorld(directory, urls, account, more)
        opened.callback(world.close)
        world.configure()
        yield world
