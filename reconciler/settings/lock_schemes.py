"""Schemes of --lock: one row for each lock store.

To add a store, add its row here and a module ``reconciler.locks.<scheme>`` with ``open_store``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ANY = re.compile(r".+")


@dataclass(frozen=True, slots=True)
class LockScheme:
    """The part of a lock after its scheme and a colon."""

    location: str
    """Placeholder of the location in help and messages."""
    requirement: str = ""
    """Requirement on the location, for the help of --lock."""
    pattern: re.Pattern[str] = _ANY
    """The form of valid locations."""
    is_one_lease: bool = False
    """Whether a location has one lease, so that each target needs a location of its own."""


LOCK_SCHEMES: Mapping[str, LockScheme] = {
    "file": LockScheme("PATH", is_one_lease=True),
    "dynamodb": LockScheme("TABLE", "(partition key LockID)"),
    "s3": LockScheme("BUCKET/KEY", "(an object)", re.compile(r"[^/]+/.+"), is_one_lease=True),
    "postgresql": LockScheme("//HOST/DATABASE", "(a URL of libpq)", re.compile(r"//.*")),
}
# In a location with one lease, the name of the target.
TARGET_PLACEHOLDER = "{target}"
LOCK_USAGE = " or ".join(f"{name}:{scheme.location}" for name, scheme in LOCK_SCHEMES.items())
LOCK_HELP = ", or ".join(
    f"{name}:{scheme.location} {scheme.requirement}".rstrip()
    for name, scheme in LOCK_SCHEMES.items()
)
