"""Resources and works for the tests of the stores."""

import threading
from collections.abc import Callable
from typing import Any

from reconciler.endpoint.state.store import Readable
from reconciler.endpoint.state.tables import Collection, Resource, Scope, Tables

HERE = Scope("000000000000", "us-east-1")
ELSEWHERE = Scope("111111111111", "us-east-1")
MESHES = Collection(HERE, "Mesh", "")


def mesh(name: str, scope: Scope = HERE, **spec: Any) -> Resource:
    collection = Collection(scope, "Mesh", "")
    return Resource(collection, name, scope.account, f"uid-{name}", 1, 0, 0, spec, {})


def putting(name: str, scope: Scope = HERE) -> Callable[[Tables], None]:
    return lambda tables: tables.put(mesh(name, scope))


def names(store: Readable, scope: Scope = HERE) -> list[str]:
    meshes = Collection(scope, "Mesh", "")
    return store.read(lambda tables: [each.name for each in tables.page(meshes)]).result()


class Pause:
    """A work that holds its transaction until `go` is called."""

    def __init__(self) -> None:
        self._begun, self._going = threading.Event(), threading.Event()

    def __call__(self, _: Tables) -> None:
        self._begun.set()
        assert self._going.wait(30)

    def begun(self) -> None:
        """Wait until a transaction is held."""
        assert self._begun.wait(30)

    def go(self) -> None:
        self._going.set()
