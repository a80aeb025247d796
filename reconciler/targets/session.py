"""Sessions and clients: the pinned settings of every call, and whose account it is.

No call leaves the target's URL: with an endpoint URL, the account is asked for there too. Every
secret that a session uses is remembered, so that no text shows it.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from ipaddress import ip_address
from json import JSONDecodeError
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
    RefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, NoRegionError

from reconciler.core.errors import TargetError, UsageError
from reconciler.known_secrets import remember, remember_temporary
from reconciler.settings.target_config import refuse_strange_url
from reconciler.targets.error_translation import text_of, translate_errors
from reconciler.targets.model import SERVICE, DescriptionLoader

CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 10
# botocore's own default changed between versions, so the mode and the attempts are pinned.
MAX_ATTEMPTS = 3
RETRY_MODE = "standard"
USER_AGENT = "mesh-reconciler"
_ACCOUNT = re.compile("[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Connection:
    """Where calls go and as whom; None leaves a choice to the AWS SDK's own chain.

    ``credentials`` are an access key id and a secret key, for the local endpoint alone. With a
    ``role_arn`` calls are made in that role, which the chain's credentials assume. Unless
    ``allow_insecure`` is set, plain HTTP goes to this machine only.
    """

    url: str | None = None
    region: str | None = None
    profile: str | None = None
    credentials: tuple[str, str] | None = None
    role_arn: str | None = None
    allow_insecure: bool = False


def open_session(connection: Connection) -> boto3.Session:
    """Return a session whose App Mesh clients are made from our description.

    UsageError where the profile is not there.
    """
    access_key, secret_key = connection.credentials or (None, None)
    try:
        core = botocore.session.Session(profile=connection.profile)
        # A profile is looked for when it is first needed; better now than in the middle of a run.
        core.get_scoped_config()
        core.register_component("data_loader", DescriptionLoader())
        core.register("before-send", partial(_before_send, connection))
        core.register("after-call.sts", _remember_issued)
        _remember_settings(core)
        if connection.role_arn is not None:
            _assume(core, connection.role_arn, connection)
        return boto3.Session(
            botocore_session=core,
            region_name=connection.region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
        )
    except BotoCoreError as error:
        raise UsageError(f"opening an AWS session: {text_of(error)}") from error


def _assume(core: botocore.session.Session, role_arn: str, connection: Connection) -> None:
    """Let ``core`` act in a role, which is asked for when it is first needed."""
    own = core.get_credentials()
    if own is None:
        raise UsageError(f"no credentials found that can assume {role_arn}")
    _remember_credentials(own)
    fetcher = AssumeRoleCredentialFetcher(
        # Asked at the target's own URL: no credential goes anywhere else.
        partial(
            core.create_client,
            endpoint_url=connection.url,
            region_name=connection.region or core.get_config_variable("region"),
            config=_config(connection, workers=1, attempts=MAX_ATTEMPTS),
        ),
        own,
        role_arn,
        extra_args={"RoleSessionName": USER_AGENT},
    )
    assumed = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    core._credentials = assumed  # noqa: SLF001  # botocore offers no other place


def open_client(
    session: boto3.Session,
    service: str,
    connection: Connection,
    *,
    workers: int,
    attempts: int = MAX_ATTEMPTS,
) -> Any:
    """Return a client of ``service`` that may be shared by ``workers`` threads.

    UsageError if none can be made, or if the AWS environment or profile gives it a URL that no
    option accepts.
    """
    config = _config(connection, workers=workers, attempts=attempts)
    try:
        client = session.client(
            service, region_name=connection.region, endpoint_url=connection.url, config=config
        )
    except NoRegionError as error:
        raise UsageError("no region given: pass --region or set AWS_REGION") from error
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"creating a client for {service}: {_without_url(error)}") from error
    _remember_credentials(session.get_credentials())
    url = client.meta.endpoint_url
    refuse_strange_url(url)
    if connection.url is None and _is_loopback(url):
        # Only now is it known that no proxy may stand in between.
        connection = replace(connection, url=url)
        return open_client(session, service, connection, workers=workers, attempts=attempts)
    return client


def account_of(session: boto3.Session, connection: Connection) -> str | None:
    """Return the account that the credentials belong to.

    With an endpoint URL that does not answer the question it is None, else a ``TargetError``.
    """
    client = open_client(session, "sts", connection, workers=1)
    try:
        with translate_errors("reading the account of the credentials"):
            identity = client.get_caller_identity()
    except TargetError:
        if connection.url is None:
            raise
        return None
    account = str(identity.get("Account"))
    return account if _ACCOUNT.fullmatch(account) else None


def credentials_of(session: boto3.Session) -> str | None:
    """Return where the credentials come from, None where there are none; never what they are."""
    with translate_errors("searching for credentials"):
        found = session.get_credentials()
    return None if found is None else str(found.method)


def clock_of(session: boto3.Session, connection: Connection) -> datetime | None:
    """Return the time by the target's clock, None where its answer to a read names none."""
    client = open_client(session, SERVICE, connection, workers=1, attempts=1)
    with translate_errors("reading the target's clock"):
        response = client.list_meshes(limit=1)
    date = response["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(date)
    except ValueError:
        return None


def configured_url(profile: str | None) -> str | None:
    """Return the App Mesh endpoint that the AWS environment or the profile names, if any."""
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
        raise UsageError(f"the endpoint in the AWS environment or profile: {text}") from error
    return None if chosen == resolved else str(chosen)


def _config(connection: Connection, *, workers: int, attempts: int) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": RETRY_MODE, "total_max_attempts": attempts},
        max_pool_connections=workers,
        user_agent=USER_AGENT,
        # A proxy for the internet has no business between us and our own machine.
        proxies={} if _is_loopback(connection.url) else None,
    )


