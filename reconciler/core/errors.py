"""The errors that are raised on purpose, with who can act on each.

::

    ReconcilerError
      UsageError             the user who ran the command
      ManifestError          the author of a manifest
      LockHeldError          wait: another run holds the lock
      LockError              the operator of the lock backend
      PlanChangedError       the approver of the plan: approve the new one
      DaemonError            the operator of the daemon
      HistoryError           the owner of the git clone
      RepositoryError        the owner of the git repository that is the source
      RolloutWaitError       wait: the wave of the target has not begun
      ForgeError             the operator of the forge, or the owner of its token
      TargetError            the operator of the target
        ThrottledError       wait and retry
        UnavailableError     retry after re-reading the target: the call may have taken effect
          UnreachableError   the operator of the target: no server listens, nothing was sent
        NotFoundError        retry after re-reading the target
        ConflictError        retry after re-reading the target
        RejectedError        the owner of the credentials, the quota or the request
"""


class ReconcilerError(Exception):
    """A foreseen failure. Its message is for users."""


class UsageError(ReconcilerError):
    """The command line, the environment or reconciler.toml has an invalid value."""


class ManifestError(ReconcilerError):
    """The manifests could not be read or are invalid."""


class LockHeldError(ReconcilerError):
    """Another run holds the lock."""


class LockError(ReconcilerError):
    """The lock could not be read or written, so its holder is unknown."""


class PlanChangedError(ReconcilerError):
    """The current plan differs from the approved one."""


class DaemonError(ReconcilerError):
    """A running daemon did not answer a request as expected."""


class HistoryError(ReconcilerError):
    """An earlier state of the manifests could not be read."""


class RepositoryError(ReconcilerError):
    """A git repository that is the source could not be fetched or read."""


class RolloutWaitError(ReconcilerError):
    """The wave of a target has not begun, and the revision that it has cannot be read."""


class ForgeError(ReconcilerError):
    """A call to the forge that runs the CI job failed."""


class TargetError(ReconcilerError):
    """A call to the target failed.

    Attributes:
        request_id: Id of the response if the service may store it with the client token, so that a
            retry with the same token returns the same error; otherwise empty.
    """

    request_id: str = ""


class ThrottledError(TargetError):
    """The target throttled the call, which had no effect."""


class UnavailableError(TargetError):
    """No usable response arrived. Only a read shows whether the call took effect."""


class UnreachableError(UnavailableError):
    """No server listens at the address of the target; the call was not sent."""


class NotFoundError(TargetError):
    """The resource does not exist."""


class ConflictError(TargetError):
    """The name is taken, the token was used for another request, or the resource is in use."""


class RejectedError(TargetError):
    """The target understood the call and rejected it."""
