"""Opens the embedded endpoint, or finds the process that already serves its data."""

import time
from contextlib import ExitStack
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import LockHeldError, TargetError
from reconciler.endpoint import DataDirectoryLockedError, EndpointError, LocalEndpoint, ServingError

LOCAL_DATA = Path(".reconciler")


def local_url(opened: ExitStack, lost: str | None) -> str:
    """Return the URL of the embedded endpoint, started here or by the process that has its data.

    Args:
        opened: Stops an endpoint that is started here.
        lost: URL at which no server listens any more. Its process may be about to release the data.

    Raises:
        LockHeldError: another process has the data locked and does not serve it.
        TargetError: the endpoint cannot be started.
    """
    for _ in range(limits.DIRECTORY_RELEASE_ATTEMPTS):
        try:
            return opened.enter_context(LocalEndpoint(LOCAL_DATA)).url
        except DataDirectoryLockedError as locked:
            if locked.url is None:
                raise LockHeldError(
                    f"{locked}: try again when it has started, or stop it"
                ) from locked
            if locked.url != lost:
                return locked.url
            time.sleep(limits.DIRECTORY_RELEASE_DELAY_SECONDS)
        except (EndpointError, ServingError, OSError) as error:
            raise TargetError(f"starting the local endpoint: {error}") from error
    raise LockHeldError(
        f"{LOCAL_DATA} is locked by a process that no longer serves it: try again when it has ended"
    )
