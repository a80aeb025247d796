"""Reads the file with the instances of Cloud Map services, in YAML or JSON."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from reconciler.core.errors import UsageError
from reconciler.envoy.snapshot import Instance, Instances


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Instance(_Model):
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    attributes: dict[str, str] = {}


class _Service(_Model):
    namespace: str
    service: str
    instances: list[_Instance]


_SERVICES = TypeAdapter(list[_Service])


def read_instances(file: str) -> Instances:
    """Return the instances of Cloud Map services in ``file``.

    Raises:
        UsageError: It cannot be read or is invalid.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"reading {file}: {error.strerror}") from error
    return parse_instances(file, content)


def parse_instances(file: str, content: bytes) -> Instances:
    """Return the instances in ``content`` of the file with the name ``file``.

    Raises:
        UsageError: It is not a list of services with their instances.
    """
    try:
        services = _SERVICES.validate_python(yaml.safe_load(content) or [])
    except yaml.YAMLError as error:
        raise UsageError(
            f"reading {file}: it is not YAML: {' '.join(str(error).split())}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(map(str, first["loc"]))
        raise UsageError(f"reading {file}: /{place}: {first['msg']}") from error
    found: dict[tuple[str, str], tuple[Instance, ...]] = {}
    for service in services:
        name = service.namespace, service.service
        found[name] = found.get(name, ()) + tuple(map(_instance, service.instances))
    return found


def _instance(item: _Instance) -> Instance:
    ipv4, ipv6 = (str(address or "") for address in (item.ipv4, item.ipv6))
    return Instance(ipv4, ipv6, item.attributes)
