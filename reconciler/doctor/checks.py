"""Checks of everything that a run needs. They only read."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime

from reconciler import limits
from reconciler.api import QUOTAS, Quota, load
from reconciler.core.errors import (
    LockHeldError,
    RejectedError,
    TargetError,
    UnavailableError,
    UsageError,
)
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key, TargetId
from reconciler.doctor.results import CheckResult, CheckStatus
from reconciler.engine import CommandTarget
from reconciler.settings.target_config import AWS, LOCAL, TargetConfig
from reconciler.targets.error_translation import CREDENTIALS_ADVICE
from reconciler.targets.session import Sessions, clock_of, credentials_of
from reconciler.wiring.targets import connection_of, open_target

QUOTA_WARNING_SHARE = 0.8
SERVICE_ENDED = (
    "AWS ended App Mesh on 30 September 2026, so it may not respond: pass --endpoint-url URL for "
    "your own endpoint, or --target local to try it locally"
)


def run_checks(config: TargetConfig, now: datetime, sessions: Sessions) -> Iterator[CheckResult]:
    """Yield results for the configured target and the connection to it."""
    if config.name == AWS:
        yield CheckResult(CheckStatus.WARNING, "service", SERVICE_ENDED)
    yield _check_owner(config)
    try:
        if config.name == LOCAL or (yield from _check_connection(config, now, sessions)):
            with open_target(config, workers=1, sessions=sessions) as target:
                yield from _check_identity(config, target.id)
                yield from _check_reads(target)
                yield _check_writes()
    except (UsageError, LockHeldError, TargetError) as error:
        yield CheckResult(CheckStatus.ERROR, "target", str(error))


def _check_owner(config: TargetConfig) -> CheckResult:
    if config.owner:
        return CheckResult(CheckStatus.OK, "owner", config.owner)
    return CheckResult(CheckStatus.ERROR, "owner", "not set, but a plan needs it: pass --owner ID")


def _check_connection(
    config: TargetConfig, now: datetime, sessions: Sessions
) -> Generator[CheckResult, None, bool]:
    """Check credentials and clock; return whether to continue with the target."""
    connection = connection_of(config)
    session = sessions.open(connection)
    source = credentials_of(session)
    if source is None:
        message = f"none found: {CREDENTIALS_ADVICE}"
        yield CheckResult(CheckStatus.ERROR, "credentials", message)
        return False
    yield CheckResult(CheckStatus.OK, "credentials", f"found by {source}")
    try:
        target_time = clock_of(session, connection)
    except RejectedError:
        # The later checks report each missing permission.
        return True
    if target_time is not None:
        skew = abs((target_time - now).total_seconds())
        status = CheckStatus.OK if skew <= limits.MAX_CLOCK_SKEW_SECONDS else CheckStatus.ERROR
        yield CheckResult(status, "clock", f"{skew:.0f} s off the clock of the target")
    return True


def _check_identity(config: TargetConfig, target: TargetId) -> Iterator[CheckResult]:
    name = " at ".join(dict.fromkeys((target.name, target.url)))
    yield CheckResult(CheckStatus.OK, "target", f"{name}, region {target.region}")
    if target.account is None:
        message = "unknown: the target does not answer GetCallerIdentity"
        yield CheckResult(CheckStatus.WARNING, "account", message)
    else:
        configured = ", as configured" if config.account else ""
        yield CheckResult(CheckStatus.OK, "account", target.account + configured)


def _check_reads(target: CommandTarget) -> Iterator[CheckResult]:
    listed: dict[str | None, list[Key]] = {}
    unlisted: set[str | None] = set()
    for kind, row in KINDS.items():
        subject = f"list {kind}"
        parents = listed.get(row.parent, [])
        if row.parent in unlisted:
            unlisted.add(kind)
            yield CheckResult(
                CheckStatus.WARNING, subject, f"not tried: {row.parent} could not be listed"
            )
            continue
        if row.parent and not parents:
            yield CheckResult(
                CheckStatus.WARNING, subject, f"not tried: there is no live {row.parent}"
            )
            continue
        try:
            keys = listed[kind] = target.list_kind(kind, parents)
        except TargetError as error:
            unlisted.add(kind)
            yield CheckResult(CheckStatus.ERROR, subject, str(error))
            if isinstance(error, UnavailableError):
                return
        else:
            yield CheckResult(CheckStatus.OK, subject, f"{len(keys)} live")
            yield _check_describe(target, kind, keys)
            yield _check_quota(kind, QUOTAS[row.title], keys)
    if target.tags() is None:
        message = "denied or not supported: tags are read one resource at a time, which is slower"
        yield CheckResult(CheckStatus.WARNING, "GetResources", message)
    else:
        yield CheckResult(CheckStatus.OK, "GetResources", "allowed")


def _check_describe(target: CommandTarget, kind: str, keys: Sequence[Key]) -> CheckResult:
    subject = f"read {kind}"
    if not keys:
        return CheckResult(CheckStatus.WARNING, subject, f"not tried: there is no live {kind}")
    try:
        live = target.read(keys[0])
    except TargetError as error:
        return CheckResult(CheckStatus.ERROR, subject, str(error))
    if live is None:
        return CheckResult(CheckStatus.WARNING, subject, f"{keys[0]} was listed but not found")
    return CheckResult(CheckStatus.OK, subject, f"{keys[0]} and its tags")


def _check_quota(kind: str, quota: Quota, keys: Sequence[Key]) -> CheckResult:
    largest = max(Counter(key.path[:-1] for key in keys).values(), default=0)
    status = CheckStatus.OK if largest < QUOTA_WARNING_SHARE * quota.limit else CheckStatus.WARNING
    message = f"{largest} of {quota.limit} {quota.scope}, unless AWS raised your quota"
    return CheckResult(status, f"quota {kind}", message)


def _check_writes() -> CheckResult:
    titles = {row.title for row in KINDS.values()}
    operations = (
        operation.name
        for operation in load().operations.values()
        if operation.action in ("create", "update", "delete", "tag", "untag")
        and (operation.kind is None or operation.kind.name in titles)
    )
    message = f"not tried, because a test would write: {', '.join(operations)}"
    return CheckResult(CheckStatus.WARNING, "writes", message)
