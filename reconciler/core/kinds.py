"""One row per kind: how users write it and when its turn comes.

Holds no behaviour of the API; what a kind looks like on the wire is the target's to know.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource.

    ``word`` is what manifests call it. ``wave`` orders creates and updates, lowest first; deletes
    go the other way.
    """

    name: str
    word: str
    wave: int


KINDS = {kind.name: kind for kind in (Kind("mesh", "Mesh", 0),)}
