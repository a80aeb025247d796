"""The parts that the daemons of many targets in one process share."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

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
        member: Divides the targets among several daemons; None if this one has all.
        deletes: Counts the deletes on all targets.
        reloads: Warns if a reload finds settings that it does not read.
        heartbeats: Sends heartbeats: ``member``, or a member that only keeps the rollout of this
            daemon in a file; None without members and waves.
        rollout: Decides which target may take a new revision; None without waves.
    """

    shared: Shared
    turns: Turns
    files: SharedWatch
    holder: str
    member: FleetMember | None
    deletes: DeleteBudget
    reloads: ReloadNotice
    heartbeats: FleetMember | None
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
    make_parts = partial(
        FleetParts,
        shared=shared,
        turns=Turns(invocation["targets_at_once"]),
        files=files,
        deletes=DeleteBudget(steady_seconds),
        reloads=ReloadNotice(rules),
    )
    if not invocation["members"]:
        alone = (None, None) if rules is None else join(open_alone(invocation), (), rules)
        heartbeats, rollout = alone
        return make_parts(
            holder=name_process(), member=None, heartbeats=heartbeats, rollout=rollout
        )
    member, rollout = join(_open_members(invocation, targets, shared), targets, rules)
    return make_parts(holder=member.name, member=member, heartbeats=member, rollout=rollout)


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
