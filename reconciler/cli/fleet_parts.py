"""The parts that the daemons of many targets in one process share."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.cli.command import Invocation
from reconciler.cli.daemon_rollout import ReloadNotice, join, open_alone, rules_of
from reconciler.cli.shared_parts import Shared
from reconciler.core.errors import UsageError
from reconciler.daemon.delete_budget import DeleteBudget
from reconciler.daemon.fleet_member import FleetMember
from reconciler.daemon.fleet_rollout import FleetRollout
from reconciler.daemon.shared_watch import SharedWatch
from reconciler.daemon.turns import Turns
from reconciler.locks.membership import Membership
from reconciler.targets.session import Connection, Sessions
from reconciler.wiring.locks import name_process, steady_seconds
from reconciler.wiring.members import open_membership


@dataclass(frozen=True, slots=True)
class FleetParts:
    """The shared parts.

    Attributes:
        shared: Manifests and sessions of the SDK.
        turns: Bounds the cycles at the same time.
        files: The watches of files.
        holder: The name of this process in the leases.
        member: Sends heartbeats, and divides the targets among several daemons if there are any.
            None without members and waves.
        deletes: Counts the deletes on all targets.
        reloads: Warns if a reload finds settings that it does not read.
        rollout: Decides which target may take a new revision; None without waves.
    """

    shared: Shared
    turns: Turns
    files: SharedWatch
    holder: str
    member: FleetMember | None
    deletes: DeleteBudget
    reloads: ReloadNotice
    rollout: FleetRollout | None

    def has(self, target: str) -> bool:
        """Return whether this process is to reconcile ``target``."""
        return self.member is None or self.member.is_ours(target)


def open_parts(invocation: Invocation, targets: Sequence[str], files: SharedWatch) -> FleetParts:
    """Return the parts for ``targets``; no store is contacted yet.

    Raises:
        UsageError: If --members has no lock, or its store or the rollout is invalid.
    """
    rules = rules_of(invocation)
    shared = Shared.of_daemons(len(targets))
    member: FleetMember | None = None
    rollout: FleetRollout | None = None
    if invocation["members"]:
        member, rollout = join(_open_members(invocation, targets, shared), targets, rules)
    elif rules is not None:
        member, rollout = join(open_alone(invocation), (), rules)
    return FleetParts(
        shared=shared,
        turns=Turns(invocation["targets_at_once"]),
        files=files,
        holder=member.name if member else name_process(),
        member=member,
        deletes=DeleteBudget(steady_seconds),
        reloads=ReloadNotice(rules),
        rollout=rollout,
    )


def _open_members(invocation: Invocation, targets: Sequence[str], shared: Shared) -> Membership:
    if not invocation["lock"]:
        raise UsageError(
            "--members needs --lock: the lease of each target keeps two daemons from writing to it"
        )
    connection = Connection(
        region=invocation["region"] or os.environ.get("AWS_REGION") or None,
        profile=invocation["profile"] or None,
    )
    return open_membership(
        invocation["members"],
        invocation["lock_term"],
        targets,
        shared.sessions or Sessions(),
        connection,
    )
