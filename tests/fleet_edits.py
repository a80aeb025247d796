"""Edits that one daemon makes on ten targets, while one of them hangs, throttles or refuses."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import boto3
import forks
import urllib3
from daemons import eventually
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint

HEALTHY = 9
NAMES = [f"t-{number}" for number in range(HEALTHY)]
FAILING = "failing"
# Every call on the failing target, one way after the other.
TROUBLES: Mapping[str, dict[str, Any]] = {
    "throttles": {"fault": "throttle"},
    "refuses": {"fault": "error", "status": 403},
    "hangs": {"fault": "hang"},
}
# The failing target fails again and again, also without an edit.
INTERVAL_SECONDS = 5
_ACCOUNTS = {name: f"40000000000{number}" for number, name in enumerate([*NAMES, FAILING])}
_SETTINGS = """
[targets.t]
accounts = {{ {accounts} }}
names = "{{account_name}}"
region = "eu-west-1"
endpoint_url = "{url}"
profile = "{{account_name}}"
owner = "edits"
[targets.{failing}]
region = "eu-west-1"
endpoint_url = "{failing_url}"
profile = "{failing}"
owner = "edits"
"""


class Edits:
    """A running daemon of ten targets."""

    def __init__(self, directory: Path, url: str, failing_url: str) -> None:
        """Write settings and manifests, and start the daemon."""
        self._directory = directory
        self._failing_url = failing_url
        accounts = ", ".join(f'{name} = "{_ACCOUNTS[name]}"' for name in NAMES)
        (directory / "reconciler.toml").write_text(
            _SETTINGS.format(accounts=accounts, url=url, failing=FAILING, failing_url=failing_url)
        )
        profiles = (
            f"[profile {name}]\naws_access_key_id = {account}\naws_secret_access_key = any\n"
            for name, account in _ACCOUNTS.items()
        )
        (directory / "aws").write_text("".join(profiles))
        (directory / "manifests").mkdir()
        self._egress = "DROP_ALL"
        self._write()
        self._clients = {name: _client(url, _ACCOUNTS[name]) for name in NAMES}
        self._clients[FAILING] = _client(failing_url, _ACCOUNTS[FAILING])
        command = ["run", "--all-targets", "--interval", str(INTERVAL_SECONDS)]
        command += ["--listen", "127.0.0.1:0"]
        environment = {**os.environ, "AWS_CONFIG_FILE": str(directory / "aws")}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.pop(name, None)
        with (directory / "log").open("w") as log:
            self.process = forks.start(*command, cwd=directory, env=environment, stderr=log)
        eventually(lambda: "status at " in self.log)
        self._url = self.log.partition("status at ")[2].split()[0]
        eventually(lambda: self.health(*NAMES, FAILING) == {"in sync"})

    @property
    def log(self) -> str:
        return (self._directory / "log").read_text()

    def health(self, *names: str) -> set[str]:
        document = urllib3.request("GET", self._url, headers={"accept": "application/json"}).json()
        return {row["health"] for row in document["targets"] if row["target"] in names}

    @contextmanager
    def trouble(self, fault: Mapping[str, Any]) -> Iterator[None]:
        """Let every call on the failing target fail during the block, and wait for its recovery."""
        faults = f"{self._failing_url}/_endpoint/faults"
        assert urllib3.request("PUT", faults, json={"faults": [fault]}).status == 200
        before = self._failing_calls()
        # It answers nothing from now on, or has already failed.
        eventually(lambda: self._failing_calls() > before)
        yield
        assert urllib3.request("DELETE", faults).status == 200
        eventually(lambda: self.health(FAILING) == {"in sync"} and self._is_applied(FAILING))

    def p95(self, edits: int) -> float:
        """Return the 95th percentile of the seconds from an edit to each healthy target."""
        waits = [wait for _ in range(edits) for wait in self._edit()]
        return quantiles(waits, n=20)[18]

    def _edit(self) -> list[float]:
        self._egress = "ALLOW_ALL" if self._egress == "DROP_ALL" else "DROP_ALL"
        began = time.monotonic()
        self._write()
        waits: dict[str, float] = {}
        while len(waits) < HEALTHY:
            assert time.monotonic() < began + 100, f"only {sorted(waits)} have the edit"
            for name in NAMES:
                if name not in waits and self._is_applied(name):
                    waits[name] = time.monotonic() - began
        return [*waits.values()]

    def _is_applied(self, name: str) -> bool:
        spec = self._clients[name].describe_mesh(meshName="edited")["mesh"]["spec"]
        return bool(spec["egressFilter"]["type"] == self._egress)

    def _failing_calls(self) -> int:
        calls = urllib3.request("GET", f"{self._failing_url}/_endpoint/calls").json()["calls"]
        return int(calls["ListMeshes"])

    def _write(self) -> None:
        (self._directory / "manifests/m.yaml").write_text(mesh_yaml("edited", self._egress))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for client in self._clients.values():
            client.close()


@contextmanager
def ten_targets(directory: Path) -> Iterator[Edits]:
    """Yield the daemon; its failing target has an endpoint of its own."""
    with ExitStack() as opened:
        url, failing_url = (opened.enter_context(LocalEndpoint(None)).url for _ in range(2))
        edits = Edits(directory, url, failing_url)
        opened.callback(edits.close)
        yield edits


def _client(url: str, account: str) -> Any:
    return boto3.client(
        "appmesh", endpoint_url=url, region_name="eu-west-1",
        aws_access_key_id=account, aws_secret_access_key="any",
    )  # fmt: skip
