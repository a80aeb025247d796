"""Every error raised on purpose, arranged by who can act on it.

::

    ReconcilerError
      UsageError             whoever typed the command
      ManifestError          the author of a manifest
      HeldError              nobody: another run is at work
      LockError              whoever runs the place of the lock
      MovedError             whoever agreed to a plan: it is another one by now
      DaemonError            whoever runs the daemon that was asked
      HistoryError           whoever cloned the repository
      ForgeError             whoever runs the forge, or gave the token for it
      TargetError            whoever runs the target
        ThrottledError       nobody: wait and try again
        UnavailableError     nobody: wait and look again, the call may have taken effect
          UnreachableError   whoever runs the target: nobody listens there, nothing was done
        GoneError            nobody: the world moved; look again
        ConflictError        nobody: the world moved; look again
        RefusedError         whoever owns the credentials, the quota or the request
"""


class ReconcilerError(Exception):
    """Something went wrong that was foreseen; the message is written for a person."""


class UsageError(ReconcilerError):
    """The command line, the environment or reconciler.toml asks for what cannot be done.

    ``choices`` are what could be said instead, each a line of its own.
    """

    def __init__(self, message: str, *choices: str) -> None:
        super().__init__(message)
        self.choices = choices


class ManifestError(ReconcilerError):
    """The manifests could not be read, or are not valid."""


class LockHeldError(ReconcilerError):
    """Another run holds the lock."""


class LockError(ReconcilerError):
    """The lock could not be read or written, so who holds it is not known."""


class PlanChangedError(ReconcilerError):
    """What would be done now is not what was agreed to."""


class DaemonError(ReconcilerError):
    """A running daemon was asked for something and did not give it."""


class HistoryError(ReconcilerError):
    """An earlier state of the manifests could not be read."""


class ForgeError(ReconcilerError):
    """The forge that runs the CI job did not do what was asked of it."""


class TargetError(ReconcilerError):
    """A call to the target did not do what was asked of it.

    ``request_id`` identifies the answer if the service may remember it together with the client
    token of the request, so that the same token would bring the same error again; else it is empty.
    """

    request_id: str = ""


class ThrottledError(TargetError):
    """The target asked us to slow down; the call had no effect."""


class UnavailableError(TargetError):
    """No usable answer came; whether the call took effect is unknown until the next read."""


class UnreachableError(UnavailableError):
    """Nobody listens where the target should be; the call was not even sent."""


class NotFoundError(TargetError):
    """The resource is not there."""


class ConflictError(TargetError):
    """The name is taken, the token was used otherwise, or something still holds the resource."""


class RejectedError(TargetError):
    """The target understood the call and refused it."""
