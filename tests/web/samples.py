"""A daemon that stands still, and a status that has one of everything."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from builders import OWNER, TARGET

from reconciler.core.changes import Cause, TrafficEffect
from reconciler.core.diff import MISSING, FieldChange
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Key, Origin, Unlisted
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, LeaseStatus, ResourceStatus, State
from reconciler.render.json_output import render_status
from reconciler.web.metrics import Metrics
from reconciler.web.status_app import DaemonControl, ReadDocument
from reconciler.web.status_server import serve
from reconciler.wiring.daemon_page import daemon_documents

NOW = 1_764_000_000.0
TOKEN = "a-token-that-only-tests-know"  # noqa: S105  # it opens nothing
COMMIT = "0123456789abcdef" * 2 + "01234567"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


def origin(name: str, line: int = 1) -> Origin:
    return Origin(f"manifests/{name}.yaml", line, 1)


def sample_statuses(now: float = NOW) -> tuple[ResourceStatus, ...]:
    egress = FieldChange("/spec/egressFilter/type", "ALLOW_ALL", "DROP_ALL")
    team = FieldChange("/tags/cost~1center", MISSING, "payments")
    return (
        ResourceStatus(
            Key("mesh", ("payments",)), State.IN_SYNC, now - 86_400 * 3, origin("payments"), OWNER,
            outcome="updated", outcome_at=now - 86_400 * 3,
        ),
        ResourceStatus(
            Key("mesh", ("orders",)), State.DRIFTED, now - 1_260, origin("orders"), OWNER,
            Cause.DRIFT, (egress,), TrafficEffect.CLOSES, "the policy observe only looks",
        ),
        ResourceStatus(
            Key("mesh", ("ledger",)), State.FAILED, now - 240, origin("ledger", 14), OWNER,
            Cause.MANIFEST, (team, FieldChange("/spec/serviceDiscovery", {"ipPreference": "IPv4"},
            MISSING)), None,
            "updating mesh/ledger: TooManyRequestsException: rate exceeded; lower --parallelism, "
            "or wait", "update failed", now - 12, 3, now + 48,
        ),
        ResourceStatus(
            Key("virtual-node", ("payments", "checkout-with-a-name-that-is-long-enough-to-wrap")),
            State.PENDING, now - 5, origin("teams/payments/checkout/virtual-node", 120), None,
            Cause.NEW, (FieldChange("/spec/listeners", MISSING, []),),
        ),
        ResourceStatus(
            Key("mesh", ("legacy",)), State.WITHHELD, now - 7_200, origin("legacy"),
            "somebody-else",
            reason="somebody-else owns it; take it off that owner's manifests first",
        ),
        ResourceStatus(
            Key("mesh", ("load-test",)), State.SUSPENDED, now - 3_600, origin("load-test"), OWNER,
            reason="suspended until 2026-12-01T00:00:00Z: load test",
        ),
        ResourceStatus(
            Key("mesh", ("audit",)), State.STALE, now - 3, origin("audit"), OWNER, Cause.MANIFEST,
            reason="the live side moved since the plan was made", outcome="update stale",
            outcome_at=now - 3,
        ),
        ResourceStatus(
            Key("mesh", ("ghost",)), State.DRIFTED, now - 20, origin("ghost"), OWNER, Cause.MISSING,
            reason="the policy observe only looks", last_seen_at=now - 80,
        ),
        ResourceStatus(
            Key("mesh", ("vault",)), State.UNREADABLE, now - 30, origin("vault"), None,
            reason="describing mesh/vault: AccessDeniedException: not allowed",
        ),
        ResourceStatus(
            Key("mesh", (HOSTILE,)), State.WITHHELD, now - 30, Origin(f"{HOSTILE}.yaml", 3, 1),
            HOSTILE, Cause.UNKNOWN, (FieldChange(f"/tags/{HOSTILE}", HOSTILE, "a\u202eb\x1b[2J"),),
            reason=HOSTILE, outcome=HOSTILE, outcome_at=now - 9,
        ),
    )  # fmt: skip


def status(now: float = NOW, **changes: object) -> DaemonStatus:
    facts: dict[str, object] = {
        "target": TARGET,
        "owner": OWNER,
        "policy": "sync",
        "started_at": now - 86_400,
        "interval_seconds": 60.0,
        "cycle": 42,
        "cycle_started_at": now - 13,
        "cycle_finished_at": now - 12,
        "exit_code": ExitCode.PARTIAL,
        "source_valid": False,
        "diagnostics": ("manifests/a.yaml:2:1: error[MR012] is not valid YAML",),
        "revision": SourceRevision(COMMIT, f"Close the egress {HOSTILE}", f"{HOSTILE}\x1b"),
        "unlisted": (Unlisted("virtual-node", Key("mesh", ("orders",)), f"403 {HOSTILE}"),),
        "resources": sample_statuses(now),
        "calls": {"ListMeshes": 84, "DescribeMesh": 12},
        "responses": {"ok": 93, "throttled": 3},
        "recheck_seconds": 3_000.0,
        "description_seconds": 86_400.0,
        "lease": LeaseStatus("host-1:4711", 15.0, now + 9),
    }
    return DaemonStatus(**(facts | changes))  # type: ignore[arg-type]


def calm(now: float = NOW, **changes: object) -> DaemonStatus:
    """A status in which nothing needs anybody."""
    facts: dict[str, object] = {
        "exit_code": ExitCode.OK,
        "source_valid": True,
        "diagnostics": (),
        "unlisted": (),
        "resources": sample_statuses(now)[:1],
        "lease": None,
    }
    return status(now, **(facts | changes))


@dataclass
class StillDaemon:
    """A daemon whose loop the test turns."""

    shown: DaemonStatus
    beaten_seconds_ago: float = 1.0
    asked: int = 0
    looks: int = 0
    requests: list[tuple[bool, bool]] = field(default_factory=list)
    ends: dict[int, ExitCode] = field(default_factory=dict)
    waits: threading.Event = field(default_factory=threading.Event)

    def status(self) -> DaemonStatus:
        return self.shown

    def heartbeat(self) -> float:
        return self.beaten_seconds_ago

    def look_now(self) -> None:
        self.looks += 1

    def request_cycle(self, *, releases_pin: bool = False, allow_rewind: bool = False) -> int:
        self.asked += 1
        self.requests.append((releases_pin, allow_rewind))
        return self.shown.cycle + 1

    def wait_for(self, cycle: int, timeout_seconds: float) -> ExitCode | None:
        assert timeout_seconds <= 1.0
        self.waits.set()
        return self.ends.get(cycle)


@contextmanager
def served(
    daemon: DaemonControl,
    folder: Path,
    *,
    port: int = 0,
    webhook_secret: str | None = None,
    documents: Mapping[str, ReadDocument] | None = None,
) -> Iterator[str]:
    """Serve ``daemon`` on loopback, and yield its URL; its token is in ``folder``."""
    secret_file = None
    if webhook_secret is not None:
        secret_file = folder / "webhook-secret"
        secret_file.write_text(f"{webhook_secret}\n")
        secret_file.chmod(0o600)
    with serve(
        daemon,
        "127.0.0.1",
        port,
        document=render_status,
        documents=documents or daemon_documents(None, list, lambda: ("manifests",)),
        metrics=Metrics(),
        token_file=folder / "token",
        webhook_secret_file=secret_file,
    ) as url:
        yield url
