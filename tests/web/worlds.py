"""Statuses of a daemon as real cycles make them, on manifests and a target in memory."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from builders import OWNER, TARGET
from fake_cycle_target import FakeCycleTarget

from reconciler.core.errors import RejectedError
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Failed, Report, exit_code
from reconciler.core.resources import Desired, Json, Key, Origin
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus
from reconciler.daemon.cycle import CycleRunner
from reconciler.history.history_file import HistoryFiles
from reconciler.history.recorder import Author, Recorder

COMMIT = "0123456789abcdef" * 2 + "01234567"
SERVICES = ("cart", "catalog", "checkout", "payments", "shipping", "search")


def _http(port: int = 8080) -> Json:
    return [{"portMapping": {"port": port, "protocol": "http"}}]


def shop(mesh: str = "shop", services: tuple[str, ...] = SERVICES) -> list[Desired]:
    """Return a mesh with a gateway, and for each service a router, a route and two nodes."""
    found: list[Desired] = []

    def add(kind: str, *path: str, **spec: Json) -> None:
        origin = Origin(f"manifests/{mesh}/{path[0] if path else 'mesh'}.yaml", len(found) + 1, 1)
        tags = {"team": path[0].split("-")[0]} if path else {}
        found.append(Desired(Key(kind, (mesh, *path)), dict(spec), tags, origin))

    add("mesh", egressFilter={"type": "DROP_ALL"})
    add("virtual-gateway", "ingress", listeners=_http(443))
    for number, name in enumerate(services):
        service = f"{name}.{mesh}.local"
        after: list[Json] = [
            {"virtualService": {"virtualServiceName": f"{services[index]}.{mesh}.local"}}
            for index in (number * 2 + 1, number * 2 + 2)
            if index < len(services)
        ]
        for version in ("v1", "v2"):
            add("virtual-node", f"{name}-{version}", listeners=_http(), backends=after,
                serviceDiscovery={"dns": {"hostname": f"{name}-{version}.internal"}})  # fmt: skip
        add("virtual-router", f"{name}-router", listeners=_http())
        targets: list[Json] = [
            {"virtualNode": f"{name}-v1", "weight": 80},
            {"virtualNode": f"{name}-v2", "weight": 20},
        ]
        split: Json = {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}
        add("route", f"{name}-router", "main", httpRoute=split)
        add("virtual-service", service,
            provider={"virtualRouter": {"virtualRouterName": f"{name}-router"}})  # fmt: skip
        if number < 1:
            target: Json = {"virtualService": {"virtualServiceName": service}}
            entry: Json = {"match": {"prefix": f"/{name}"}, "action": {"target": target}}
            add("gateway-route", "ingress", name, httpRoute=entry)
    return found


class RecordingTarget(FakeCycleTarget):
    """Records the runs of its cycles in a history."""

    record: Callable[[Report], None] = staticmethod(lambda _: None)

    def apply(self, plan: Plan, waiting: Mapping[Key, Failed]) -> Report:
        report = super().apply(plan, waiting)
        self.record(report)
        return report


@dataclass
class World:
    """A daemon whose cycles a test runs."""

    desired: list[Desired]
    directory: Path
    policy: Policy = Policy.SYNC
    now: float = field(default_factory=lambda: time.time() - 3_600)

    def __post_init__(self) -> None:
        """Prepare the target and the history; no cycle has run."""
        self.history = HistoryFiles(self.directory / "history")
        recorder = Recorder(
            self.history, Author("run", "root@host-1", "test", OWNER), lambda: self.now + 2
        )
        self.target = RecordingTarget(tuple(self.desired))
        self.target.revision = SourceRevision(COMMIT, "Send a fifth to cart-v2", "Ada")

        def record(report: Report) -> None:
            recorder.start(self.now).record_end(report, exit_code(report), {"ListMeshes": 3})

        self.target.record = record
        self.cycles = CycleRunner(self.target, lambda: self.now, lambda: self.now)
        self.status = DaemonStatus(
            TARGET, OWNER, self.policy, started_at=self.now, interval_seconds=60
        )

    def cycle(self, desired: list[Desired] | None = None, *, at: float | None = None) -> None:
        """Run a cycle, a minute after the last one if ``at`` is not given."""
        self.now = self.now + 60 if at is None else at
        self.desired = self.desired if desired is None else desired
        self.target.desired = tuple(self.desired)
        self.target.restraint = GuardSettings(policy=self.policy)
        begun = replace(
            self.status,
            cycle=self.status.cycle + 1,
            cycle_started_at=self.now,
            policy=self.policy,
        )
        ended = self.cycles(begun, fresh=True, forced=True)
        self.status = replace(ended, next_cycle_at=self.now + 60)

    def drift(self, key: Key, **spec: Json) -> None:
        """Change a live resource as another client would."""
        live = self.target.target.resources[key]
        changed = replace(live, spec={**live.spec, **spec}, version=live.version + 1)
        self.target.target.resources[key] = changed

    def fail(self, name: str) -> None:
        """Let each update of a resource fail from now on."""

        def before(operation: str, key: Key) -> None:
            if operation == "update" and key.name == name:
                raise RejectedError("BadRequestException: the weights are too large")

        self.target.target.before = before

    def state(self, key: Key) -> ResourceStatus:
        return next(item for item in self.status.resources if item.key == key)


def in_sync(directory: Path) -> World:
    world = World(shop(), directory)
    world.cycle()
    world.cycle(at=time.time() - 14)
    return world


def drifted(directory: Path) -> World:
    """Two resources were changed by hand, and the policy is to observe."""
    world = World(shop(), directory)
    world.cycle()
    world.policy = Policy.OBSERVE
    route: Json = {
        "match": {"prefix": "/cart"},
        "action": {"weightedTargets": [{"virtualNode": "cart-v1", "weight": 100}]},
    }
    world.drift(Key("route", ("shop", "cart-router", "main")), httpRoute=route)
    world.drift(Key("mesh", ("shop",)), egressFilter={"type": "ALLOW_ALL"})
    world.cycle(at=time.time() - 14)
    return world


def failed(directory: Path) -> World:
    """An update of a route fails, and a node has left its manifest."""
    world = World(shop(), directory)
    world.cycle()
    world.fail("main")
    changed = [
        replace(item, spec={"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": [
            {"virtualNode": "cart-v1", "weight": 50}, {"virtualNode": "cart-v2", "weight": 50}]}}})
        if item.key == Key("route", ("shop", "cart-router", "main")) else item
        for item in world.desired
    ]  # fmt: skip
    world.cycle(changed)
    world.cycle(at=time.time() - 14)
    return world


def withheld(directory: Path) -> World:
    """Some resources belong to another owner, and one was left to the next run."""
    world = World(shop(), directory)
    for item in world.desired[2:5]:
        world.target.target.by_hand(item.key, item.spec, {"mesh-reconciler:owner": "another-team"})
    world.cycle()
    world.cycle(at=time.time() - 14)
    return world


def three(directory: Path) -> World:
    world = World(shop(services=())[:2] + shop("billing", services=())[:1], directory)
    world.cycle(at=time.time() - 14)
    return world


def many(directory: Path, meshes: int = 20, services: int = 20) -> World:
    """Two thousand resources: 20 meshes of 102."""
    desired = [
        item
        for mesh in range(meshes)
        for item in shop(f"mesh-{mesh:02}", tuple(f"svc{number:02}" for number in range(services)))
    ]
    world = World(desired, directory)
    world.cycle()
    world.policy = Policy.OBSERVE
    for mesh in ("mesh-03", "mesh-11"):
        world.drift(Key("mesh", (mesh,)), egressFilter={"type": "ALLOW_ALL"})
    world.cycle(at=time.time() - 14)
    return world


WORLDS = {
    "in-sync": in_sync,
    "drifted": drifted,
    "failed": failed,
    "withheld": withheld,
    "three": three,
    "many": many,
}
