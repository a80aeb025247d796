"""Opens the target of a run from its settings, and parses its limits."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction

from reconciler.core.errors import TargetError, UsageError
from reconciler.core.planning.guards import Limit
from reconciler.core.resources import TargetId
from reconciler.engine import CommandTarget
from reconciler.parallel import on_one_core
from reconciler.settings.target_config import LOCAL, TargetConfig
from reconciler.targets.api_client import ApiClient, Reopen
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.cache import ReadCache
from reconciler.targets.session import Connection, Session, Sessions

# The embedded endpoint derives the caller's account from a 12-digit access key id.
LOCAL_ACCOUNT = "000000000000"
LOCAL_REGION = "us-east-1"
# No person reads the plan of a daemon, so it makes fewer updates at a time than apply.
DAEMON_UPDATES = Limit(share=Fraction(30, 100), floor=3)
_SHARE = re.compile(r"(\d{1,3})%")


@contextmanager
def open_target(
    config: TargetConfig,
    *,
    workers: int,
    cache: ReadCache | None = None,
    sessions: Sessions | None = None,
) -> Iterator[CommandTarget]:
    """Yield the target of `config`, ready for `workers` calls at a time.

    An embedded endpoint that is started here stops at the end of the block. `sessions` are shared
    with other targets.

    Raises:
        UsageError: the credentials belong to another account than the configured one.
        TargetError: the account of the credentials is unknown, but one is configured.
        LockHeldError: the data of the embedded endpoint is locked.
    """
    sessions = sessions or Sessions()
    with ExitStack() as opened:
        if cache is None:
            # Without a cache this run reads everything, so one core is faster. A daemon has a
            # cache and reads little, and its host may not allow it to set the core.
            opened.enter_context(on_one_core())
        connection = connection_of(config)
        if config.name == LOCAL and config.url is None:
            # This imports a server, which no other target needs.
            from reconciler.wiring.local import local_url  # noqa: PLC0415

            # The endpoint has its own credentials, so that real ones are never sent to it.
            local = replace(connection, credentials=(LOCAL_ACCOUNT, LOCAL), role_arn=None)
            region = config.region or sessions.open(local).region_name or LOCAL_REGION

            def reopen(lost: str | None) -> Connection:
                # The process that served it may have ended; then this process serves it.
                return replace(local, url=local_url(opened, lost), region=region)

            yield _connect(
                sessions, config, reopen(None), workers=workers, cache=cache, reopen=reopen
            )
        else:
            yield _connect(sessions, config, connection, workers=workers, cache=cache)


def connection_of(config: TargetConfig) -> Connection:
    """Return the connection to the target, with the credentials of the SDK's own chain."""
    return Connection(
        config.url,
        config.region,
        config.profile,
        role_arn=config.role_arn,
        allow_insecure=config.allow_insecure_endpoint,
    )


def target_scope(config: TargetConfig, target: TargetId) -> tuple[str, ...]:
    """Return the endpoint, the account and the region of `target`.

    All runs on the target have the same scope. The embedded endpoint uses any free port. An
    endpoint at a configured URL may know the account at one time and not at another, so there only
    a configured account counts.
    """
    url = "" if config.name == LOCAL and config.url is None else target.url
    account = config.account or ("" if config.url else target.account) or ""
    return url, account, target.region


def read_share(text: str | None) -> Fraction | None:
    """Return the share in `text`, such as ``30%``, or None if it is None.

    Raises:
        UsageError: `text` is not a share.
    """
    if text is None:
        return None
    share = _SHARE.fullmatch(text)
    if share is None:
        raise UsageError(f'invalid --wide-share "{text}": use a share such as 30%')
    return Fraction(int(share[1]), 100)


def read_limit(text: str | None, default: Limit) -> Limit:
    """Return the limit in `text`, such as ``5`` or ``30%``, or `default` if it is None.

    Raises:
        UsageError: `text` is not a number or a share.
    """
    if text is None:
        return default
    if text.isdecimal():
        return Limit(int(text))
    share = _SHARE.fullmatch(text)
    if share is None:
        raise UsageError(f'invalid --max-updates "{text}": use a number or a share such as 30%')
    return Limit(share=Fraction(int(share[1]), 100))


def _connect(
    sessions: Sessions,
    config: TargetConfig,
    connection: Connection,
    *,
    workers: int,
    cache: ReadCache | None,
    reopen: Reopen | None = None,
) -> CommandTarget:
    session = sessions.open(connection)
    client = ApiClient(session, connection, workers=workers, reopen=reopen)
    # The account of the embedded endpoint is known, and it may stop before it responds.
    account = LOCAL_ACCOUNT if reopen else _account_of(sessions, session, config, connection)
    if config.account is not None and account != config.account:
        raise UsageError(
            f"target {config.name} is configured for account {config.account}, but these "
            f"credentials belong to {account}"
        )
    target = TargetId(config.name, client.url, account, client.region)
    # The index of the embedded endpoint never lags.
    lag = 0 if reopen else config.tag_index_lag
    return AppMesh(target, client, workers=workers, cache=cache, tag_index_lag_seconds=lag)


def _account_of(
    sessions: Sessions, session: Session, config: TargetConfig, connection: Connection
) -> str | None:
    required = config.account is not None
    subject = f"target {config.name} is configured for account {config.account}"
    try:
        account = sessions.account_of(session, connection, required=required)
    except TargetError as error:
        if not required or connection.url is None:
            raise
        raise TargetError(f"{error} ({subject}, which is checked first)") from error
    if required and account is None:
        raise TargetError(
            f"{subject}, but the account of the credentials is unknown: the response to "
            "GetCallerIdentity has no account"
        )
    return account
