"""Assigns targets to daemons: rendezvous hashing with bounded load."""

import hashlib
import math
from collections import Counter
from collections.abc import Collection

# A member takes at most a quarter more than an equal share.
_LOAD = 1.25


def assign(targets: Collection[str], members: Collection[str]) -> dict[str, str]:
    """Return the member of each target; nothing without members.

    Each target prefers the members in an order of its own, and goes to the first one that is not
    full. All processes that know the same names agree. If a member ends, its targets move, and few
    others.
    """
    if not members:
        return {}
    capacity = math.ceil(_LOAD * len(targets) / len(members))
    load: Counter[str] = Counter()
    assigned = {}
    for target in sorted(targets):
        preferred = sorted(members, key=lambda member: _rank(target, member))
        chosen = next(member for member in preferred if load[member] < capacity)
        load[chosen] += 1
        assigned[target] = chosen
    return assigned


def _rank(target: str, member: str) -> bytes:
    return hashlib.sha256(f"{target}\0{member}".encode()).digest()
