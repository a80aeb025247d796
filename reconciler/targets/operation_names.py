"""Operations by kind and action, and the request arguments that identify a resource."""

from functools import cache

from reconciler.api import Action, Operation, load
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key


@cache
def operation_of(kind: str, action: Action) -> Operation:
    """Return the operation for an action on `kind`, a kind name of the API."""
    operation_kind = None if action in ("tag", "untag") else kind
    return next(
        operation
        for operation in load().operations.values()
        if operation.action == action
        and (operation.kind.name if operation.kind else None) == operation_kind
    )


def path_of(kind: str) -> tuple[str, ...]:
    """Return the request members that identify a resource of `kind`, parents first."""
    return load().kinds[KINDS[kind].title].path


def arguments_of(key: Key) -> dict[str, str]:
    """Return the request arguments that identify `key`."""
    mesh_owner = {"meshOwner": key.mesh_owner} if key.mesh_owner else {}
    return dict(zip(path_of(key.kind), key.path, strict=True)) | mesh_owner
