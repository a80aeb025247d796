"""Client tokens: replays the stored response to a repeated request."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial

from reconciler import limits
from reconciler.api import ApiKind
from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.semantics import error_messages
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.spec_checks import Call
from reconciler.endpoint.semantics.views import ResponseBody
from reconciler.endpoint.state.tables import Collection, Scope, Tables, TokenRecord

_REFUSED = "refused"
# json.dumps would make new encoders for each call.
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SORTED = json.JSONEncoder(sort_keys=True)


class Tokens:
    """The rules of client tokens on the stored records."""

    def __init__(self, kinds: Mapping[str, ApiKind], behavior: Behavior) -> None:
        self._kinds = kinds
        self._behavior = behavior
        self._retention = int(behavior.token_retention_seconds * 1000)
        self._dropped: dict[Scope, int] = {}
        """When old tokens of a scope were deleted last."""

    def run_once(
        self, call: Call, tables: Tables, now: int, perform: Callable[[], ResponseBody]
    ) -> str | ApiError:
        """Return the stored response of the token, or run ``perform`` and store its response.

        An error to store is returned, because a raised error rolls the transaction back.

        Raises:
            ApiError: The state does not allow it, or the token was used with other parameters.
        """
        token = call.parameters.get("clientToken")
        if not token or not self._retention:
            return as_json(perform())
        request = _digest(call)
        oldest = now - self._retention
        # Not in each write, which would cost as much as storing the token.
        if abs(now - self._dropped.get(call.scope, 0)) >= limits.TOKEN_DROP_SECONDS * 1000:
            tables.drop_tokens(call.scope, oldest)
            tables.after_commit.append(partial(self._dropped.__setitem__, call.scope, now))
        record = tables.find_token(call.scope, token, oldest)
        if record is not None and not self._is_outlived(call, tables, record):
            if record.request != request:
                raise error_messages.token_reused("a request with other parameters")
        else:
            record = TokenRecord(request, self._perform(perform))
            tables.put_token(call.scope, token, record, now)
        if record.response.startswith(f'{{"{_REFUSED}":'):
            return ApiError(*json.loads(record.response)[_REFUSED])
        return record.response

    def _perform(self, perform: Callable[[], ResponseBody]) -> str:
        try:
            return as_json(perform())
        except ApiError as error:
            if self._behavior.token_of_refused == "forgotten":  # noqa: S105 - no password
                raise
            return as_json({_REFUSED: [error.code, str(error)]})

    def _is_outlived(self, call: Call, tables: Tables, record: TokenRecord) -> bool:
        """Return whether a token can be used again because its resource was deleted."""
        after = self._behavior.token_after_delete
        response = json.loads(record.response)
        if after == "replays" or _REFUSED in response:
            return False
        # The names of the parents are in the response too; the longest path is the resource's own.
        known = (kind.path for kind in self._kinds.values() if response.keys() >= set(kind.path))
        path = max(known, key=len)
        kind = next(kind for kind in self._kinds.values() if kind.path == path)
        *parents, name = (response[member] for member in path)
        metadata = response["metadata"]
        scope = Scope(metadata["meshOwner"], call.scope.region)
        live = tables.find(Collection(scope, kind.name, "/".join(parents)), name)
        if live and live.uid == metadata["uid"]:
            return False
        if after == "conflicts":
            raise error_messages.token_reused("a resource that was deleted afterwards")
        return True


def as_json(response: ResponseBody) -> str:
    """Return a response as compact JSON."""
    return _COMPACT.encode(response)


def _digest(call: Call) -> str:
    parameters = {name: value for name, value in call.parameters.items() if name != "clientToken"}
    request = _SORTED.encode([call.operation.name, parameters])
    return hashlib.sha256(request.encode()).hexdigest()
