"""A world on the local endpoint, with our target in it and all that it sends on record."""

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import urllib3
from botocore.awsrequest import AWSPreparedRequest
from builders import ACCOUNT, NOW, OWNER

from reconciler import limits
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Report
from reconciler.core.resources import Desired, Key, TargetId
from reconciler.core.state.schedule import urgent_first
from reconciler.endpoint import LocalEndpoint
from reconciler.engine import ApplyOptions, apply, propose
from reconciler.manifest.loading import load_manifests
from reconciler.targets.api_client import ApiClient
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.session import Connection, open_session

TOPOLOGIES = Path(__file__).with_name("topologies")
REGION = "eu-west-1"
# Whose mesh we are guests in.
HOST = "999999999999"
SYNC = GuardSettings(policy=Policy.SYNC, max_deletes=99, allow_empty=True)
UPSERT = GuardSettings()


def asked_for(name: str, *files: str) -> tuple[Desired, ...]:
    """Return what these files of one topology ask for together."""
    found = load_manifests([(file, (TOPOLOGIES / name / file).read_bytes()) for file in files])
    assert found.valid, found.diagnostics
    return found.desired


class Call(NamedTuple):
    """One request as it was sent."""

    operation: str
    path: str

    @property
    def writes(self) -> bool:
        return not self.operation.startswith(("Describe", "List", "Get"))

    @property
    def deletes(self) -> bool:
        return self.operation.startswith("Delete")


class World:
    """What lives at an endpoint; ``sent`` are our target's requests, ``refused`` its writes."""

    def __init__(self, endpoint: LocalEndpoint, workers: int = 1) -> None:
        self.sent: list[Call] = []
        self.refused: list[str] = []
        self._url = endpoint.url
        connection = Connection(self._url, REGION, credentials=(ACCOUNT, "secret"))
        session = open_session(connection)
        session.events.register("before-send", self._note)
        session.events.register("response-received", self._judge)
        calls = ApiClient(session, connection, workers=workers, reopen=None)
        self._target = AppMesh(TargetId("test", self._url, ACCOUNT, REGION), calls, workers=workers)
        self._conduct = ApplyOptions(workers, sleep=lambda _: None, verify_timeout_seconds=1)
        self._session = boto3.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self._tagging = self.by_hand(ACCOUNT, "resourcegroupstaggingapi")

    def by_hand(self, account: str = ACCOUNT, service: str = "appmesh") -> Any:
        """Return a client that acts for ``account``, off the record."""
        if (account, service) not in self._clients:
            self._clients[account, service] = self._session.client(
                service,
                region_name=REGION,
                endpoint_url=self._url,
                aws_access_key_id=account,
                aws_secret_access_key="secret",
            )
        return self._clients[account, service]

    def plan(self, wants: Iterable[Desired], guards: GuardSettings = SYNC) -> Plan:
        """Return what would be done."""
        return propose(self._target, wants, owner=OWNER, guards=guards, now=NOW)

    def cycle(
        self, wants: Iterable[Desired], guards: GuardSettings = SYNC, urgent: Collection[Key] = ()
    ) -> Report:
        """Return what became of it, done as a daemon does: what is ``urgent`` goes first."""
        plan = urgent_first(self.plan(wants, guards), urgent)
        return apply(plan, self._target, self._conduct)

    def forget(self) -> None:
        """Begin the record anew."""
        self.sent.clear()
        self.refused.clear()

    def tagged(self) -> set[str]:
        """Return all that carries a tag, as the endpoint lists it: ``mesh/m/virtualNode/n``."""
        rows = self._tagging.get_resources()["ResourceTagMappingList"]
        return {row["ResourceARN"].split(":", 5)[5] for row in rows}

    def reset(self) -> None:
        """Let nothing live."""
        self._ask("DELETE", "state")

    def breaks(self, fault: str, number: int, of: Sequence[Call]) -> None:
        """Let the call of that ``number``, counted from here and from 1, fail as ``fault``.

        ``of`` are the calls where nothing fails. What the SDK tries again fails again, so that
        the engine hears of it.
        """
        attempts = 1 if of[number - 1].deletes else limits.API_MAX_ATTEMPTS
        calls = list(range(number, number + attempts))
        self._ask("PUT", "faults", {"faults": [{"fault": fault, "calls": calls}]})

    def mends(self) -> None:
        """Let every call do what it says."""
        self._ask("DELETE", "faults")

    def _ask(self, method: str, path: str, content: Any = None) -> None:
        body = None if content is None else json.dumps(content)
        headers = {"content-type": "application/json"}
        answer = urllib3.request(
            method, f"{self._url}/_endpoint/{path}", body=body, headers=headers
        )
        assert answer.status == 200, answer.data

    def _note(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> None:
        path = urllib3.util.parse_url(request.url).path or ""
        self.sent.append(Call(event_name.rsplit(".", 1)[-1], path))

    def _judge(self, response_dict: dict[str, Any] | None, event_name: str, **_: Any) -> None:
        call = Call(event_name.rsplit(".", 1)[-1], "")
        if call.writes and (response_dict is None or response_dict["status_code"] >= 400):
            self.refused.append(call.operation)
