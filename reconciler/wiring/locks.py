"""Opens the lock of --lock as an elector for its lease."""

import os
import secrets
import socket
import time
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any
from urllib.parse import quote

from reconciler.core.errors import UsageError
from reconciler.core.resources import TargetId
from reconciler.locks.lease import Elector, LeaseStore, StoreContext
from reconciler.settings.lock_schemes import TARGET_PLACEHOLDER
from reconciler.settings.target_config import TargetConfig
from reconciler.targets.session import Sessions, open_client
from reconciler.wiring.targets import connection_of


def open_lock(
    lock: str,
    term_seconds: float,
    config: TargetConfig,
    target: TargetId,
    sessions: Sessions | None = None,
) -> Elector:
    """Return an elector for `lock`, a valid value of --lock; the store is not contacted yet.

    `sessions` are shared with other targets.

    Raises:
        UsageError: The location is invalid, or the store needs an extra that is not installed.
    """
    scheme, _, location = lock.partition(":")
    location = location.replace(TARGET_PLACEHOLDER, quote(config.name, safe=""))
    # Configured values first: a replica may not know the account, and all need the same name.
    scope = config.account or config.url or target.account
    context = StoreContext(
        lease_name=f"mesh-reconciler/{scope}/{target.region}/{config.owner}",
        open_client=partial(_open_client, sessions or Sessions(), config),
    )
    # A store may import the client library of its service, so only the chosen one is imported.
    try:
        module = import_module(f"reconciler.locks.{scheme}")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--lock {scheme} needs the Python package {error.name}: install"
            f" mesh-reconciler[{scheme}]"
        ) from error
    store: LeaseStore = module.open_store(location, context)
    holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
    return Elector(store, holder, term_seconds, steady_seconds, time.time)


def steady_seconds() -> float:
    """Return the seconds of a clock that is never set and counts while the machine sleeps."""
    # On Linux time.monotonic stops while the machine sleeps, so a lease would expire too late.
    boot_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(boot_clock)


def _open_client(sessions: Sessions, config: TargetConfig, service: str) -> Any:
    # The lease is in the service that the SDK finds, not at the URL or in the role of the target.
    connection = replace(connection_of(config), url=None, role_arn=None)
    return open_client(sessions.open(connection), service, connection, workers=1, attempts=1)
