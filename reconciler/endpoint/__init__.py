"""The local App Mesh: a real server of the API, and a second reading of it.

It shares nothing with the client but the description, so that a misunderstanding on one side shows
on the other.
"""

from reconciler.endpoint.errors import (
    AddressRefusedError,
    EndpointError,
    FolderHeldError,
    FolderUnusableError,
    StoreRefusedError,
)
from reconciler.endpoint.rules import Behaviour
from reconciler.endpoint.server import LocalEndpoint

__all__ = [
    "AddressRefusedError",
    "Behaviour",
    "EndpointError",
    "FolderHeldError",
    "FolderUnusableError",
    "LocalEndpoint",
    "StoreRefusedError",
]
