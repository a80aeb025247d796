"""Client of a running daemon: reads its status and requests a cycle."""

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from reconciler import limits
from reconciler.core.changes import Cause, TrafficEffect
from reconciler.core.diff import MISSING, FieldChange
from reconciler.core.errors import DaemonError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.kinds import parent_of
from reconciler.core.resources import Key, Origin, TargetId, Unlisted
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, LeaseStatus, ResourceStatus, State
from reconciler.core.state.fleet_status import FleetStatus, MemberSummary, TargetSummary
from reconciler.known_secrets import shown
from reconciler.network_errors import connection_advice
from reconciler.sockets import wait_readable

SCHEMA = 1
# The server of a URL, and the command that starts it.
_DAEMON = ("daemon", "reconciler run")
_ENDPOINT = ("endpoint", "reconciler endpoint --xds unix:PATH")
# The members that this program reads in the status of Envoys.
_SCOPE = {
    "account": str,
    "region": str,
    "revision": int,
    "is_current": bool,
    "instances_error": str | None,
    "held_meshes": list,
    "proxies": list,
    "without_proxy": list,
}
_PROXY = {
    "key": str,
    "client": str,
    "exists": bool,
    "connected_seconds": int | float,
    "revision": int,
    "is_behind": bool,
    "behind_seconds": int | float | None,
    "types": dict,
    "losses": list,
}
_SUMMARY = {
    "target": str,
    "health": str,
    "cycle": int,
    "finished_at": int | float | None,
    "exit_code": int | None,
    "commit": str | None,
    "error": str | None,
    "link": str,
    "holder": str | None,
    "waits_for": str | None,
}
_MEMBER = {"name": str, "since": int | float, "targets": int, "is_self": bool}

Result = TypeVar("Result")


def fetch_status(url: str, target: str | None = None) -> tuple[str, DaemonStatus]:
    """Return the status of the daemon at `url`, as the JSON text that was received and parsed.

    `target` is one of a daemon of many.

    Raises:
        UsageError: `url` is not a valid URL.
        DaemonError: No daemon of this version responds at `url`.
    """
    text = request(url, "GET", _path("/status", target))
    return text, parse(url, text, _status)


def fetch_any_status(url: str) -> tuple[str, DaemonStatus | FleetStatus]:
    """Return the status of the daemon at `url`, or a summary of each target of a daemon of many.

    Raises:
        UsageError: `url` is not a valid URL.
        DaemonError: No daemon of this version responds at `url`.
    """
    text = request(url, "GET", "/status")
    return text, parse(url, text, _any_status)


def fetch_proxies(
    url: str, timeout: float = limits.DAEMON_RESPONSE_TIMEOUT_SECONDS
) -> tuple[str, list[dict[str, Any]]]:
    """Return what an endpoint says of its Envoys: the JSON text, and one object for each scope.

    Each step of the request takes at most `timeout` seconds.

    Raises:
        UsageError: `url` is not a valid URL.
        DaemonError: No endpoint that serves Envoys responds at `url`.
    """
    text = request(url, "GET", "/_endpoint/proxies", server=_ENDPOINT, timeout=timeout)
    return text, parse(url, text, _scopes)


def request_cycle(
    url: str, token: str, target: str | None = None, *, allow_rewind: bool = False
) -> tuple[int, ExitCode]:
    """Request a cycle, wait until it ends, and return its number and exit code.

    `target` is one of a daemon of many. `allow_rewind` allows deletes by a commit that does not
    descend from the one applied last.

    Raises:
        UsageError: `url` is not a valid URL.
        DaemonError: No daemon of this version responds at `url`, or the token is wrong.
    """
    body = json.dumps({"allow_rewind": True} if allow_rewind else {})
    text = request(url, "POST", _path("/reconcile", target), body, token=token)
    return parse(
        url, text, lambda document: (int(document["cycle"]), ExitCode(document["exit_code"]))
    )


def request(
    url: str,
    method: str,
    path: str,
    body: str | None = None,
    *,
    token: str | None = None,
    server: tuple[str, str] = _DAEMON,
    timeout: float = limits.DAEMON_RESPONSE_TIMEOUT_SECONDS,
) -> str:
    """Return the body of the response.

    With a body, there is no timeout as long as the daemon answers status requests.

    Raises:
        UsageError: `url` is not a valid URL.
        DaemonError: There is no response, or it is an error.
    """
    connection = _connection(url, timeout)
    headers = {"Accept": "application/json"}
    if token is not None:
        headers |= {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, body, headers)
        while body is not None and not wait_readable(
            [connection.sock], limits.DAEMON_RESPONSE_TIMEOUT_SECONDS
        ):
            request(url, "GET", "/status")
        response = connection.getresponse()
        answer = response.read().decode("utf-8", "replace")
    except ConnectionRefusedError as error:
        raise DaemonError(
            f"cannot connect to the {server[0]} at {url}: connection refused;"
            f" start it with: {server[1]}, or pass the --url of a running one"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        message = "; ".join(
            filter(None, (shown(error) or type(error).__name__, connection_advice(error)))
        )
        raise DaemonError(f"no response from the {server[0]} at {url}: {message}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise DaemonError(
            f"request to the {server[0]} at {url} failed: {_error_message(response.status, answer)}"
        )
    return answer


def _connection(url: str, timeout: float) -> http.client.HTTPConnection:
    # Not urllib: proxy environment variables must not send the token to another host.
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        host is None
        or parts.username
        or parts.password
        or parts.scheme not in ("http", "https")
        or parts.path.strip("/")
    ):
        # Do not repeat the URL, because it may contain a password.
        raise UsageError("invalid --url: use http://HOST:PORT or https://HOST")
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout)
    return http.client.HTTPConnection(host, port, timeout=timeout)


