"""Waits until the Envoys have acknowledged the changes: ``apply --wait-proxies``."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler import limits
from reconciler.cli.command import Invocation
from reconciler.cli.output import print_error, print_result
from reconciler.cli.run_context import resolve_target
from reconciler.core.errors import DaemonError, UsageError
from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Key, TargetId, shorten_list
from reconciler.engine import CommandTarget
from reconciler.web.client import fetch_proxies

# After these, nothing was changed or the run must end, so no proxy is waited for.
_CODES_WITHOUT_WAIT = frozenset(
    {
        ExitCode.ERROR,
        ExitCode.STALE,
        ExitCode.LOCKED,
        ExitCode.INTERRUPTED,
        ExitCode.TERMINATED,
    }
)


@dataclass(frozen=True, slots=True)
class ProxyWait:
    """The wait for the proxies of changed meshes.

    Attributes:
        urls: The servers of Envoys to ask.
        seconds: Maximum time to wait.
    """

    urls: tuple[str, ...]
    seconds: float

    def wait(self, code: int, plan: Plan, target: CommandTarget, *, readable: bool) -> int:
        """Wait until the proxies have acknowledged the changes of a run.

        Args:
            code: The exit code of the run so far.
            plan: The plan of the run.
            target: The target, which knows the revision of its last write.
            readable: Whether to print the result for people.

        Returns:
            The exit code of the run: PARTIAL if a proxy is missing.
        """
        if not plan.changes or code in _CODES_WITHOUT_WAIT:
            return code
        revision = target.written_revision
        if revision is None:
            print_error(
                "--wait-proxies: the target returned no revision, so no proxy was waited for; "
                "remove proxies_urls from its table"
            )
            return ExitCode.PARTIAL
        meshes = {_mesh(change.key) for change in plan.changes}
        missing = self._missing_proxies(target.id, revision, meshes)
        if missing:
            print_error(
                f"revision {revision} is applied, but was not acknowledged within "
                f"{self.seconds:g} s: {shorten_list(missing)}"
            )
            return ExitCode.PARTIAL
        if readable:
            print_result(f"All connected proxies have acknowledged revision {revision}.\n")
        return code

    def _missing_proxies(
        self, target: TargetId, revision: int, meshes: Collection[tuple[str, str]]
    ) -> list[str]:
        """Return the proxies that are missing at the end of the wait."""
        deadline = time.monotonic() + self.seconds
        while True:
            missing = [
                proxy for url in self.urls for proxy in _missing(url, target, revision, meshes)
            ]
            left = deadline - time.monotonic()
            if not missing or left <= 0:
                return missing
            time.sleep(min(left, limits.PROXIES_POLL_SECONDS))


def open_proxy_wait(invocation: Invocation, target: CommandTarget) -> ProxyWait | None:
    """Return the wait of --wait-proxies, or None without it.

    Raises:
        UsageError: The target does not serve Envoys.
        DaemonError: A URL of its proxies_urls does not answer.
    """
    seconds = invocation["wait_proxies"]
    if seconds is None:
        return None
    configured = resolve_target(invocation, needs_owner=False).proxies_urls
    urls = configured or (target.id.url,)
    try:
        for url in urls:
            fetch_proxies(url)
    except DaemonError as error:
        if configured:
            raise
        raise UsageError(
            "--wait-proxies needs a target that serves Envoys: set proxies_urls in its table, or "
            f"start it with endpoint --xds; {error}"
        ) from error
    return ProxyWait(urls, seconds)


def _missing(
    url: str, target: TargetId, revision: int, meshes: Collection[tuple[str, str]]
) -> Iterable[str]:
    """Return the missing proxies of one server; one that does not respond is missing itself."""
    try:
        _, scopes = fetch_proxies(url)
    except DaemonError as error:
        return [str(error)]
    return [text for scope in scopes for text in _behind(scope, target, revision, meshes)]


def _behind(
    scope: Mapping[str, Any],
    target: TargetId,
    revision: int,
    meshes: Collection[tuple[str, str]],
) -> Iterable[str]:
    """Return the proxies of one account and region that have not acknowledged a revision."""
    # If the account of the target is not known, it may be any.
    if scope["region"] != target.region or target.account not in (None, scope["account"]):
        return ()
    proxies = [
        proxy
        for proxy in scope["proxies"]
        if proxy["exists"] and _mesh(Key.parse(proxy["key"])) in meshes
    ]
    is_served = scope["revision"] >= revision
    return [_reason(proxy) for proxy in proxies if proxy["is_behind"] or not is_served]


def _reason(proxy: Mapping[str, Any]) -> str:
    errors = [part["error"] for part in proxy["types"].values() if part["error"]]
    return escaped(f"{proxy['key']} ({errors[0]})" if errors else proxy["key"])


def _mesh(key: Key) -> tuple[str, str]:
    return key.path[0], key.mesh_owner
