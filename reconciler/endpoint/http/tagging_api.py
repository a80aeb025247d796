"""The operations of the tagging API on the resources of the endpoint."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from reconciler.api import Operation
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.faults.fault_effects import Response
from reconciler.endpoint.http.parse_request import check_call
from reconciler.endpoint.http.protocols import TAGGING
from reconciler.endpoint.http.store_results import WriteResults, read_result
from reconciler.endpoint.semantics import tagging
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.operations import Operations
from reconciler.endpoint.state.store import Store
from reconciler.endpoint.state.tables import Scope, Tables


class TaggingApi:
    """GetResources, TagResources and UntagResources; ``known`` are the operations of App Mesh."""

    def __init__(
        self,
        known: Mapping[str, Operation],
        operations: Operations,
        store: Store,
        behavior: Behavior,
    ) -> None:
        self._known = known
        self._operations = operations
        self._store = store
        self._writes = WriteResults()
        self._behavior = behavior

    async def perform(self, action: str, scope: Scope, body: bytes) -> Response:
        """Return the response to a request.

        Raises:
            ApiError: The request is invalid.
        """
        try:
            request = json.loads(body or b"{}")
        except (ValueError, RecursionError) as error:
            raise ApiError("InvalidParameterException", f"the body is not JSON: {error}") from error
        if action == "GetResources":
            arn = self._operations.views.arn
            found = await read_result(
                self._store.read(lambda tables: tagging.get_resources(request, scope, tables, arn))
            )
        else:
            found = await self._change(action, scope, request)
        return Response(200, json.dumps(found), TAGGING.content_type)

    async def _change(self, action: str, scope: Scope, request: Any) -> dict[str, Any]:
        arns, parameters = tagging.read_change(action, request)
        operation = self._known[action.removesuffix("s")]

        def write(arn: str, tables: Tables) -> None:
            named = {"resourceArn": arn, **parameters}
            self._operations.write(check_call(operation, scope, named, self._behavior), tables)

        failures = {}
        writes = {arn: self._store.write(scope, partial(write, arn)) for arn in arns}
        for arn, writing in writes.items():
            try:
                await self._writes.result(writing)
            except ApiError as error:
                failures[arn] = tagging.failure(error)
        return {"FailedResourcesMap": failures}
