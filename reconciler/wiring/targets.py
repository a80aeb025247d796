"""Settings made into a target that is ready for calls, and into what holds a run back."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from reconciler.core.errors import HeldError, TargetError, UsageError
from reconciler.core.resources import TargetId
from reconciler.core.restraint import Limit
from reconciler.endpoint import EndpointError, FolderHeldError, LocalEndpoint
from reconciler.settings.target import LOCAL, Choice
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.session import Connection, account_of, address, open_session

# The embedded endpoint takes its caller's account from a 12-digit access key id.
LOCAL_ACCOUNT = "000000000000"
LOCAL_REGION = "us-east-1"
LOCAL_DATA = Path(".reconciler")
# A daemon that nobody watches updates less at a time than a person who has read the plan.
DAEMON_UPDATES = Limit(share=Fraction(30, 100), floor=3)
_SHARE = re.compile(r"(\d{1,3})%")


@contextmanager
def open_target(choice: Choice, *, workers: int) -> Iterator[AppMesh]:
    """Yield the chosen target, ready for ``workers`` calls at a time.

    The embedded endpoint lives as long as the block. UsageError where the credentials belong to
    another account than the one configured.
    """
    with ExitStack() as opened:
        connection = Connection(choice.url, choice.region, choice.profile)
        if choice.name == LOCAL and choice.url is None:
            url = _local_url(opened)
            # Its own credentials, so that nobody's real ones are sent to a rehearsal.
            connection = replace(connection, url=url, credentials=(LOCAL_ACCOUNT, LOCAL))
        yield _connect(choice, connection, workers=workers)


def read_limit(text: str | None, default: Limit) -> Limit:
    """Return the limit that ``text`` names, ``5`` or ``30%``; UsageError if it names none."""
    if text is None:
        return default
    if text.isdecimal():
        return Limit(int(text))
    share = _SHARE.fullmatch(text)
    if share is None:
        raise UsageError(f'--max-updates takes a number or a share such as 30%, not "{text}"')
    return Limit(share=Fraction(int(share[1]), 100))


def _local_url(opened: ExitStack) -> str:
    """Return the URL of the embedded endpoint: ours, or that of the process that holds it."""
    try:
        return opened.enter_context(LocalEndpoint(LOCAL_DATA)).url
    except FolderHeldError as held:
        if held.url is None:
            raise HeldError(str(held)) from held
        return held.url
    except EndpointError as error:
        raise TargetError(f"starting the local endpoint: {error}") from error


def _connect(choice: Choice, connection: Connection, *, workers: int) -> AppMesh:
    session = open_session(connection)
    if choice.name == LOCAL and connection.region is None:
        connection = replace(connection, region=session.region_name or LOCAL_REGION)
    url, region = address(session, connection)
    account = account_of(session, connection)
    if choice.account is not None and account != choice.account:
        raise UsageError(
            f"target {choice.name} is configured for account {choice.account}, but these "
            f"credentials belong to {account or 'an unknown one'}"
        )
    target = TargetId(choice.name, url, account, region)
    return AppMesh(target, session, connection, workers=workers)
