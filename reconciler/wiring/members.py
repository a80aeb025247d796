"""Opens the store in which the daemons of a fleet meet, for --members and for rollouts."""

import hashlib
import time
from collections.abc import Collection

from reconciler import limits
from reconciler.core.fleet.fleet_record import Member
from reconciler.locks.membership import Membership
from reconciler.targets.session import Connection, Sessions
from reconciler.wiring.locks import name_process, open_store, steady_seconds

_MEMBERS = "mesh-reconciler/members"
_DIGEST_CHARACTERS = 16


def open_membership(
    members: str,
    lock_term_seconds: float,
    targets: Collection[str],
    sessions: Sessions,
    connection: Connection,
) -> Membership:
    """Return the heartbeats of this process in `members`, a valid value of --members.

    Args:
        members: The place of the members; it is not contacted yet.
        lock_term_seconds: The term of the leases of the targets.
        targets: The names of all targets.
        sessions: Sessions of the SDK.
        connection: The region and the profile for a place in AWS.

    Raises:
        UsageError: As for `open_lock`.
    """
    store = open_store("--members", members, _MEMBERS, sessions, connection)
    fleet = hashlib.sha256("\0".join(sorted(targets)).encode()).hexdigest()[:_DIGEST_CHARACTERS]
    term_seconds = lock_term_seconds / limits.MEMBER_TERMS_PER_LOCK_TERM
    member = Member(since=time.time(), fleet=fleet)
    return Membership(store, name_process(), term_seconds, steady_seconds, member)
