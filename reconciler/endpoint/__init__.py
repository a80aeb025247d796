"""The local App Mesh: a real server of the API, and a second reading of it.

It shares nothing with the client but the description, so that a misunderstanding on one side shows
on the other.
"""

from reconciler.endpoint.behaviours import Behaviour, parse_behaviour
from reconciler.endpoint.errors import (
    DataDirectoryLockedError,
    EndpointError,
    InvalidBehaviorError,
    InvalidFaultsError,
)
from reconciler.endpoint.server import LocalEndpoint
from reconciler.serving.listening import InvalidAddressError, ServingError

__all__ = [
    "Behaviour",
    "DataDirectoryLockedError",
    "EndpointError",
    "InvalidAddressError",
    "InvalidBehaviorError",
    "InvalidFaultsError",
    "LocalEndpoint",
    "ServingError",
    "parse_behaviour",
]
