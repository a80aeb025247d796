"""The errors of the endpoint, with the action that each needs.

EndpointError
  DataDirectoryLockedError    another process serves this directory: use its URL
  DataDirectoryUnusableError  fix the permissions or the path of the data directory
  InvalidStoreError           restore the database, move it away, or use another store
  InvalidBehaviorError        correct the behaviors
  InvalidFaultsError          correct the faults
  StoreFailedError            check the disk; the API client receives a 500 or 503
  StoreNotCopiedError         copy to an empty store, while no endpoint writes
  OutcomeUnknownError         repeat the request with its token; its connection was closed
  ApiError                    correct the request; it becomes the API response
"""

from pathlib import Path


class EndpointError(Exception):
    """Base class of the endpoint's errors."""


class DataDirectoryLockedError(EndpointError):
    """Another process serves the data directory.

    ``url`` is the URL of that process, or None if it did not announce one in time.
    """

    def __init__(self, directory: Path, url: str | None) -> None:
        location = f"at {url}" if url else "(its URL is not known yet)"
        super().__init__(f"another process serves the data directory {directory} {location}")
        self.directory = directory
        self.url = url


class DataDirectoryUnusableError(EndpointError):
    """The data directory cannot be created, opened or locked."""


class InvalidStoreError(EndpointError):
    """The database is damaged, of another application, or of another version.

    It was not changed.
    """


class StoreNotCopiedError(EndpointError):
    """The target of a copy has other data, or a store was written during the copy."""


class InvalidBehaviorError(EndpointError):
    """A setting has an unknown behavior or an invalid value."""


class InvalidFaultsError(EndpointError):
    """The faults cannot be read or are invalid; the message lists every problem."""


class StoreFailedError(EndpointError):
    """The database failed, and nothing was written.

    ``busy`` is true if another process kept the database locked, so that a retry may succeed.
    """

    def __init__(self, message: str, *, busy: bool) -> None:
        super().__init__(message)
        self.busy = busy


class OutcomeUnknownError(EndpointError):
    """The database may or may not have committed the write."""

    def __init__(self) -> None:
        super().__init__("the database did not confirm the commit")


class ApiError(EndpointError):
    """The request is rejected with the error ``code`` of the API and this message.

    ``status`` is the HTTP status if it differs from the one in the API description.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
