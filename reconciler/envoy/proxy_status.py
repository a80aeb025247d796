"""The status of the proxies of a control plane, as plain data for JSON, a table and metrics."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.resources import Key
from reconciler.envoy import names
from reconciler.envoy.ads_session import TypeProgress
from reconciler.envoy.control_plane import ControlPlane, Stream
from reconciler.envoy.proxy_state import TITLES
from reconciler.envoy.snapshot import mesh_id


def plane_status(plane: ControlPlane, now: float) -> dict[str, Any]:
    """Return the status of a control plane and its proxies.

    Args:
        plane: The control plane.
        now: The time of the clock of its streams, in seconds.
    """
    connected = {stream.key for stream in plane.connected()}
    proxies = () if plane.snapshot is None else plane.snapshot.proxies
    return {
        "revision": plane.revision,
        "held_meshes": [
            {"mesh": mesh, "owner": owner or None, "reason": reason}
            for (mesh, owner), reason in sorted(plane.failures.items())
        ],
        "proxies": list(_proxies(plane, now)),
        "without_proxy": [str(key) for key in proxies if key not in connected],
    }


def is_behind(stream: Stream, plane: ControlPlane) -> bool:
    """Return whether a proxy has not accepted the last revision of its mesh."""
    is_held = mesh_id(stream.key) in plane.failures
    return is_held or stream.behind_since is not None or not stream.session.is_settled


def _proxies(plane: ControlPlane, now: float) -> Iterator[dict[str, Any]]:
    for stream in plane.connected():
        behind = None if stream.behind_since is None else now - stream.behind_since
        yield {
            "node": names.node_id(stream.key),
            "key": str(stream.key),
            "exists": plane.exists(stream.key),
            "client": stream.client,
            "connected_seconds": round(now - stream.since, 3),
            "revision": stream.revision,
            "responses": stream.responses,
            "behind_seconds": None if behind is None else round(behind, 3),
            "is_behind": is_behind(stream, plane),
            "types": _types(stream),
            "losses": _losses(plane, stream.key),
        }


def _types(stream: Stream) -> Mapping[str, Any]:
    return {
        TITLES[type_url]: _type(progress)
        for type_url, progress in stream.session.progress.items()
        if progress.is_open
    }


def _type(progress: TypeProgress) -> Mapping[str, Any]:
    sent = progress.acked if progress.unacked is None else progress.unacked
    return {
        "sent": sent.version,
        "acked": progress.acked.version,
        "rejected": progress.rejected_version or None,
        "error": progress.error or None,
    }


def _losses(plane: ControlPlane, key: Key) -> list[Mapping[str, str]]:
    return [
        {
            "key": str(loss.key),
            "path": loss.path,
            "grade": loss.grade.value,
            "words": loss.words,
        }
        for loss in plane.losses(key)
    ]
