"""Retry policies: the events of App Mesh as the conditions of Envoy."""

from reconciler.core.envoy_syntax import UINT32_MAX
from reconciler.envoy.losses import Place
from reconciler.envoy.messages import (
    Message,
    Part,
    bounded,
    extension,
    milliseconds,
    seconds,
)

_STATUSES = "retriable-status-codes"

# The conditions and status codes of each event (user guide, routes; Envoys of App Mesh).
_HTTP_EVENTS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "server-error": (("reset", _STATUSES), (*range(500, 509), 510, 511)),
    "gateway-error": (("reset", _STATUSES), (502, 503, 504)),
    "client-error": ((_STATUSES,), (409,)),
    "stream-error": (("refused-stream",), ()),
}
_TCP_EVENTS = {"connection-error": "connect-failure"}
# App Mesh retried requests of every method so, if their route had no policy.
_DEFAULT_CONDITIONS = ("unavailable", "connect-failure", "refused-stream", "reset", _STATUSES)
_DEFAULT_STATUSES = (503,)
_DEFAULT_RETRIES = 2
_OTHER_HOSTS: Message = {
    "retry_host_predicate": [
        extension(
            "envoy.retry_host_predicates.previous_hosts",
            "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
        )
    ],
    "host_selection_retry_max_attempts": "5",
}


def default_policy() -> Message:
    """Return the policy of a route that has none."""
    return _policy(_DEFAULT_CONDITIONS, _DEFAULT_STATUSES, _DEFAULT_RETRIES)


def retry_policy(policy: Part | None, place: Place) -> Message | None:
    """Return the policy of a route; None if it has one that retries nothing."""
    if policy is None:
        return default_policy()
    conditions: list[str] = []
    statuses: set[int] = set()
    for index, event in enumerate(policy.get("httpRetryEvents", ())):
        if event not in _HTTP_EVENTS:
            place_of_event = place / "httpRetryEvents" / index
            place_of_event.warn(f"{event} is not an event of App Mesh; it is ignored")
            continue
        event_conditions, event_statuses = _HTTP_EVENTS[event]
        conditions += event_conditions
        statuses.update(event_statuses)
    conditions += (_TCP_EVENTS[event] for event in policy.get("tcpRetryEvents", ()))
    conditions += policy.get("grpcRetryEvents", ())
    retries = bounded(policy["maxRetries"], UINT32_MAX, place / "maxRetries")
    if not conditions or not retries:
        return None
    timeout = milliseconds(policy["perRetryTimeout"], place / "perRetryTimeout")
    return {
        **_policy(tuple(dict.fromkeys(conditions)), tuple(sorted(statuses)), retries),
        "per_try_timeout": seconds(timeout),
    }


def _policy(conditions: tuple[str, ...], statuses: tuple[int, ...], retries: int) -> Message:
    return {
        "retry_on": ",".join(conditions),
        "num_retries": retries,
        **({"retriable_status_codes": [*statuses]} if statuses else {}),
        **_OTHER_HOSTS,
    }
