"""The endpoint command: serves a local App Mesh API."""

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reconciler import known_secrets
from reconciler.cli.command import Invocation
from reconciler.cli.output import print_result
from reconciler.cli.signals import stop_on_signals
from reconciler.core.errors import LockHeldError, TargetError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.endpoint import (
    Behavior,
    DataDirectoryLockedError,
    EndpointError,
    InvalidAddressError,
    InvalidBehaviorError,
    InvalidFaultsError,
    LocalEndpoint,
    ServingError,
    parse_behavior,
)

IN_MEMORY = ":memory:"


def run(invocation: Invocation) -> int:
    """Serve a local App Mesh API until SIGTERM or SIGINT."""
    host, port = invocation.listen
    remember_password(invocation["store"])
    data = None if invocation["data"] == IN_MEMORY else Path(invocation["data"])
    try:
        endpoint = LocalEndpoint(
            data,
            store=invocation["store"],
            host=host,
            port=port,
            behavior=_behavior(invocation),
            faults=invocation["faults"],
            allow_hosts=invocation["allow_host"],
            insecure=invocation["insecure"],
        )
        with stop_on_signals() as stop, endpoint:
            print_result(
                f"App Mesh API at {endpoint.url}, data in {endpoint.location}; Ctrl-C stops it\n"
            )
            stop.stop_requested.wait()
    except DataDirectoryLockedError as error:
        raise LockHeldError(
            f"{error}: use that URL, stop that process, or pass another --data DIR"
        ) from error
    except (InvalidAddressError, InvalidBehaviorError, InvalidFaultsError) as error:
        raise UsageError(str(error)) from error
    except (EndpointError, ServingError) as error:
        raise TargetError(str(error)) from error
    return ExitCode.OK


def remember_password(store: str | None) -> None:
    """Hide the password of a store's URL in all later text."""
    with suppress(ValueError):  # the endpoint reports an invalid URL, without its text
        password = urlsplit(store or "").password or ""
        known_secrets.remember(password, unquote(password), os.environ.get("PGPASSWORD"))


def _behavior(invocation: Invocation) -> Behavior:
    base = Behavior(
        token_retention_seconds=invocation["token_retention"], quotas=invocation["quotas"]
    )
    return parse_behavior(invocation["behavior"], base)
