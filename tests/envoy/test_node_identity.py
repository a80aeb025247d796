"""Which proxy a node id and a certificate name."""

import pytest

from reconciler.core.resources import Key
from reconciler.envoy.node_identity import NodeIdentity, ProxyId

IDENTITY = NodeIdentity(
    "111111111111", "eu-west-1", {"spiffe://shop/front": "mesh/shop/virtualNode/front"}
)
FRONT = Key("virtual-node", ("shop", "front"))
ID = "mesh/shop/virtualNode/front"


@pytest.mark.parametrize(
    ("node_id", "expected"),
    [
        ("mesh/shop/virtualNode/front", ProxyId("111111111111", "eu-west-1", FRONT, ID)),
        (
            "arn:aws:appmesh:us-east-1:222222222222:mesh/shop/virtualNode/front",
            ProxyId("222222222222", "us-east-1", FRONT, ID),
        ),
        (
            "arn:aws-cn:appmesh:cn-north-1:222222222222:mesh/shop@333333333333/virtualGateway/edge",
            ProxyId(
                "333333333333",
                "cn-north-1",
                Key("virtual-gateway", ("shop", "edge")),
                "mesh/shop@333333333333/virtualGateway/edge",
            ),
        ),
        ("", None),
        ("mesh/shop/virtualRouter/front", None),
        ("mesh/shop/virtualNode/", None),
        ("mesh/shop/virtualNode/front/more", None),
        ("arn:aws:s3:::bucket", None),
    ],
)
def test_both_forms_of_app_mesh_name_a_proxy(node_id: str, expected: ProxyId | None) -> None:
    assert IDENTITY.parse(node_id) == expected


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        (("appmesh:mesh/shop/virtualNode/front",), True),
        (("other.local", "appmesh:mesh/shop/virtualNode/front"), True),
        (("spiffe://shop/front",), True),
        (("spiffe://shop/back",), False),
        (("appmesh:mesh/shop/virtualNode/back",), False),
        ((), False),
    ],
)
def test_a_certificate_is_for_the_proxy_that_it_names(
    names: tuple[str, ...],
    allowed: bool,  # a case
) -> None:
    assert IDENTITY.allows(ProxyId("111111111111", "eu-west-1", FRONT, ID), names) is allowed
