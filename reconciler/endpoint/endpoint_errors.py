"""Every error that the endpoint raises on purpose, arranged by who can act on it.

EndpointError
  FolderHeldError       nobody: another process serves this data; use its URL
  FolderUnusableError   whoever owns the data folder
  StoreRefusedError     whoever owns the data folder: its database is not one that we may open
  BehaviorRefusedError whoever chose the behaviors
  FaultsRefusedError    whoever wrote the faults
  StoreFailedError      whoever owns the disk; the caller of the API gets a 500 or 503
  RefusedError          the caller of the API; it becomes the answer
"""

from pathlib import Path


class EndpointError(Exception):
    """Anything that the endpoint raises on purpose."""


class DataDirectoryLockedError(EndpointError):
    """Another process serves the data folder; ``url`` is where, None if it has not said."""

    def __init__(self, directory: Path, url: str | None) -> None:
        where = f"at {url}" if url else "and has not said where"
        super().__init__(f"{directory} is served by another process {where}")
        self.folder = directory
        self.url = url


class DataDirectoryUnusableError(EndpointError):
    """The data folder cannot be made, opened or locked."""


class InvalidStoreError(EndpointError):
    """The database is damaged, foreign, or of a newer version; it was left untouched."""


class InvalidBehaviorError(EndpointError):
    """A setting is no behavior, or not one of its values."""


class InvalidFaultsError(EndpointError):
    """The description of faults cannot be read, or is not one; the text says every reason."""


class StoreFailedError(EndpointError):
    """The database could not do what was asked; nothing of it took effect.

    ``busy`` says that another process kept it locked, so that asking again may help.
    """

    def __init__(self, message: str, *, busy: bool) -> None:
        super().__init__(message)
        self.busy = busy


class ApiError(EndpointError):
    """The request is refused with the API's error ``code``; the text is its message.

    ``status`` is the HTTP status where it is to be another than the API's.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
