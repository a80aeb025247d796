"""The places of the names and the spec of a resource in a document of any format."""

from collections.abc import Iterator
from dataclasses import dataclass
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
    """A position on a page, and the path that leads to it in the document."""

    mark: Position
    path: Path


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one resource, valid or not.

    ``path`` leads to ``root``, the resource with its variables, functions and references resolved.
    From there ``names`` lead to the names in its key, the mesh first, ``owner`` to the account of
    the mesh and ``spec`` to the spec, which should be a ``form``.
    """

    root: MappingNode
    path: Path
    names: tuple[Path, ...]
    spec: Path
    form: type[BaseModel]
    owner: Path = ("meshOwner",)

    def key(self, kind: str) -> Key | None:
        """Return the key that the names make; None if one of them cannot be read."""
        names = [_text(find(self.root, path)[1]) for path in self.names]
        _, owner = find(self.root, self.owner)
        account = _text(owner) if owner else ""
        if account is None or not all(names):
            return None
        return Key(kind, tuple(map(str, names)), account)

    def are_named(self, errors: list[Diagnostic]) -> bool:
        """Whether the names can be relied on: none is wrong, and none is given twice."""
        names = [format_path((*self.path, *name)) for name in (*self.names, self.owner)]
        return not any(
            is_within(item.path, name)
            or (item.code is Code.DUPLICATE_KEY and is_within(name, item.path))
            for item in errors
            for name in names
        )

    def references(self, key: Key, errors: list[Diagnostic]) -> Iterator[tuple[Steps, Key]]:
        """Yield what the spec of ``key`` names and needs, as far as that can be read.

        Each comes with the steps that lead to it in the spec. One that has an error itself is left
        out.
        """
        wrong = {item.path for item in errors}
        for pattern, kind in KINDS[key.kind].references:
            for steps, place, node in self._find(tuple(pattern.split("/"))):
                name = _text(node)
                if name and format_path(place.path) not in wrong:
                    yield steps, Key(kind, (key.path[0], name), key.mesh_owner)

    def name(self, index: int = -1) -> Place:
        """Return the place of one of the names, that of the resource itself by default."""
        path = self.names[index]
        position, node = find(self.root, path)
        return Place(node.position if node else position, (*self.path, *path))

    def in_spec(self, steps: Steps) -> Place:
        """Return the place in the spec that ``steps`` lead to.

        The steps are the API's; the path of the place is as the document spells it. If a field is
        missing, the mark is that of the mapping that lacks it.
        """
        ((_, place, _),) = self._find(steps)
        return place

    def _find(self, steps: Steps) -> Iterator[tuple[Steps, Place, Node | None]]:
        position, node = find(self.root, self.spec)
        return _walk(steps, (), Place(position, (*self.path, *self.spec)), node, self.form)


def _walk(
    steps: Steps, taken: Steps, place: Place, node: Node | None, form: type[BaseModel]
) -> Iterator[tuple[Steps, Place, Node | None]]:
    """Yield what ``steps`` lead to in ``node``, a ``form`` at ``place``, with its own steps."""
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
                # The controller adds the backends of a group to those of a node.
                yield taken, place, None
                return
            item = Place(items[index].position, (*place.path, index))
            yield from _walk(tuple(rest), (*taken, index), item, items[index], form)
        return
    if items:
        # Terraform has each object in a list of its own.
        place, node = Place(items[0].position, (*place.path, 0)), items[0]
    field = form.model_fields[attribute(step)]
    name = str(field.alias)
    position, value = find(node, (name,)) if node else (place.mark, None)
    inside = Place(position, (*place.path, name))
    yield from _walk(
        tuple(rest), (*taken, step), inside, value, find_model(field.annotation) or form
    )


def _text(node: Node | None) -> str | None:
    return node.text if isinstance(node, ScalarNode) and node.value is not None else None
