"""A target that is read again and again, as a daemon does, and another client of it."""

from collections import Counter
from typing import Any

import boto3
from builders import ACCOUNT, NOW, OWNER

from reconciler.core.planning.guards import GuardSettings
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Desired, TargetId
from reconciler.engine import ApplyOptions, apply, propose
from reconciler.targets.api_client import ApiClient
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.cache import ReadCache
from reconciler.targets.session import Connection, open_session


def _drop_revision(response_dict: dict[str, Any], **_: object) -> None:
    response_dict["headers"].pop("x-mesh-revision", None)


class Warm:
    """A target with a memory, and somebody else's hands on the same world."""

    def __init__(
        self,
        url: str,
        lag: float = -3_600,
        memory: ReadCache | None = None,
        *,
        revisions: bool = False,
    ) -> None:
        """Open the target as on AWS, which has no revisions, or with them."""
        connection = Connection(url, "eu-west-1", credentials=(ACCOUNT, "secret"))
        session = open_session(connection)
        if not revisions:
            session.events.register("before-parse.app-mesh", _drop_revision)
        self.calls = ApiClient(session, connection, workers=4, reopen=None)
        self.memory = memory or ReadCache()
        identity = TargetId("test", url, ACCOUNT, "eu-west-1")
        # The default is as if each read began long after the write before.
        self.target = AppMesh(
            identity, self.calls, workers=4, cache=self.memory, tag_index_lag_seconds=lag
        )
        self.hand = boto3.client(
            "appmesh",
            region_name="eu-west-1",
            endpoint_url=url,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
        )

    def plan(self, wants: list[Desired], *, refresh: bool = False) -> tuple[Plan, Counter[str]]:
        self.calls.counts.clear()
        plan = propose(
            self.target, wants, owner=OWNER, guards=GuardSettings(), now=NOW, refresh=refresh
        )
        return plan, Counter(self.calls.counts)

    def cycle(self, wants: list[Desired]) -> None:
        assert apply(self.plan(wants)[0], self.target, ApplyOptions(workers=4)).converged