def _is_loopback(url: str | None) -> bool:
    host = urlsplit(url or "").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _before_send(connection: Connection, request: AWSPreparedRequest, **_: Any) -> None:
    """Refuse to send credentials in the clear, whichever client of a session sends the request.

    A session has clients that nobody here makes, such as the one that assumes a profile's role.
    """
    token = request.headers.get("X-Amz-Security-Token")
    if token is not None:
        remember_temporary(token.decode())
    parts = urlsplit(request.url)
    if parts.scheme != "https" and not (connection.allow_insecure or _is_loopback(request.url)):
        raise UsageError(
            f"http://{parts.netloc.rpartition('@')[2]} would receive credentials unencrypted: use "
            "https://, or pass --allow-insecure-endpoint if you trust every network in between"
        )


def _remember_issued(parsed: Any, **_: Any) -> None:
    """Remember the temporary credentials in an answer of STS."""
    match parsed:
        case {"Credentials": {"SecretAccessKey": str(secret_key), "SessionToken": str(token)}}:
            remember_temporary(secret_key, token)


def _remember_credentials(credentials: Credentials | None) -> None:
    # Those that expire would be fetched here; what is sent of them is remembered when it is sent.
    if credentials is not None and not isinstance(credentials, RefreshableCredentials):
        remember(credentials.secret_key, credentials.token)


def _remember_settings(core: botocore.session.Session) -> None:
    """Remember the secrets of all profiles, as one may lead to another, and of the proxies."""
    for profile in core.full_config["profiles"].values():
        remember(profile.get("aws_secret_access_key"), profile.get("aws_session_token"))
    # Taken apart by hand, because a URL that is not one holds a password too.
    for url in getproxies().values():
        user, _, password = url.rpartition("@")[0].rpartition("://")[2].partition(":")
        remember(unquote(password or user))


def _without_url(error: BotoCoreError | ValueError) -> str:
    """Return what a message may show of ``error``, which may repeat parts of a URL."""
    if isinstance(error, BotoCoreError):
        return text_of(error)
    if isinstance(error, JSONDecodeError):
        return f"credential_process did not print JSON: {error}"
    return "invalid endpoint URL: use http://HOST:PORT or https://HOST"
