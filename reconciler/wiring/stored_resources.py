"""Resources in a store of the endpoint, as the client knows them."""

from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key
from reconciler.endpoint import Resource

_KINDS = {kind.title: name for name, kind in KINDS.items()}


def key_of(resource: Resource) -> Key:
    """Return the key of a resource in a store."""
    collection = resource.collection
    parents = collection.parent.split("/") if collection.parent else []
    return Key(_KINDS[collection.kind], (*parents, resource.name))
