"""What --lock names, made into a candidate for the lease that is kept there."""

import os
import secrets
import socket
import time
from dataclasses import replace
from pathlib import Path

from reconciler.core.resources import TargetId
from reconciler.locks.dynamodb import DynamoStore
from reconciler.locks.file import FileStore
from reconciler.locks.lease import Elector, LeaseStore
from reconciler.settings.target_config import TargetConfig
from reconciler.targets.session import open_client, open_session
from reconciler.wiring.targets import connection_of


def open_lock(lock: str, term_seconds: float, config: TargetConfig, target: TargetId) -> Elector:
    """Return this process as a candidate for ``lock``; nothing of it is reached yet."""
    kind, _, place = lock.partition(":")
    store: LeaseStore
    if kind == "file":
        store = FileStore(Path(place))
    else:
        # The table is where the SDK finds it, whatever URL the target has.
        connection = replace(connection_of(config), url=None, role_arn=None)
        client = open_client(
            open_session(connection), "dynamodb", connection, workers=1, attempts=1
        )
        # What all replicas are told alike: whose credentials they have may be unknown to one.
        where = config.account or config.url or target.account
        store = DynamoStore(
            client, place, f"mesh-reconciler/{where}/{target.region}/{config.owner}"
        )
    holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
    return Elector(store, holder, term_seconds, steady_seconds, time.time)


def steady_seconds() -> float:
    """Return the seconds of a clock that is never set and goes on while the machine sleeps."""
    # time.monotonic stands still then on Linux, and a lease would seem to last.
    boot_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(boot_clock)
