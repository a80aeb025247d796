"""One row per kind: how users write it and when its turn comes.

Holds no behaviour of the API; what a kind looks like on the wire is the target's to know.
"""

from dataclasses import dataclass

from reconciler.core.errors import UsageError
from reconciler.core.resources import Key


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource.

    ``word`` is what manifests call it. ``parents`` names the kinds whose names come before its
    own in a key. ``wave`` orders creates and updates, lowest first; deletes go the other way.
    """

    name: str
    word: str
    parents: tuple[str, ...]
    wave: int


KINDS = {kind.name: kind for kind in (Kind("mesh", "Mesh", (), 0),)}


def parse_key(text: str) -> Key:
    """Return the key that ``text`` spells, such as ``mesh/payments``; UsageError if it is none."""
    name, *path = text.split("/")
    kind = KINDS.get(name)
    if kind is None:
        known = ", ".join(KINDS)
        raise UsageError(f'"{text}" is no key: it starts with none of {known}')
    if len(path) != len(kind.parents) + 1 or not all(path):
        shape = "/".join((kind.name, *(f"<{parent}>" for parent in kind.parents), "<name>"))
        raise UsageError(f'"{text}" is no key of a {kind.name}: write {shape}')
    return Key(kind.name, tuple(path))
