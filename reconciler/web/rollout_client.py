"""Reads and commands the rollout of a running daemon over HTTP."""

from typing import Any

from reconciler.core.fleet.rollout_status import RolloutStatus, RolloutTarget
from reconciler.web.client import SCHEMA, check_members, parse, request

_ROLLOUT = {
    "revision": str | None,
    "wave": int,
    "waves": list,
    "soaked_seconds": int | float,
    "soak_seconds": int | float,
    "is_held": bool,
    "stopped_by": str,
    "waits_for": str,
}
_ROLLOUT_TARGET = ("target", "revision", "progress")


def fetch_rollout(url: str) -> tuple[str, RolloutStatus]:
    """Return the rollout of the daemon at `url`, as the JSON text that was received and parsed.

    Raises:
        UsageError: `url` is not a valid URL.
        DaemonError: No daemon of this version with a rollout responds at `url`.
    """
    text = request(url, "GET", "/rollout")
    return text, parse(url, text, _rollout)


def command_rollout(url: str, token: str, command: str) -> tuple[str, RolloutStatus]:
    """Hold or resume the rollout of the daemon at `url`, and return it as `fetch_rollout` does.

    Raises:
        UsageError: `url` is not a valid URL.
        DaemonError: As for `fetch_rollout`, or the token is wrong, or the command was not stored.
    """
    text = request(url, "POST", f"/rollout/{command}", "{}", token=token)
    return text, parse(url, text, _rollout)


def _rollout(document: Any) -> RolloutStatus:
    if document["schema"] != SCHEMA:
        raise ValueError(document["schema"])
    check_members(document, _ROLLOUT)
    values = {name: document[name] for name in _ROLLOUT}
    waves = tuple(
        tuple(RolloutTarget(**{name: row[name] for name in _ROLLOUT_TARGET}) for row in wave)
        for wave in document["waves"]
    )
    return RolloutStatus(**values | {"waves": waves})
