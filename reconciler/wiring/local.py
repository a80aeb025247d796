"""The embedded endpoint: served here, or by whoever holds its data."""

import time
from contextlib import ExitStack
from pathlib import Path

from reconciler.core.errors import LockHeldError, TargetError
from reconciler.endpoint import DataDirectoryLockedError, EndpointError, LocalEndpoint, ServingError

LOCAL_DATA = Path(".reconciler")
# A holder that ends stops listening some time before it lets its folder go.
RELEASE_ATTEMPTS = 100
RELEASE_DELAY_SECONDS = 0.1


def local_url(opened: ExitStack, lost: str | None) -> str:
    """Return the URL of the embedded endpoint: ours, or that of the process that holds its data.

    Ours lives as long as ``opened``. ``lost`` is where nobody listens any more; its holder may be
    about to let go. HeldError where it does not, TargetError where none can be started.
    """
    for _ in range(RELEASE_ATTEMPTS):
        try:
            return opened.enter_context(LocalEndpoint(LOCAL_DATA)).url
        except DataDirectoryLockedError as withheld:
            if withheld.url is None:
                raise LockHeldError(str(withheld)) from withheld
            if withheld.url != lost:
                return withheld.url
            time.sleep(RELEASE_DELAY_SECONDS)
        except (EndpointError, ServingError, OSError) as error:
            raise TargetError(f"starting the local endpoint: {error}") from error
    raise LockHeldError(
        f"{LOCAL_DATA} is locked by a process that no longer serves it: try again when it has ended"
    )
