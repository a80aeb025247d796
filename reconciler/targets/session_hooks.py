"""Hooks of the AWS SDK: guard the credentials, remember secrets, and report a slow first call."""

import logging
from contextlib import suppress
from contextvars import copy_context
from functools import cache, partial
from ipaddress import ip_address
from threading import Timer
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import botocore.session
from botocore.awsrequest import AWSPreparedRequest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST

from reconciler.core.errors import UsageError
from reconciler.known_secrets import remember, remember_temporary

logger = logging.getLogger(__name__)


def add_hooks(
    core: botocore.session.Session, *, allow_insecure: bool, silence_seconds: float
) -> None:
    """Add the hooks to all clients of `core`, and remember the secrets of its settings."""
    core.register("before-send", partial(_before_send, allow_insecure))
    _SilenceWarning(silence_seconds).register(core)
    core.register("after-call.sts", _remember_issued)
    _remember_settings(core)


def register_handlers(core: botocore.session.Session) -> None:
    """Register the handlers of the SDK, except those for its documentation and old method names.

    Each client copies all of them; without these it takes 40 KB less.
    """
    ways = {REGISTER_FIRST: "register_first", REGISTER_LAST: "register_last"}
    events = core.get_component("event_emitter")
    for name, handler, *way in BUILTIN_HANDLERS:
        if not name.startswith(("docs.", "getattr.")):
            getattr(events, ways[way[0]] if way else "register")(name, handler)


def remember_credentials(credentials: Credentials | None) -> None:
    """Remember `credentials`, so that no printed text contains them."""
    # Reading refreshable credentials would fetch them; they are remembered when they are issued or
    # sent.
    if credentials is not None and not isinstance(credentials, RefreshableCredentials):
        remember(credentials.secret_key, credentials.token)


def is_loopback(url: str | None) -> bool:
    """Return whether `url` is on this machine."""
    return _is_loopback_host(urlsplit(url or "").hostname or "")


@cache
def _is_loopback_host(host: str) -> bool:
    # Called before each request; parsing an address takes as long as the rest of the check.
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _SilenceWarning:
    """Logs once that the first call of a session waits; its timeouts and retries take 30 s."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: Timer | None = None

    def register(self, core: botocore.session.Session) -> None:
        core.register("before-send", self._start)
        core.register("needs-retry", self._stop_after_response)
        core.register("after-call-error", self._stop)

    def _start(self, request: AWSPreparedRequest, **_: Any) -> None:
        if self._timer is not None:
            return
        parts = urlsplit(request.url)
        url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        message = f"waiting for {url} to answer: no response for {self._seconds:g} s"
        # In the context of this thread, whose target the log records have.
        self._timer = Timer(self._seconds, copy_context().run, (logger.warning, "%s", message))
        self._timer.daemon = True
        # If no thread can start, the call must not fail: it only waits without a message.
        with suppress(RuntimeError):
            self._timer.start()

    def _stop_after_response(self, response: object, **_: Any) -> None:
        if response is not None:
            self._stop()

    def _stop(self, **_: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _before_send(allow_insecure: bool, request: AWSPreparedRequest, **_: Any) -> None:  # noqa: FBT001
    """Reject a request that would send credentials unencrypted.

    Applies to all clients of a session, also to those that botocore creates itself, for example to
    assume the role of a profile.
    """
    token = request.headers.get("X-Amz-Security-Token")
    if token is not None:
        remember_temporary(token.decode())
    parts = urlsplit(request.url)
    if parts.scheme != "https" and not (allow_insecure or is_loopback(request.url)):
        raise UsageError(
            f"http://{parts.netloc.rpartition('@')[2]} would receive credentials unencrypted: use "
            "https://, or pass --allow-insecure-endpoint if you trust every network in between"
        )


def _remember_issued(parsed: Any, **_: Any) -> None:
    """Remember the temporary credentials in a response of STS."""
    match parsed:
        case {"Credentials": {"SecretAccessKey": str(secret_key), "SessionToken": str(token)}}:
            remember_temporary(secret_key, token)


def _remember_settings(core: botocore.session.Session) -> None:
    """Remember the secrets of all profiles, as profiles refer to each other, and of the proxies."""
    for profile in core.full_config["profiles"].values():
        remember(profile.get("aws_secret_access_key"), profile.get("aws_session_token"))
    # Not parsed with urlsplit, because an invalid URL may contain a password too.
    for url in getproxies().values():
        user, _, password = url.rpartition("@")[0].rpartition("://")[2].partition(":")
        remember(unquote(password or user))
