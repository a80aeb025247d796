"""Which target a run was told to go to, and under what owner; nothing of it is reached yet."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.settings.file import TARGET_FIELDS, File

LOCAL = "local"
AWS = "aws"
LOCAL_OWNER = "mesh-reconciler"
TARGETS = (
    "--target local        the embedded endpoint, in this process, its data in .reconciler/",
    "--endpoint-url URL    any endpoint that speaks the App Mesh API",
)
# What a tag's value may hold, after the general rule of AWS: an owner id is one.
_OWNER = re.compile(r"(?!aws:)[\w+\-=.:/@ ]{1,256}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Choice:
    """The target of a run.

    ``url`` is None on ``local``, which finds its own, and where the SDK resolves it. ``account``
    is asserted before anything is planned. ``source`` is all that the owner id stands for, where
    that is configured.
    """

    name: str
    owner: str
    policy: str
    url: str | None = None
    region: str | None = None
    profile: str | None = None
    account: str | None = None
    source: str | None = None


def choose_target(
    values: Mapping[str, Any],
    said: frozenset[str],
    file: File,
    configured_url: Callable[[str | None], str | None],
) -> Choice:
    """Return the target that the settings name.

    ``values`` are the options by field name and ``said`` those of them that a flag or a variable
    set. ``configured_url`` finds the endpoint in the AWS environment or in a profile; it is asked
    last and only if need be, because that takes the SDK. UsageError where no target or no owner
    is named, or where they cannot be.
    """
    name = _name(values, said, file)
    table = file.targets.get(name, {}) if name else {}
    chosen = {
        field: values.get(field) if field in said else table.get(field) or values.get(field)
        for field in TARGET_FIELDS
    }
    url = chosen["endpoint_url"] if name not in (LOCAL, AWS) or table else None
    if name is None:
        url = url or configured_url(chosen["profile"])
        if url is None:
            raise UsageError("no target was named; say one of", *TARGETS)
    name = name or str(url)
    return Choice(
        name=name,
        owner=_owner(chosen["owner"], name),
        policy=str(chosen["policy"]),
        url=url,
        region=chosen["region"],
        profile=chosen["profile"],
        account=chosen["account"],
        source=chosen["source"],
    )


def _name(values: Mapping[str, Any], said: frozenset[str], file: File) -> str | None:
    """Return the name of the target, None where a URL or the environment has to say."""
    name: str | None = values.get("target")
    if "endpoint_url" in said or ("target" not in said and values.get("endpoint_url")):
        return None
    if name is not None and name not in (LOCAL, AWS, *file.targets):
        known = ", ".join([LOCAL, AWS, *file.targets])
        raise UsageError(f'there is no target "{name}"; there are {known}')
    return name


def _owner(owner: str | None, target: str) -> str:
    if owner is None and target == LOCAL:
        return LOCAL_OWNER
    if owner is None:
        raise UsageError(f"no owner: say --owner ID, the mark of this source on target {target}")
    if not _OWNER.fullmatch(owner):
        raise UsageError(
            f'"{owner}" cannot be an owner: 1 to 256 letters, digits, spaces and + - = . _ : / @'
        )
    return owner
