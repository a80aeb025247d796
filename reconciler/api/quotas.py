"""The default quotas of an account, as public dumps of the quota service have them."""

from typing import NamedTuple


class Quota(NamedTuple):
    """How many of a kind may stand side by side: in their parent, or in the account."""

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
