"""The default quotas of an account, from public dumps of the Service Quotas API."""

from typing import NamedTuple


class Quota(NamedTuple):
    """The maximum number of resources of a kind per parent or per account."""

    limit: int
    scope: str


QUOTAS = {
    "Mesh": Quota(15, "meshes per account"),
    "VirtualService": Quota(200, "virtual services per mesh"),
    "VirtualNode": Quota(200, "virtual nodes per mesh"),
    "VirtualRouter": Quota(200, "virtual routers per mesh"),
    "Route": Quota(50, "routes per virtual router"),
    "VirtualGateway": Quota(3, "virtual gateways per mesh"),
    "GatewayRoute": Quota(10, "gateway routes per virtual gateway"),
}
BACKENDS = 50