def _error_message(status: int, body: str) -> str:
    try:
        message = shown(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return f"not a daemon of reconciler (HTTP {status}): check --url"
    if status == http.client.UNAUTHORIZED:
        return f"{message}; pass the token file of the daemon with --token-file"
    return message


def parse(url: str, text: str, read: Callable[[Any], Result]) -> Result:
    """Return what ``read`` makes of the JSON document ``text`` from ``url``.

    Raises:
        DaemonError: It is not such a document.
    """
    try:
        return read(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DaemonError(
            f"unexpected response from {url}: not a daemon of this version of reconciler"
        ) from error


def _status(document: Any) -> DaemonStatus:
    if document["schema"] != SCHEMA:
        raise ValueError(document["schema"])
    cycle, source, lease = document["cycle"], document["source"], document["lease"]
    code, revision = cycle["exit_code"], source["revision"]
    return DaemonStatus(
        target=TargetId(**document["target"]),
        owner=document["owner"],
        policy=document["policy"],
        started_at=document["started_at"],
        interval_seconds=document["interval_seconds"],
        cycle=cycle["number"],
        cycle_started_at=cycle["started_at"],
        cycle_finished_at=cycle["finished_at"],
        exit_code=None if code is None else ExitCode(code),
        source_valid=source["valid"],
        diagnostics=tuple(source["diagnostics"]),
        revision=None if revision is None else SourceRevision(**revision),
        error=document["error"],
        unlisted=tuple(map(_unlisted, document["unlisted"])),
        resources=tuple(map(_resource_status, document["resources"])),
        calls=document["calls"],
        responses=document["responses"],
        recheck_seconds=document["recheck_seconds"],
        description_seconds=document["description_seconds"],
        lease=None if lease is None else LeaseStatus(**lease),
        is_leader=document["is_leader"],
        held_by=document.get("held_by"),
        waits_for=document.get("waits_for"),
        next_cycle_at=cycle.get("next_at"),  # older daemons do not have it
    )


def _path(path: str, target: str | None) -> str:
    return path if target is None else f"/targets/{quote(target, safe='')}{path}"


def _any_status(document: Any) -> DaemonStatus | FleetStatus:
    if "targets" not in document:
        return _status(document)
    for row in document["targets"]:
        check_members(row, _SUMMARY)
    for row in document["members"]:
        check_members(row, _MEMBER)
    return FleetStatus(
        tuple(
            TargetSummary(**{name: row[name] for name in _SUMMARY}) for row in document["targets"]
        ),
        tuple(
            MemberSummary(**{name: row[name] for name in _MEMBER}) for row in document["members"]
        ),
    )


def _scopes(document: Any) -> list[dict[str, Any]]:
    for scope in document:
        check_members(scope, _SCOPE)
        for proxy in scope["proxies"]:
            check_members(proxy, _PROXY)
            Key.parse(proxy["key"])
            for part in proxy["types"].values():
                check_members(part, {"error": str | None})
            for loss in proxy["losses"]:
                check_members(loss, dict.fromkeys(("grade", "key", "path", "words"), str))
    return list(document)


def check_members(document: Any, types: Mapping[str, Any]) -> None:
    """Check that each member in ``types`` has its type.

    Raises:
        TypeError: A member has another type.
        KeyError: A member is missing.
    """
    for name, type_ in types.items():
        if not isinstance(document[name], type_):
            raise TypeError(name)


def _unlisted(document: Any) -> Unlisted:
    pattern = Key.parse(document["pattern"])
    parent = parent_of(pattern)
    if parent is None:
        raise ValueError(pattern)
    return Unlisted(pattern.kind, parent, document["reason"])


def _resource_status(document: Any) -> ResourceStatus:
    origin, cause, traffic = document["origin"], document["cause"], document["traffic"]
    return ResourceStatus(
        key=Key.parse(document["key"]),
        state=State(document["state"]),
        since=document["since"],
        origin=None if origin is None else Origin(**origin),
        owner=document["owner"],
        cause=None if cause is None else Cause(cause),
        fields=tuple(map(_field, document["fields"])),
        traffic=None if traffic is None else TrafficEffect(traffic),
        effects=tuple(document.get("effects", ())),
        reason=document["reason"],
        outcome=document["outcome"],
        outcome_at=document["outcome_at"],
        attempts=document["attempts"],
        next_attempt_at=document["next_attempt_at"],
        last_seen_at=document["last_seen_at"],
    )


def _field(document: Any) -> FieldChange:
    before, after = document.get("before", MISSING), document.get("after", MISSING)
    return FieldChange(document["pointer"], before, after)
