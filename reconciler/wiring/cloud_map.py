"""Joins AWS Cloud Map with the server of Envoys."""

from collections.abc import Mapping
from typing import Any

from reconciler import limits
from reconciler.core.errors import TargetError
from reconciler.envoy.cloud_map import CloudMap
from reconciler.envoy.snapshot import CloudMapQuery
from reconciler.targets.error_translation import translate_errors
from reconciler.targets.session import Connection, open_client, open_session

SERVICE = "servicediscovery"


def open_cloud_map(region: str) -> CloudMap:
    """Return the instances that Cloud Map has in `region`, by the credentials of the SDK.

    Raises:
        UsageError: There is no client for these settings.
    """
    connection = Connection(region=region)
    session = open_session(connection)
    client = open_client(session, SERVICE, connection, workers=1)

    def discover(query: CloudMapQuery) -> Mapping[str, Any]:
        label = f"Cloud Map service {query.service} in {query.namespace}"
        with translate_errors(label):
            found: Mapping[str, Any] = client.discover_instances(
                NamespaceName=query.namespace,
                ServiceName=query.service,
                QueryParameters=dict(query.attributes),
                HealthStatus="HEALTHY_OR_ELSE_ALL",
                MaxResults=limits.CLOUD_MAP_MAX_RESULTS,
            )
        if not isinstance(found.get("Instances"), list):
            raise TargetError(f"{label}: the response is not from this API")
        return found

    return CloudMap(discover)
