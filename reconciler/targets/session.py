"""Creates SDK sessions and clients with fixed settings, and finds the account.

All calls go to the target's URL: if an endpoint URL is given, the call for the account goes there
too. Every secret of a session is remembered, so that no printed text contains it.
"""

import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from json import JSONDecodeError
from threading import Lock, RLock
from typing import Any, cast

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, NoRegionError

from reconciler import limits
from reconciler.core.errors import TargetError, UsageError
from reconciler.settings.target_config import AWS_SETTINGS, URL_USAGE, require_valid_url
from reconciler.targets.error_translation import CREDENTIALS_ADVICE, text_of, translate_errors
from reconciler.targets.model import SERVICE, shared_loader
from reconciler.targets.session_hooks import (
    add_hooks,
    is_loopback,
    register_handlers,
    remember_credentials,
)

RETRY_MODE = "standard"
USER_AGENT = "mesh-reconciler"
_ACCOUNT = re.compile("[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Connection:
    """The URL and identity for calls; for a field that is None, the AWS SDK chooses the value."""

    url: str | None = None
    region: str | None = None
    profile: str | None = None
    credentials: tuple[str, str] | None = None
    """Access key id and secret key; only for the local endpoint."""
    role_arn: str | None = None
    """Role for the calls; the credentials that the SDK finds assume it."""
    allow_insecure: bool = False
    """Whether plain HTTP may be used to other machines than this one."""
    silence_seconds: float = limits.API_SILENCE_SECONDS
    """How long the first call may wait for a response before a warning is logged."""


class _Core:
    """The expensive part of sessions: the settings of a profile and the models of the SDK.

    It takes 1 MB and 0.05 s of CPU. Its methods may be called by several threads.
    """

    def __init__(self, connection: Connection) -> None:
        core = botocore.session.Session(profile=connection.profile, include_builtin_handlers=False)
        register_handlers(core)
        # The SDK reads the profile at its first use: read it now, not in the middle of a run.
        core.get_scoped_config()
        core.register_component("data_loader", shared_loader())
        add_hooks(
            core,
            allow_insecure=connection.allow_insecure,
            silence_seconds=connection.silence_seconds,
        )
        self._session = boto3.Session(botocore_session=core)
        self._core = core
        self._lock = RLock()

    @property
    def region_name(self) -> str | None:
        """The region that the SDK finds."""
        return cast("str | None", self._session.region_name)

    @property
    def events(self) -> Any:
        """The events of all clients."""
        return self._session.events

    def find_credentials(self) -> Credentials | None:
        """Return the credentials that the SDK finds."""
        with self._lock:
            return self._core.get_credentials()

    def client(self, service: str, credentials: Credentials | None, **options: Any) -> Any:
        """Return a client that uses `credentials`, or None for those that the SDK finds."""
        with self._lock, self._using(credentials):
            return self._session.client(service, **options)

    @contextmanager
    def _using(self, credentials: Credentials | None) -> Iterator[None]:
        """Let clients that are created during the block use `credentials`."""
        if credentials is None:
            yield
            return
        # botocore has no public setter. To read the credentials publicly would search for some.
        before = self._core._credentials  # noqa: SLF001
        self._core._credentials = credentials  # noqa: SLF001
        try:
            yield
        finally:
            self._core._credentials = before  # noqa: SLF001


class Session:
    """The identity of one target, and its clients. Several sessions may share a core."""

    def __init__(self, core: _Core, connection: Connection) -> None:
        """Find or assume the credentials of `connection`; nothing is called yet."""
        self._core = core
        self._region = connection.region
        self._credentials: Credentials | None = None
        if connection.credentials is not None:
            self._credentials = Credentials(*connection.credentials, method="explicit")
        if connection.role_arn is not None:
            self._credentials = self._assumed(connection.role_arn, connection)

    @property
    def region_name(self) -> str | None:
        """The configured region, or the one that the SDK finds."""
        return self._region or self._core.region_name

    @property
    def events(self) -> Any:
        """The events of the clients of all sessions with this core."""
        return self._core.events

    def get_credentials(self) -> Credentials | None:
        """Return the credentials of the clients."""
        return self._credentials or self._core.find_credentials()

    def client(self, service: str, **options: Any) -> Any:
        """Return a client for `service`; the options are those of the SDK."""
        options = {**options, "region_name": options.get("region_name") or self._region}
        return self._core.client(service, self._credentials, **options)

    def _assumed(self, role_arn: str, connection: Connection) -> Credentials:
        """Return the credentials of a role, which is assumed at the first call."""
        credentials = self.get_credentials()
        if credentials is None:
            raise UsageError(
                f"no credentials found that can assume {role_arn}: {CREDENTIALS_ADVICE}"
            )
        remember_credentials(credentials)
        fetcher = AssumeRoleCredentialFetcher(
            # STS is called at the target's own URL: credentials go nowhere else.
            partial(
                self._core.client,
                credentials=None,
                endpoint_url=connection.url,
                region_name=self.region_name,
                config=_config(connection, workers=1, attempts=limits.API_MAX_ATTEMPTS),
            ),
            credentials,
            role_arn,
            extra_args={"RoleSessionName": USER_AGENT},
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


class Sessions:
    """Opens sessions; those that need the same settings of the SDK share a core."""

    def __init__(self) -> None:
        self._cores: dict[Hashable, _Core] = {}
        self._accounts: dict[Hashable, str | None] = {}
        self._lock = Lock()

    def open(self, connection: Connection) -> Session:
        """Return a session, as `open_session` does.

        Raises:
            UsageError: the profile does not exist, or there are no credentials to assume the role.
        """
        key = (connection.profile, connection.allow_insecure, connection.silence_seconds)
        try:
            with self._lock:
                if key not in self._cores:
                    self._cores[key] = _Core(connection)
            return Session(self._cores[key], connection)
        except BotoCoreError as error:
            raise UsageError(f"opening an AWS session: {text_of(error)}") from error

    def account_of(self, session: Session, connection: Connection, *, required: bool) -> str | None:
        """Return the account of the credentials, as `account_of` does.

        Targets in several regions with the same credentials ask once.
        """
        key = (connection.url, connection.profile, connection.credentials, connection.role_arn)
        if self._accounts.get(key) is None:
            self._accounts[key] = account_of(session, connection, required=required)
        return self._accounts[key]


def open_session(connection: Connection) -> Session:
    """Return a session whose App Mesh clients use the API description of this package.

    Raises:
        UsageError: the profile does not exist, or there are no credentials to assume the role.
    """
    return Sessions().open(connection)


def open_client(
    session: Session,
    service: str,
    connection: Connection,
    *,
    workers: int,
    attempts: int = limits.API_MAX_ATTEMPTS,
) -> Any:
    """Return a client for `service` that `workers` threads may share.

    Raises:
        UsageError: no client can be created, or the AWS environment or profile sets a URL for it
            that --endpoint-url would not accept.
    """
    config = _config(connection, workers=workers, attempts=attempts)
    try:
        client = session.client(
            service, region_name=connection.region, endpoint_url=connection.url, config=config
        )
    except NoRegionError as error:
        raise UsageError(
            "no region given: pass --region, set AWS_REGION, or set region in the target's table"
        ) from error
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"creating a client for {service}: {_without_url(error)}") from error
    remember_credentials(session.get_credentials())
    url = client.meta.endpoint_url
    require_valid_url(url, AWS_SETTINGS)
    if connection.url is None and is_loopback(url):
        # The URL comes from the SDK and is on this machine, so the client must not use a proxy.
        connection = replace(connection, url=url)
        return open_client(session, service, connection, workers=workers, attempts=attempts)
    return client


def account_of(session: Session, connection: Connection, *, required: bool = False) -> str | None:
    """Return the account of the credentials.

    Returns None if the response has no account id or the endpoint at the connection's URL fails.

    Raises:
        TargetError: the call failed, and the connection has no URL or the account is `required`.
    """
    client = open_client(session, "sts", connection, workers=1)
    try:
        with translate_errors("reading the account of the credentials"):
            identity = client.get_caller_identity()
    except TargetError:
        if connection.url is None or required:
            raise
        return None
    account = str(identity.get("Account"))
    return account if _ACCOUNT.fullmatch(account) else None


def credentials_of(session: Session) -> str | None:
    """Return the name of the source of the credentials, or None if there are none."""
    with translate_errors("searching for credentials"):
        credentials = session.get_credentials()
    return None if credentials is None else str(credentials.method)


def clock_of(session: Session, connection: Connection) -> datetime | None:
    """Return the time of the target's clock, or None if its response has no valid date."""
    client = open_client(session, SERVICE, connection, workers=1, attempts=1)
    with translate_errors("reading the target's clock"):
        response = client.list_meshes(limit=1)
    date = response["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(date)
    except ValueError:
        return None


def configured_url(profile: str | None) -> str | None:
    """Return the App Mesh endpoint that the AWS environment or the profile sets, or None."""
    session = open_session(Connection(profile=profile))
    region = session.region_name or "us-east-1"
    try:
        chosen, resolved = (
            session.client(
                SERVICE,
                region_name=region,
                config=Config(ignore_configured_endpoint_urls=ignore),
            ).meta.endpoint_url
            for ignore in (False, True)
        )
    except (BotoCoreError, ValueError) as error:
        text = _without_url(error)
        raise UsageError(f"finding the endpoint: {text}") from error
    return None if chosen == resolved else str(chosen)


def _config(connection: Connection, *, workers: int, attempts: int) -> Config:
    return Config(
        connect_timeout=limits.API_CONNECT_TIMEOUT_SECONDS,
        read_timeout=limits.API_READ_TIMEOUT_SECONDS,
        retries={"mode": RETRY_MODE, "total_max_attempts": attempts},
        max_pool_connections=workers,
        user_agent=USER_AGENT,
        # Calls to this machine must not go through a proxy.
        proxies={} if is_loopback(connection.url) else None,
    )


def _without_url(error: BotoCoreError | ValueError) -> str:
    """Return the text of `error` for a message, without parts of a URL."""
    if isinstance(error, BotoCoreError):
        return text_of(error)
    if isinstance(error, JSONDecodeError):
        return f"credential_process did not print JSON: {error}"
    return f"invalid endpoint URL in {AWS_SETTINGS}: {URL_USAGE}"
