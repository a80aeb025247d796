"""The local endpoint: a server that implements the App Mesh API.

It shares only the API description with the client, so that a wrong assumption of the client shows
as a failed request.
"""

from reconciler.endpoint.endpoint_errors import (
    DataDirectoryLockedError,
    EndpointError,
    InvalidBehaviorError,
    InvalidFaultsError,
    StoreFailedError,
)
from reconciler.endpoint.local_endpoint import LocalEndpoint
from reconciler.endpoint.semantics.behaviors import Behavior, parse_behavior
from reconciler.endpoint.state.copy_state import copy_state
from reconciler.endpoint.state.open_store import open_reader
from reconciler.endpoint.state.store import Readable, Snapshot
from reconciler.endpoint.state.tables import Resource, Scope
from reconciler.serving.http_server import InvalidAddressError, ServingError
from reconciler.serving.reloaded_file import InvalidFileError

__all__ = [
    "Behavior",
    "DataDirectoryLockedError",
    "EndpointError",
    "InvalidAddressError",
    "InvalidBehaviorError",
    "InvalidFaultsError",
    "InvalidFileError",
    "LocalEndpoint",
    "Readable",
    "Resource",
    "Scope",
    "ServingError",
    "Snapshot",
    "StoreFailedError",
    "copy_state",
    "open_reader",
    "parse_behavior",
]
