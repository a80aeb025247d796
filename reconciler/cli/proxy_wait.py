"""Waits until the Envoys have acknowledged the changes: ``apply --wait-proxies``."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

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


class _Answer(NamedTuple):
    """The answer of one server of Envoys.

    Attributes:
        connected: The number of connected proxies of the changed meshes.
        missing: Those of them that have not acknowledged the revision, or the error of a server
            that did not respond.
    """

    connected: int
    missing: tuple[str, ...] = ()


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
        meshes = {change.key.mesh for change in plan.changes}
        answers = self._last_answers(target.id, revision, meshes)
        if missing := [proxy for answer in answers.values() for proxy in answer.missing]:
            print_error(
                f"revision {revision} is applied, but was not acknowledged within "
                f"{self.seconds:g} s: {shorten_list(missing)}"
            )
            return ExitCode.PARTIAL
        unused = [url for url, answer in answers.items() if not answer.connected]
        if unused:
            print_error(
                "--wait-proxies: no Envoy of the changed meshes is connected to "
                f"{shorten_list(unused)}"
            )
        if readable and len(unused) < len(answers):
            print_result(f"All connected proxies have acknowledged revision {revision}.\n")
        return code

    def _last_answers(
        self, target: TargetId, revision: int, meshes: Collection[Key]
    ) -> Mapping[str, _Answer]:
        """Return the answers of all servers at the end of the wait."""
        deadline = time.monotonic() + self.seconds
        while True:
            answers = {
                url: _ask(url, target, revision, meshes, deadline - time.monotonic())
                for url in self.urls
            }
            left = deadline - time.monotonic()
            if left <= 0 or not any(answer.missing for answer in answers.values()):
                return answers
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


def _ask(
    url: str,
    target: TargetId,
    revision: int,
    meshes: Collection[Key],
    seconds: float,
) -> _Answer:
    """Return the answer of one server, which has `seconds` for it."""
    # The servers after one that took all the time are asked too.
    timeout = min(max(seconds, limits.PROXIES_POLL_SECONDS), limits.DAEMON_RESPONSE_TIMEOUT_SECONDS)
    try:
        _, scopes = fetch_proxies(url, timeout)
    except DaemonError as error:
        return _Answer(0, (str(error),))
    found = [
        (proxy, scope)
        for scope in scopes
        if _is_of(scope, target)
        for proxy in scope["proxies"]
        if proxy["exists"] and Key.parse(proxy["key"]).mesh in meshes
    ]
    missing = [
        _reason(proxy)
        for proxy, scope in found
        if proxy["is_behind"] or scope["revision"] < revision
    ]
    return _Answer(len(found), tuple(missing))


def _is_of(scope: Mapping[str, Any], target: TargetId) -> bool:
    """Whether a scope is the account and region of the target; its account may be unknown."""
    return scope["region"] == target.region and target.account in (None, scope["account"])


def _reason(proxy: Mapping[str, Any]) -> str:
    errors = [part["error"] for part in proxy["types"].values() if part["error"]]
    return escaped(f"{proxy['key']} ({errors[0]})" if errors else proxy["key"])
