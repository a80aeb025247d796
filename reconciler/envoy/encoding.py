"""Encodes Envoy's resources to protobuf, with descriptors of our own in a private pool.

The descriptors are written by ``tools/make_envoy_descriptors.py``. The pool is private, so that
other packages can register the same messages.
"""

from functools import cache
from importlib import resources
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, json_format, message_factory

from reconciler.core.errors import ReconcilerError
from reconciler.envoy.messages import Message

CLUSTER = "envoy.config.cluster.v3.Cluster"
ENDPOINTS = "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = "envoy.config.listener.v3.Listener"
ROUTE_TABLE = "envoy.config.route.v3.RouteConfiguration"
_FILE = "envoy.binpb"


@cache
def message_class(name: str) -> Any:
    """Return the class of the protobuf message with that full name."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))


def encode(name: str, message: Message) -> bytes:
    """Return the protobuf encoding of a message in its JSON form.

    Raises:
        ReconcilerError: The message has a field that its type does not have.
    """
    try:
        parsed = json_format.ParseDict(message, message_class(name)(), descriptor_pool=_pool())
    except json_format.ParseError as error:
        raise ReconcilerError(f"encoding {name}: {error}") from error
    encoded: bytes = parsed.SerializeToString(deterministic=True)
    return encoded


def encode_any(name: str, message: Message) -> bytes:
    """Return a message encoded as a ``google.protobuf.Any``."""
    return as_any(name, encode(name, message))


def as_any(name: str, encoded: bytes) -> bytes:
    """Return an encoded message of the type ``name`` as a ``google.protobuf.Any``."""
    packed = any_pb2.Any(type_url=f"type.googleapis.com/{name}", value=encoded)
    content: bytes = packed.SerializeToString(deterministic=True)
    return content


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    content = resources.files(__package__).joinpath(_FILE).read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(content).file:
        pool.Add(file)
    return pool
