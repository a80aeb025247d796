"""Which target a run was told to go to, and under what owner; nothing of it is reached yet."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from reconciler.core.errors import UsageError
from reconciler.known_secrets import shown
from reconciler.settings.config_file import BUILT_IN, TARGET_FIELDS, TARGET_ONLY_FIELDS, ConfigFile
from reconciler.settings.options import POLICIES

LOCAL, AWS = BUILT_IN
LOCAL_OWNER = "mesh-reconciler"
TARGETS = (
    "--target local        the embedded endpoint, in this process, its data in .reconciler/",
    "--endpoint-url URL    any endpoint that speaks the App Mesh API",
)
# What a tag's value may hold, after the general rule of AWS: an owner id is one.
_OWNER = re.compile(r"(?!aws:)[\w+\-=.:/@ ]{1,256}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """The target of a run.

    ``owner`` is empty where none was said and none is needed. ``url`` is None on ``local``, which
    finds its own, and where the SDK resolves it. ``role_arn`` is assumed, ``account`` asserted
    before anything is planned. ``source`` is all that the owner id stands for, where that is
    configured. ``allow_insecure_endpoint`` lets credentials go over plain HTTP to other machines.
    """

    name: str
    owner: str
    policy: str
    url: str | None = None
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    account: str | None = None
    source: str | None = None
    allow_insecure_endpoint: bool = False


@dataclass(frozen=True, slots=True)
class OptionValues:
    """What was said, and how: ``flags`` and ``variables`` hold the names of options set so.

    ``values`` are the options by field name, those of the file and the defaults included.
    """

    values: Mapping[str, Any]
    flags: frozenset[str]
    variables: frozenset[str]

    def is_explicit(self, field: str) -> bool:
        """Whether a flag or a variable set the option, which counts before a target's table."""
        return field in self.flags or field in self.variables


def choose_target(
    values: OptionValues,
    file: ConfigFile,
    configured_url: Callable[[str | None], str | None],
    *,
    needs_owner: bool = True,
) -> TargetConfig:
    """Return the target that the settings name.

    A verb that takes no policy only looks. ``configured_url`` finds the endpoint in the AWS
    environment or in a profile; it is asked last and only if need be, because that takes the SDK.
    UsageError where no target or no owner is named, or where they cannot be.
    """
    url, name = _url_or_name(values)
    table = _table(name, file)
    chosen = {
        field: table[field]
        if field in table and not values.is_explicit(field)
        else values.values.get(field)
        for field in TARGET_FIELDS - TARGET_ONLY_FIELDS
    }
    if name is None:
        url = url or configured_url(chosen["profile"])
        if url is None:
            raise UsageError("no target given; use one of", *TARGETS)
    else:
        # What a variable or the top of the file says of a URL is not about a target by name.
        url = table.get("endpoint_url")
    if url is not None:
        refuse_strange_url(url)
    name = name or str(url)
    return TargetConfig(
        name=name,
        owner=_owner(chosen["owner"], name, needed=needs_owner),
        policy=chosen["policy"] or POLICIES[0],
        url=url,
        region=chosen["region"] or None,
        profile=chosen["profile"] or None,
        role_arn=table.get("role_arn"),
        account=table.get("account"),
        source=table.get("source"),
        allow_insecure_endpoint=bool(chosen["allow_insecure_endpoint"]),
    )


def source_of(values: OptionValues, file: ConfigFile) -> str | None:
    """Return where the manifests of the named target are, None where nothing says so."""
    _, name = _url_or_name(values)
    return _table(name, file).get("source")


def _url_or_name(values: OptionValues) -> tuple[str | None, str | None]:
    """Return a URL or the name of a target; neither, where only the AWS environment can say.

    A flag counts before a variable and that before the file; on one level a URL before a name.
    """
    for level in (values.flags, values.variables, values.values.keys()):
        for field in ("endpoint_url", "target"):
            value = values.values.get(field) if field in level else None
            if value:
                return (value, None) if field == "endpoint_url" else (None, value)
    return None, None


def _table(name: str | None, file: ConfigFile) -> Mapping[str, Any]:
    if name is None:
        return {}
    if name not in (LOCAL, AWS, *file.targets):
        known = ", ".join([LOCAL, AWS, *file.targets])
        raise UsageError(f'there is no target "{shown(name)}"; there are {known}')
    return file.targets.get(name, {})


def refuse_strange_url(url: str) -> None:
    """Refuse what is no plain URL; its text is not repeated, for it may hold a password."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        secret = parts.username or parts.password or parts.query or parts.fragment
    except ValueError:
        plain, secret = None, None
    if secret:
        raise UsageError("the endpoint URL holds a user, a password or a query, which it may not")
    if not plain:
        raise UsageError("invalid endpoint URL: use http://HOST:PORT or https://HOST")


def _owner(owner: str | None, target: str, *, needed: bool) -> str:
    if owner is None and target == LOCAL:
        return LOCAL_OWNER
    if owner is None and not needed:
        return ""
    if owner is None:
        raise UsageError(
            f"no owner given: pass --owner ID, the owner id of this source on target {target}"
        )
    if not _OWNER.fullmatch(owner):
        raise UsageError(
            f'"{owner}" cannot be an owner: 1 to 256 letters, digits, spaces and + - = . _ : / @'
        )
    return owner
