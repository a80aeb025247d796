"""The default quotas of an account, as public dumps of the quota service have them."""

from reconciler.endpoint import refusals
from reconciler.endpoint.records import Records, Resource

# How many of a kind may stand side by side: in a mesh, in their parent, or in the account.
_MOST = {
    "Mesh": (15, "meshes per account"),
    "VirtualService": (200, "virtual services per mesh"),
    "VirtualNode": (200, "virtual nodes per mesh"),
    "VirtualRouter": (200, "virtual routers per mesh"),
    "Route": (50, "routes per virtual router"),
    "VirtualGateway": (3, "virtual gateways per mesh"),
    "GatewayRoute": (10, "gateway routes per virtual gateway"),
}
_BACKENDS = 50


def refuse_over_quota(records: Records, resource: Resource) -> None:
    """Refuse a resource about to be written that would be one too many.

    Raises:
        RefusedError: It would.
    """
    most, what = _MOST[resource.shelf.kind]
    new = not records.find(resource.shelf, resource.name)
    if new and records.count(resource.shelf) >= most:
        raise refusals.over_quota(what, most)
    if len(resource.spec.get("backends", ())) > _BACKENDS:
        raise refusals.over_quota("backends per virtual node", _BACKENDS)
