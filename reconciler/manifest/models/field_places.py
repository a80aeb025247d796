"""Positions of the names and spec fields of a resource, in a document of any format."""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel

from reconciler.core.kinds import KINDS, Steps
from reconciler.core.resources import Key
from reconciler.manifest.models.specs import attribute
from reconciler.manifest.models.validation import find_model
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic
from reconciler.manifest.parsing.nodes import (
    ListNode,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    find,
    format_path,
    is_within,
)

_ANY_ITEM = "*"


class Place(NamedTuple):
    """A position in a file and its path in the document."""

    position: Position
    path: Path


class Fields(NamedTuple):
    """The fields of one resource, valid or not.

    Attributes:
        root: The resource with its variables, functions and references resolved.
        path: The path of ``root`` in its document.
        names: The paths from ``root`` to the names in the key, the mesh first.
        spec: The path from ``root`` to the spec.
        model: The model of the spec.
        owner: The path from ``root`` to the account that owns the mesh.
    """

    root: MappingNode
    path: Path
    names: tuple[Path, ...]
    spec: Path
    model: type[BaseModel]
    owner: Path = ("meshOwner",)

    def key(self, kind: str) -> Key | None:
        """Return the key, or None if one of the names cannot be read."""
        names = [_text(find(self.root, path)[1]) for path in self.names]
        _, owner = find(self.root, self.owner)
        account = _text(owner) if owner else ""
        if account is None or not all(names):
            return None
        return Key(kind, tuple(map(str, names)), account)

    def are_named(self, errors: list[Diagnostic]) -> bool:
        """Return whether the names are reliable: none has an error or is a duplicate."""
        names = [format_path((*self.path, *name)) for name in (*self.names, self.owner)]
        return not any(
            is_within(item.path, name)
            or (item.code is Code.DUPLICATE_KEY and is_within(name, item.path))
            for item in errors
            for name in names
        )

    def references(self, key: Key, errors: list[Diagnostic]) -> Iterator[tuple[Steps, Key]]:
        """Yield the references in the spec of ``key``, each with its path in the spec.

        References with an error are left out.
        """
        wrong = {item.path for item in errors}
        for pattern, kind in KINDS[key.kind].references:
            for steps, place, node in self._find(tuple(pattern.split("/"))):
                name = _text(node)
                if name and format_path(place.path) not in wrong:
                    yield steps, Key(kind, (key.path[0], name), key.mesh_owner)

    def name(self, index: int = -1) -> Place:
        """Return the place of a name; by default that of the resource itself."""
        path = self.names[index]
        position, node = find(self.root, path)
        return Place(node.position if node else position, (*self.path, *path))

    def in_spec(self, steps: Steps) -> Place:
        """Return the place of a field in the spec.

        ``steps`` has the API's names; the path of the place has the names of the document. If the
        field is missing, the position is that of the mapping that lacks it.
        """
        ((_, place, _),) = self._find(steps)
        return place

    def _find(self, steps: Steps) -> Iterator[tuple[Steps, Place, Node | None]]:
        position, node = find(self.root, self.spec)
        return _walk(steps, (), Place(position, (*self.path, *self.spec)), node, self.model)


def _walk(
    steps: Steps, taken: Steps, place: Place, node: Node | None, model: type[BaseModel]
) -> Iterator[tuple[Steps, Place, Node | None]]:
    """Yield each field at ``steps`` in ``node``, with its own steps and its place.

    ``model`` is the model of ``node``, which is at ``place``.
    """
    if not steps:
        place = Place(node.position, place.path) if isinstance(node, ScalarNode) else place
        yield taken, place, node
        return
    step, *rest = steps
    items = node.items if isinstance(node, ListNode) else []
    if step == _ANY_ITEM or isinstance(step, int):
        chosen = range(len(items)) if step == _ANY_ITEM else [int(step)]
        for index in chosen:
            if index >= len(items):
                # The backends of a backend group are not in the document of the node.
                yield taken, place, None
                return
            item = Place(items[index].position, (*place.path, index))
            yield from _walk(tuple(rest), (*taken, index), item, items[index], model)
        return
    if items:
        # Terraform has each object in a list of one.
        place, node = Place(items[0].position, (*place.path, 0)), items[0]
    field = model.model_fields[attribute(step)]
    name = str(field.alias)
    position, value = find(node, (name,)) if node else (place.position, None)
    inside = Place(position, (*place.path, name))
    yield from _walk(
        tuple(rest), (*taken, step), inside, value, find_model(field.annotation) or model
    )


def _text(node: Node | None) -> str | None:
    return node.text if isinstance(node, ScalarNode) and node.value is not None else None
