"""The local App Mesh: a real server of the API, and a second reading of it.

It shares nothing with the client but the description, so that a misunderstanding on one side shows
on the other.
"""

from reconciler.endpoint.endpoint_errors import (
    DataDirectoryLockedError,
    EndpointError,
    InvalidBehaviorError,
    InvalidFaultsError,
)
from reconciler.endpoint.local_endpoint import LocalEndpoint
from reconciler.endpoint.semantics.behaviors import Behavior, parse_behavior
from reconciler.serving.http_server import InvalidAddressError, ServingError

__all__ = [
    "Behavior",
    "DataDirectoryLockedError",
    "EndpointError",
    "InvalidAddressError",
    "InvalidBehaviorError",
    "InvalidFaultsError",
    "LocalEndpoint",
    "ServingError",
    "parse_behavior",
]
