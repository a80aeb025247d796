"""Checks of the default quotas of an account."""

from reconciler.api import BACKENDS, QUOTAS
from reconciler.endpoint.semantics import error_messages
from reconciler.endpoint.state.tables import Resource, Tables


def check_quota(tables: Tables, resource: Resource) -> None:
    """Check that writing ``resource`` exceeds no quota.

    Raises:
        ApiError: It exceeds a quota.
    """
    quota = QUOTAS[resource.collection.kind]
    new = not tables.find(resource.collection, resource.name)
    if new and tables.count(resource.collection) >= quota.limit:
        raise error_messages.over_quota(quota.scope, quota.limit)
    if len(resource.spec.get("backends", ())) > BACKENDS:
        raise error_messages.over_quota("backends per virtual node", BACKENDS)
