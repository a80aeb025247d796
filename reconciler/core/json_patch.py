"""Differences of two JSON values as RFC 6902 patches."""

import copy
import json
from typing import Any

import jsonpatch

from reconciler.core.resources import Json, canonical_json


def patch(before: Json, after: Json) -> list[dict[str, Any]]:
    """Return the RFC 6902 operations that turn ``before`` into ``after``, in a stable order.

    Only add, remove and replace are used. jsonpatch also moves equal values between unrelated
    fields, which would mislead readers.
    """
    # The patch of jsonpatch depends on the order of members, which has no meaning in JSON.
    document, target = (json.loads(canonical_json(side)) for side in (before, after))
    operations: list[dict[str, Any]] = []
    for operation in jsonpatch.JsonPatch.from_diff(document, target).patch:
        steps = _without_move(document, operation)
        # In place, because a copy for each operation takes quadratic time. The steps are copied,
        # because later operations change the values that they put into the document.
        document = jsonpatch.apply_patch(document, copy.deepcopy(steps), in_place=True)
        operations += steps
    return operations


def _without_move(document: Json, operation: dict[str, Any]) -> list[dict[str, Any]]:
    if operation["op"] != "move":
        return [operation]
    moved = jsonpatch.JsonPointer(operation["from"]).resolve(document)
    return [
        {"op": "remove", "path": operation["from"]},
        {"op": "add", "path": operation["path"], "value": copy.deepcopy(moved)},
    ]
