"""Pieces of protobuf messages in their JSON form, with the field names of the .proto files."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from reconciler.envoy.losses import Place

Message: TypeAlias = dict[str, Any]
"""A protobuf message as JSON."""

Part: TypeAlias = Mapping[str, Any]
"""A part of a spec."""

# Everything that is not limited has this limit, as App Mesh sent it.
UNLIMITED = 2_147_483_647
# Envoy adds durations to times in nanoseconds of 64 bits; ten years stay far below.
MAX_MILLISECONDS = 10 * 365 * 24 * 3600 * 1000
# The source of other resources. The writer of files puts their paths in its place.
ADS: Message = {"ads": {}, "resource_api_version": "V3"}


def typed(name: str, fields: Message | None = None) -> Message:
    """Return a message of any type, with the type that it has."""
    return {"@type": f"type.googleapis.com/{name}", **(fields or {})}


def extension(name: str, message: str, fields: Message | None = None) -> Message:
    """Return the configuration of an extension."""
    return {"name": name, "typed_config": typed(message, fields)}


def address(host: str, port: int, **more: Any) -> Message:
    """Return the address of a socket."""
    return {"socket_address": {"address": host, "port_value": port, **more}}


def bounded(value: int, maximum: int, place: Place) -> int:
    """Return ``value``, or ``maximum`` with a loss if it is larger."""
    if value > maximum:
        place.warn(f"{value} is more than Envoy can hold; {maximum} is used")
    return min(value, maximum)


def milliseconds(duration: Part, place: Place) -> int:
    """Return a duration of a spec, which has a unit and a value, in milliseconds.

    An absent value is 0, and an absent unit is ms (chosen; the API allows both).
    """
    value: int = duration.get("value", 0) * (1000 if duration.get("unit") == "s" else 1)
    if value > MAX_MILLISECONDS:
        place.warn("the duration is longer than ten years; ten years are used")
    return min(value, MAX_MILLISECONDS)


def seconds(value: int) -> str:
    """Return milliseconds as a protobuf duration."""
    whole, rest = divmod(value, 1000)
    return f"{whole}.{rest:03}s" if rest else f"{whole}s"
