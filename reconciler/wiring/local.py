"""The embedded endpoint: served here, or by whoever holds its data."""

import time
from contextlib import ExitStack
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import LockHeldError, TargetError
from reconciler.endpoint import DataDirectoryLockedError, EndpointError, LocalEndpoint, ServingError

LOCAL_DATA = Path(".reconciler")


def local_url(opened: ExitStack, lost: str | None) -> str:
    """Return the URL of the embedded endpoint: ours, or that of the process that holds its data.

    Ours lives as long as ``opened``. ``lost`` is where nobody listens any more; its holder may be
    about to let go. HeldError where it does not, TargetError where none can be started.
    """
    for _ in range(limits.DIRECTORY_RELEASE_ATTEMPTS):
        try:
            return opened.enter_context(LocalEndpoint(LOCAL_DATA)).url
        except DataDirectoryLockedError as withheld:
            if withheld.url is None:
                raise LockHeldError(str(withheld)) from withheld
            if withheld.url != lost:
                return withheld.url
            time.sleep(limits.DIRECTORY_RELEASE_DELAY_SECONDS)
        except (EndpointError, ServingError, OSError) as error:
            raise TargetError(f"starting the local endpoint: {error}") from error
    raise LockHeldError(f"{LOCAL_DATA} is held by a process that does not serve it any more")
