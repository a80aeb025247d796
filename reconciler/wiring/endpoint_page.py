"""The page of the endpoint, and the documents that it reads."""

import json
from collections.abc import Callable
from functools import partial

from reconciler import pages
from reconciler.core.resources import Json, Key
from reconciler.endpoint import LocalEndpoint, Readable, Resource, Scope, StoreFailedError
from reconciler.render.page_documents import live_graph
from reconciler.serving.documents import Document, message
from reconciler.wiring.stored_resources import key_of

_ROOT = "/_endpoint/"


def mount_page(endpoint: LocalEndpoint) -> None:
    """Let a running endpoint serve its page and the documents that the page reads."""
    endpoint.files |= {
        f"{_ROOT}{name}": Document(asset.text, asset.content_type.encode(), headers=pages.HEADERS)
        for name, asset in pages.endpoint_page().items()
    }
    endpoint.documents |= endpoint_documents(endpoint.state)


def endpoint_documents(store: Readable) -> dict[str, Callable[[], Document]]:
    """Return functions that return the resources in ``store``, by path."""
    return {
        f"{_ROOT}revisions": partial(_read, store, _revisions),
        f"{_ROOT}resources": partial(_read, store, _resources),
    }


def _read(store: Readable, document: Callable[[Readable], Json]) -> Document:
    try:
        return Document(json.dumps(document(store)), headers=pages.HEADERS)
    except StoreFailedError as error:
        return message(503, f"the state cannot be read: {error}")


def _revisions(store: Readable) -> Json:
    """Return the revision of each scope, so that a page knows when to read its resources."""
    revisions = store.snapshot(lambda tables: tables.revisions())
    return {"scopes": [_scope(scope, revision) for scope, revision in revisions.items()]}


def _resources(store: Readable) -> Json:
    """Return all resources of all scopes, with their specs and references."""
    scopes: list[Json] = []
    for scope in store.snapshot(lambda tables: tables.revisions()):
        found = store.read_all(scope)
        keys = [(key_of(resource), resource) for resource in found.resources]
        scopes.append(
            {
                **_scope(scope, found.revision),
                "resources": [_resource(key, resource) for key, resource in keys],
                "graph": live_graph({key: resource.spec for key, resource in keys}),
            }
        )
    return {"scopes": scopes}


def _scope(scope: Scope, revision: int) -> dict[str, Json]:
    return {"account": scope.account, "region": scope.region, "revision": revision}


def _resource(key: Key, resource: Resource) -> Json:
    return {
        "key": str(key),
        "owner": resource.owner,
        "version": resource.version,
        "created_at": resource.created / 1000,
        "updated_at": resource.updated / 1000,
        "spec": resource.spec,
        "tags": dict(resource.tags),
    }
