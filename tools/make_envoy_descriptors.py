"""Writes the descriptors of the messages that the translation uses, for reconciler/envoy/encoding.

Run it in an environment of its own, because the package xds-protos has top-level packages such as
``google`` and ``test``::

    uv run --no-project --with xds-protos python tools/make_envoy_descriptors.py
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

OUTPUT = Path(__file__).parents[1] / "reconciler" / "envoy" / "envoy.binpb"
_FILTERS = "envoy.extensions.filters"
# The module and name of each message that has the type of a resource or of an extension.
ROOTS = (
    ("envoy.service.discovery.v3.discovery_pb2", "DiscoveryRequest"),
    ("envoy.service.discovery.v3.discovery_pb2", "DiscoveryResponse"),
    ("envoy.config.cluster.v3.cluster_pb2", "Cluster"),
    ("envoy.config.endpoint.v3.endpoint_pb2", "ClusterLoadAssignment"),
    ("envoy.config.listener.v3.listener_pb2", "Listener"),
    ("envoy.config.route.v3.route_pb2", "RouteConfiguration"),
    ("envoy.extensions.access_loggers.file.v3.file_pb2", "FileAccessLog"),
    (f"{_FILTERS}.http.router.v3.router_pb2", "Router"),
    (f"{_FILTERS}.listener.original_dst.v3.original_dst_pb2", "OriginalDst"),
    (f"{_FILTERS}.listener.tls_inspector.v3.tls_inspector_pb2", "TlsInspector"),
    (
        f"{_FILTERS}.network.http_connection_manager.v3.http_connection_manager_pb2",
        "HttpConnectionManager",
    ),
    (f"{_FILTERS}.network.tcp_proxy.v3.tcp_proxy_pb2", "TcpProxy"),
    (
        "envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2",
        "PreviousHostsPredicate",
    ),
    ("envoy.extensions.transport_sockets.tls.v3.tls_pb2", "DownstreamTlsContext"),
    ("envoy.extensions.transport_sockets.tls.v3.tls_pb2", "UpstreamTlsContext"),
    (
        "envoy.extensions.upstreams.http.v3.http_protocol_options_pb2",
        "HttpProtocolOptions",
    ),
)


def reachable(roots: list[Descriptor]) -> tuple[set[str], dict[str, FileDescriptor]]:
    """Return the names of the types that ``roots`` use, and their files."""
    names: set[str] = set()
    files: dict[str, FileDescriptor] = {}
    todo: list[Descriptor | EnumDescriptor] = [*roots]
    while todo:
        found = todo.pop()
        if found.full_name in names:
            continue
        names.add(found.full_name)
        files[found.file.name] = found.file
        if found.containing_type:
            todo.append(found.containing_type)
        if isinstance(found, Descriptor):
            todo += used_by(found)
    return names, files


def used_by(message: Descriptor) -> Iterator[Descriptor | EnumDescriptor]:
    """Yield the types of the fields of a message."""
    for field in message.fields:
        for used in (field.message_type, field.enum_type):
            if used is not None:
                yield used


def stripped(file: FileDescriptor, names: set[str], files: dict[str, FileDescriptor]) -> bytes:
    """Return a file with the types in ``names`` and without options, which need more files."""
    whole = FileDescriptorProto()
    file.CopyToProto(whole)
    kept = FileDescriptorProto(name=whole.name, package=whole.package, syntax=whole.syntax)
    kept.dependency.extend(name for name in whole.dependency if name in files)
    for message in whole.message_type:
        if f"{whole.package}.{message.name}" in names:
            kept.message_type.add().CopyFrom(without_options(message, whole.package, names))
    kept.enum_type.extend(it for it in whole.enum_type if f"{whole.package}.{it.name}" in names)
    for enum in kept.enum_type:
        enum.ClearField("options")
        for value in enum.value:
            value.ClearField("options")
    encoded: bytes = kept.SerializeToString()
    return encoded


def without_options(message: DescriptorProto, parent: str, names: set[str]) -> DescriptorProto:
    """Return a message without options, except those that change its form."""
    kept = DescriptorProto()
    kept.CopyFrom(message)
    own = f"{parent}.{message.name}"
    is_map = message.options.map_entry
    kept.ClearField("options")
    if is_map:
        kept.options.map_entry = True
    del kept.nested_type[:]
    for nested in message.nested_type:
        if f"{own}.{nested.name}" in names:
            kept.nested_type.add().CopyFrom(without_options(nested, own, names))
    for field in kept.field:
        packed = field.options.packed if field.options.HasField("packed") else None
        field.ClearField("options")
        if packed is not None:
            field.options.packed = packed
    for enum in kept.enum_type:
        enum.ClearField("options")
        for value in enum.value:
            value.ClearField("options")
    for oneof in kept.oneof_decl:
        oneof.ClearField("options")
    return kept


def main() -> None:
    """Write the set."""
    roots = [getattr(import_module(module), name).DESCRIPTOR for module, name in ROOTS]
    names, files = reachable(roots)
    written = FileDescriptorSet()
    for file in ordered(files):
        written.file.add().ParseFromString(stripped(file, names, files))
    OUTPUT.write_bytes(written.SerializeToString(deterministic=True))


def ordered(files: dict[str, FileDescriptor]) -> list[FileDescriptor]:
    """Return ``files`` in the order in which a pool can add them."""
    done: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            add(dependency)
        if file.name in files:
            done[file.name] = file

    for _, file in sorted(files.items()):
        add(file)
    return [*done.values()]


if __name__ == "__main__":
    main()
