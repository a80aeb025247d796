"""Resolves the target and the owner of a run from its settings, without network access."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from reconciler.core.errors import UsageError
from reconciler.core.resources import shorten_list
from reconciler.known_secrets import shown
from reconciler.settings.config_file import (
    BUILT_IN,
    CONFIG_FILE,
    SOURCE_FIELDS,
    TARGET_FIELDS,
    TARGET_ONLY_FIELDS,
    ConfigFile,
)
from reconciler.settings.options import POLICIES

LOCAL, AWS = BUILT_IN
AWS_SETTINGS = "the AWS environment (AWS_ENDPOINT_URL) or profile"
URL_USAGE = "use http://HOST:PORT or https://HOST"
LOCAL_OWNER = "mesh-reconciler"
# An owner id is the value of a tag, so the general rule of AWS for tag values applies.
_OWNER = re.compile(r"(?!aws:)[\w+\-=.:/@ ]{1,256}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """The place of the manifests of a target.

    Attributes:
        source: A path on disk, or the address of a git repository; None if not configured.
        ref: The branch, tag or commit of the repository.
        path: The directory or file in the repository.
        verify: A file with the signers whose commits are used.
        exclude: Patterns of files that are not part of the source.
    """

    source: str | None = None
    ref: str | None = None
    path: str | None = None
    verify: str | None = None
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """The target of a run.

    Attributes:
        owner: The owner id; empty if none is set and none is needed.
        url: None on ``local``, which finds its own endpoint, and if the SDK resolves the endpoint.
        role_arn: The role to assume.
        account: The account that the credentials must belong to; checked before planning.
        source: The path or repository of all manifests of the owner id, if configured.
        allow_insecure_endpoint: Whether credentials may be sent over plain HTTP to other machines.
        tag_index_lag: Seconds by which the index of tags may lag behind writes.
        proxies_urls: The servers of the Envoys of the target; empty if it is the only one.
    """

    name: str
    owner: str
    policy: str
    url: str | None = None
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    account: str | None = None
    source: SourceConfig = SourceConfig()
    allow_insecure_endpoint: bool = False
    tag_index_lag: float = 0
    proxies_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionValues:
    """Values of all options, and how they were set.

    Attributes:
        values: The options by field name, including those from the file and the defaults.
        flags: The fields of the options that a flag set.
        variables: The fields of the options that an environment variable set.
    """

    values: Mapping[str, Any]
    flags: frozenset[str]
    variables: frozenset[str]

    def is_explicit(self, field: str) -> bool:
        """Whether a flag or a variable set the option; it then overrides the table of a target."""
        return field in self.flags or field in self.variables


def choose_target(
    values: OptionValues,
    file: ConfigFile,
    configured_url: Callable[[str | None], str | None],
    *,
    needs_owner: bool = True,
) -> TargetConfig:
    """Return the target that the settings select.

    A command without the option --policy only reads, so its policy is observe.

    Args:
        values: The options of the run.
        file: The settings of reconciler.toml.
        configured_url: Finds the endpoint in the AWS environment or in a profile. It is called only
            if no option sets the target, because it loads the SDK.
        needs_owner: Whether an owner id is required.

    Raises:
        UsageError: If no target or no owner is set, or if they are invalid.
    """
    url, name, setting = url_or_name(values, file)
    table = _table(name, file)
    chosen = _chosen_fields(table, values)
    if name is None:
        if url is None:
            url, setting = configured_url(chosen["profile"]), AWS_SETTINGS
        if url is None:
            raise _no_target(file)
    else:
        # A URL from a variable or from the top of the file does not apply to a target by name.
        url, setting = table.get("endpoint_url"), f"targets.{name}.endpoint_url of {file.path}"
    if url is not None:
        require_valid_url(url, setting)
    proxies_urls = _proxies_urls(table, f"targets.{name}.proxies_urls of {file.path}")
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
        source=_source_config(table),
        allow_insecure_endpoint=bool(chosen["allow_insecure_endpoint"]),
        tag_index_lag=chosen["tag_index_lag"] or 0,
        proxies_urls=proxies_urls,
    )


def _proxies_urls(table: Mapping[str, Any], setting: str) -> tuple[str, ...]:
    urls = tuple(table.get("proxies_urls", ()))
    for url in urls:
        require_valid_url(url, setting)
    return urls


def _chosen_fields(table: Mapping[str, Any], values: OptionValues) -> dict[str, Any]:
    """Return the settings that both options and the table of a target have."""
    return {
        field: table[field]
        if field in table and not values.is_explicit(field)
        else values.values.get(field)
        for field in TARGET_FIELDS - TARGET_ONLY_FIELDS
    }


def _no_target(file: ConfigFile) -> UsageError:
    return UsageError(
        f"no target given: pass --target NAME ({shorten_list(_names(file))}) or "
        f"--endpoint-url URL, or set target in {CONFIG_FILE}; {LOCAL} is the embedded endpoint"
    )


def source_of(values: OptionValues, file: ConfigFile) -> SourceConfig:
    """Return the settings of the manifests of the target."""
    _, name, _ = url_or_name(values, file)
    return _source_config(_table(name, file))


def namespace_of(values: OptionValues, file: ConfigFile) -> str:
    """Return the namespace of Kubernetes objects that have none; empty if it is not set."""
    namespace = values.values.get("namespace")
    if not values.is_explicit("namespace"):
        _, name, _ = url_or_name(values, file)
        namespace = _table(name, file).get("namespace", namespace)
    return namespace or ""


def variables_of(values: OptionValues, file: ConfigFile) -> tuple[dict[str, str], str]:
    """Return the variables in the table of the target, and their setting for messages."""
    _, name, _ = url_or_name(values, file)
    variables = _table(name, file).get("variables", {})
    setting = f"targets.{name}.variables of {file.path}"
    return {key: str(value) for key, value in variables.items()}, setting


def _source_config(table: Mapping[str, Any]) -> SourceConfig:
    texts = {field: table.get(field) for field in SOURCE_FIELDS}
    return SourceConfig(**texts, exclude=tuple(table.get("exclude", ())))


def url_or_name(values: OptionValues, file: ConfigFile) -> tuple[Any, Any, str]:
    """Return the URL or the name of the target, and its setting; None if no option sets it.

    A flag takes precedence over a variable, and a variable over the file. On the same level, a URL
    takes precedence over a name.
    """
    levels = {
        "--endpoint-url": values.flags,
        "RECONCILER_ENDPOINT_URL": values.variables,
        f"endpoint_url of {file.path}": values.values.keys(),
    }
    for setting, level in levels.items():
        for field in ("endpoint_url", "target"):
            value = values.values.get(field) if field in level else None
            if value:
                is_url = field == "endpoint_url"
                return (value, None, setting) if is_url else (None, value, setting)
    return None, None, ""


def _names(file: ConfigFile) -> list[str]:
    """Return the names of all targets, each once."""
    return list(dict.fromkeys((LOCAL, AWS, *file.targets)))


def _table(name: str | None, file: ConfigFile) -> Mapping[str, Any]:
    if name is None:
        return {}
    require_known(name, file)
    return file.targets.get(name, {})


def require_known(name: str, file: ConfigFile) -> None:
    """Reject a name that no target has.

    Raises:
        UsageError: The message has a similar name.
    """
    if name not in _names(file):
        raise unknown_target(name, file)


def unknown_target(name: str, file: ConfigFile) -> UsageError:
    """Return the error for a name that no target has, or a glob that matches none."""
    known, given = _names(file), shown(name)
    similar = difflib.get_close_matches(given, known, 1)
    hint = f" (did you mean {similar[0]}?)" if similar else ""
    other = "" if file.path else f" (there is no {CONFIG_FILE} here that defines others)"
    return UsageError(f'unknown target "{given}"{hint}: use one of {shorten_list(known)}{other}')


def require_valid_url(url: str, setting: str) -> None:
    """Reject a URL, which ``setting`` holds, that is not plain HTTP or HTTPS.

    Raises:
        UsageError: The message does not repeat the URL, because it may contain a password.
    """
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        secret = parts.username or parts.password or parts.query or parts.fragment
    except ValueError:
        plain, secret = None, None
    if secret:
        raise UsageError(
            f"invalid endpoint URL in {setting}: remove the user, password, query or fragment"
        )
    if not plain:
        raise UsageError(f"invalid endpoint URL in {setting}: {URL_USAGE}")


def _owner(owner: str | None, target: str, *, needed: bool) -> str:
    if owner is None and target == LOCAL:
        return LOCAL_OWNER
    if owner is None and not needed:
        return ""
    if owner is None:
        raise UsageError(
            "no owner given: pass --owner ID or set owner in the target's table of "
            f"{CONFIG_FILE}; it is a name of your choice that marks the resources of this source "
            f"on target {target}"
        )
    if not _OWNER.fullmatch(owner):
        raise UsageError(
            f'invalid owner id "{owner}": use 1 to 256 letters, digits, spaces and + - = . _ : / @'
        )
    return owner
