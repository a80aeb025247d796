"""Tells from a node id which proxy a stream belongs to, and whether its certificate allows that."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.resources import Key
from reconciler.envoy import names

_ARN = re.compile(
    r"arn:[a-z0-9-]+:appmesh:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<id>.+)"
)
_URI_PREFIX = "appmesh:"


@dataclass(frozen=True, slots=True)
class ProxyId:
    """A proxy, and the account and region whose state has its mesh."""

    account: str
    region: str
    key: Key
    node_id: str
    """Its node id as from ``mesh/`` on."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The account and region of short node ids, and the names in certificates.

    Attributes:
        account: The account of ids that are no ARNs.
        region: The region of ids that are no ARNs.
        certificate_names: Node ids by a subject alternative name.
    """

    account: str
    region: str
    certificate_names: Mapping[str, str] = field(default_factory=dict)

    def parse(self, node_id: str) -> ProxyId | None:
        """Return the proxy of a node id, or None if it is neither form of App Mesh."""
        arn = _ARN.fullmatch(node_id)
        key = names.parse_node_id(arn["id"] if arn else node_id)
        if key is None:
            return None
        account = arn["account"] if arn else self.account
        region = arn["region"] if arn else self.region
        # A shared mesh is in the state of the account that owns it.
        owned = key._replace(mesh_owner="")
        return ProxyId(key.mesh_owner or account, region, owned, names.node_id(key))

    def allows(self, proxy: ProxyId, certificate: tuple[str, ...]) -> bool:
        """Return whether a certificate with these subject alternative names is for `proxy`.

        A name without an account is for the account and region of short node ids only.
        """
        ids = [self.certificate_names.get(name) for name in certificate]
        ids += [name[len(_URI_PREFIX) :] for name in certificate if name.startswith(_URI_PREFIX)]
        return any(node_id and self.parse(node_id) == proxy for node_id in ids)
