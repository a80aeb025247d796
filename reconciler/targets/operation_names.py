"""Which operation a verb on a kind takes, and how a request names a resource."""

from functools import cache

from reconciler.api import Action, Operation, load
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key


@cache
def operation_of(kind: str, action: Action) -> Operation:
    """Return the operation for a verb on a kind, which is the API's word for it."""
    of_kind = None if action in ("tag", "untag") else kind
    return next(
        operation
        for operation in load().operations.values()
        if operation.action == action
        and (operation.kind.name if operation.kind else None) == of_kind
    )


def path_of(kind: str) -> tuple[str, ...]:
    """Return the members that name a resource of ``kind`` in a request, parents first."""
    return load().kinds[KINDS[kind].title].path


def arguments_of(key: Key) -> dict[str, str]:
    """Return the arguments that name ``key`` in a request."""
    shared = {"meshOwner": key.mesh_owner} if key.mesh_owner else {}
    return dict(zip(path_of(key.kind), key.path, strict=True)) | shared
