"""Opens the rollout of a daemon of many targets."""

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

from reconciler.cli.command import Invocation
from reconciler.cli.fleet import rollout_of
from reconciler.core.errors import UsageError
from reconciler.core.fleet.rollout import RolloutRules
from reconciler.core.resources import shorten_list
from reconciler.daemon.fleet_member import FleetMember
from reconciler.daemon.fleet_rollout import FleetRollout
from reconciler.locks.membership import Membership
from reconciler.settings.target_config import SourceConfig
from reconciler.targets.session import Connection, Sessions
from reconciler.wiring.locks import steady_seconds
from reconciler.wiring.members import open_membership
from reconciler.wiring.sources import git_address

STATE_FILE = ".reconciler/rollout"

logger = logging.getLogger("reconciler.run")


class ReloadNotice:
    """Warns if a reload finds another table [rollout], because only a restart uses it."""

    def __init__(self, rules: RolloutRules | None) -> None:
        """Start with the table that the daemon uses; None without one."""
        self._used = self._latest = rules
        self._lock = Lock()

    def check(self, rules: RolloutRules | None) -> None:
        """Warn if ``rules`` are not those in use. All targets reload; one of them warns."""
        with self._lock:
            is_new, self._latest = rules != self._latest, rules
        if is_new and rules != self._used:
            logger.warning(
                "[rollout] of reconciler.toml has changed, but the daemon uses the table as of its"
                " start: restart the daemon"
            )


def rules_of(invocation: Invocation) -> RolloutRules | None:
    """Return the rules of the rollout; None without [rollout].

    With --members, other daemons may have the targets that are not selected here.

    Raises:
        UsageError: If a selected target is in no wave. Or, without --members, if a target of a wave
            is not selected: no record would tell whether it has the revision.
    """
    every, rules = invocation.file.rollout, rollout_of(invocation)
    if every is not None and rules != every and not invocation["members"]:
        left = [name for wave in every.waves for name in wave if name not in invocation.targets]
        raise UsageError(
            f"[rollout] has {shorten_list(left)}, which this daemon does not select, so later waves"
            " would not wait for them: pass --all-targets, and --members to share the targets"
            " between daemons instead of --shard"
        )
    return every


def open_alone(invocation: Invocation) -> Membership:
    """Return the record of a rollout that no other daemon shares, in a file.

    Raises:
        UsageError: If its directory cannot be created.
    """
    path = Path(STATE_FILE)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"creating {path.parent} for the state of the rollout: {error.strerror}; start the"
            " daemon in a directory that it may write to, or pass --members"
        ) from error
    term_seconds = invocation["lock_term"]
    targets = invocation.targets
    return open_membership(f"file:{path}", term_seconds, targets, Sessions(), Connection())


def join(
    membership: Membership, targets: Sequence[str], rules: RolloutRules | None
) -> tuple[FleetMember, FleetRollout | None]:
    """Return the member that sends heartbeats, and the rollout that is sent with them, or None.

    ``targets`` are those that members divide.
    """
    if rules is None:
        return FleetMember(membership, targets), None
    membership.member = replace(membership.member, rollout=rules.summary)
    rollout = FleetRollout(rules, membership.name, steady_seconds, membership.term_seconds)
    return FleetMember(membership, targets, rollout.change, rollout.observe), rollout


def require_one_source(sources: Mapping[str, tuple[Sequence[str], SourceConfig]]) -> None:
    """Reject targets with different sources, because a rollout is of one revision.

    Raises:
        UsageError: If two targets do not have the same repository and ref, or the same files.
    """
    first: tuple[str, Hashable] | None = None
    for target, (paths, config) in sources.items():
        address = git_address(paths, config)
        files = (tuple(paths), config.exclude)
        source = replace(address, path="") if address is not None else files
        first = first or (target, source)
        if source != first[1]:
            raise UsageError(
                f"{first[0]} and {target} have different sources, but a rollout is of one: use one"
                " repository and ref, where each target may have a path, or the same files"
            )
