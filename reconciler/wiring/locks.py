"""Opens the stores of leases, and the lock of --lock."""

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
from reconciler.targets.session import Connection, Sessions, open_client
from reconciler.wiring.targets import connection_of


def open_lock(
    lock: str,
    term_seconds: float,
    config: TargetConfig,
    target: TargetId,
    *,
    sessions: Sessions | None = None,
    holder: str | None = None,
) -> Elector:
    """Return an elector for `lock`, a valid value of --lock; the store is not contacted yet.

    Args:
        lock: The place of the lease.
        term_seconds: The term of the lease.
        config: The settings of the target.
        target: The target.
        sessions: Sessions of the SDK that are shared with other targets.
        holder: The name of this process, if it has the leases of several targets.

    Raises:
        UsageError: The location is invalid, or the store needs an extra that is not installed.
    """
    lock = lock.replace(TARGET_PLACEHOLDER, quote(config.name, safe=""))
    # Configured values first: a replica may not know the account, and all need the same name.
    scope = config.account or config.url or target.account
    lease_name = f"mesh-reconciler/{scope}/{target.region}/{config.owner}"
    # The lease is in the service that the SDK finds, not at the URL or in the role of the target.
    connection = replace(connection_of(config), url=None, role_arn=None)
    store = open_store("--lock", lock, lease_name, sessions or Sessions(), connection)
    return Elector(store, holder or name_process(), term_seconds, steady_seconds, time.time)


def name_process() -> str:
    """Return a name of this process that no other process has."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def steady_seconds() -> float:
    """Return the seconds of a clock that is never set and counts while the machine sleeps."""
    # On Linux time.monotonic stops while the machine sleeps, so a lease would expire too late.
    boot_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(boot_clock)


def open_store(
    option: str, place: str, name: str, sessions: Sessions, connection: Connection
) -> LeaseStore:
    """Return the store at ``place``, the value of ``option``, for the record ``name``.

    Raises:
        UsageError: The location is invalid, or the store needs an extra that is not installed.
    """
    scheme, _, location = place.partition(":")
    # A store may import the client library of its service, so only the chosen one is imported.
    try:
        module = import_module(f"reconciler.locks.{scheme}")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{option} {scheme} needs the Python package {error.name}: install"
            f" mesh-reconciler[{scheme}]"
        ) from error
    context = StoreContext(name, partial(_open_client, sessions, connection))
    store: LeaseStore = module.open_store(location, context)
    return store


def _open_client(sessions: Sessions, connection: Connection, service: str) -> Any:
    return open_client(sessions.open(connection), service, connection, workers=1, attempts=1)
