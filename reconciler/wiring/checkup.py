"""What a run needs, looked at piece by piece; it reads, and writes nothing."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime

from reconciler.api import QUOTAS, Quota, load
from reconciler.core.errors import (
    HeldError,
    RefusedError,
    TargetError,
    UnavailableError,
    UsageError,
)
from reconciler.core.findings import Finding, Grade
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key, TargetId
from reconciler.settings.target import AWS, LOCAL, Choice
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.session import clock_of, credentials_of, open_session
from reconciler.wiring.targets import connection_of, open_target

# AWS refuses signatures that are five minutes off.
MAX_CLOCK_SKEW_SECONDS = 240
QUOTA_WARNING_SHARE = 0.8
SERVICE_ENDED = (
    "AWS ended App Mesh on 30 September 2026, so nothing may answer there; an endpoint of your "
    "own is --endpoint-url URL, a rehearsal --target local"
)


def examine(choice: Choice, now: datetime) -> Iterator[Finding]:
    """Yield what there is to say of the chosen target and of the way to it."""
    if choice.name == AWS:
        yield Finding(Grade.NOTE, "service", SERVICE_ENDED)
    yield _owner(choice)
    try:
        if choice.name == LOCAL or (yield from _way(choice, now)):
            with open_target(choice, workers=1) as target:
                yield from _world(choice, target.id)
                yield from _reads(target)
                yield _writes()
    except (UsageError, HeldError, TargetError) as error:
        yield Finding(Grade.MISSING, "target", str(error))


def _owner(choice: Choice) -> Finding:
    if choice.owner:
        return Finding(Grade.GOOD, "owner", choice.owner)
    return Finding(Grade.MISSING, "owner", "none, and a plan needs one: say --owner ID")


def _way(choice: Choice, now: datetime) -> Generator[Finding, None, bool]:
    """Look at credentials and clock; return whether going on makes sense."""
    connection = connection_of(choice)
    session = open_session(connection)
    source = credentials_of(session)
    if source is None:
        told = "none found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or say --profile"
        yield Finding(Grade.MISSING, "credentials", told)
        return False
    yield Finding(Grade.GOOD, "credentials", f"found, by {source}")
    try:
        theirs = clock_of(session, connection)
    except RefusedError:
        # What is refused is told of below, permission by permission.
        return True
    if theirs is not None:
        off = abs((theirs - now).total_seconds())
        grade = Grade.GOOD if off <= MAX_CLOCK_SKEW_SECONDS else Grade.MISSING
        yield Finding(grade, "clock", f"{off:.0f} s from the target's")
    return True


def _world(choice: Choice, target: TargetId) -> Iterator[Finding]:
    where = " at ".join(dict.fromkeys((target.name, target.url)))
    yield Finding(Grade.GOOD, "target", f"{where}, region {target.region}")
    if target.account is None:
        told = "unknown: GetCallerIdentity is not answered there"
        yield Finding(Grade.NOTE, "account", told)
    else:
        configured = ", as configured" if choice.account else ""
        yield Finding(Grade.GOOD, "account", target.account + configured)


def _reads(target: AppMesh) -> Iterator[Finding]:
    found: dict[str | None, list[Key]] = {}
    unlisted: set[str | None] = set()
    for kind, row in KINDS.items():
        what = f"list {kind}"
        parents = found.get(row.parent, [])
        if row.parent in unlisted:
            unlisted.add(kind)
            yield Finding(Grade.NOTE, what, f"not tried: each {row.parent} stayed unseen")
            continue
        if row.parent and not parents:
            yield Finding(Grade.NOTE, what, f"not tried: no {row.parent} is live")
            continue
        try:
            keys = found[kind] = target.lists.all_of(kind, parents)
        except TargetError as error:
            unlisted.add(kind)
            yield Finding(Grade.MISSING, what, str(error))
            if isinstance(error, UnavailableError):
                return
        else:
            yield Finding(Grade.GOOD, what, f"{len(keys)} live")
            yield _describe(target, kind, keys)
            yield _headroom(kind, QUOTAS[row.word], keys)
    if target.tags() is None:
        told = "not allowed or not there: tags are read one resource at a time, which takes longer"
        yield Finding(Grade.NOTE, "GetResources", told)
    else:
        yield Finding(Grade.GOOD, "GetResources", "allowed")


def _describe(target: AppMesh, kind: str, keys: Sequence[Key]) -> Finding:
    what = f"read {kind}"
    if not keys:
        return Finding(Grade.NOTE, what, "not tried: none is live")
    try:
        live = target.look(keys[0])
    except TargetError as error:
        return Finding(Grade.MISSING, what, str(error))
    if live is None:
        return Finding(Grade.NOTE, what, f"{keys[0]} was listed, and then not found")
    return Finding(Grade.GOOD, what, f"{keys[0]}, and its tags")


def _headroom(kind: str, quota: Quota, keys: Sequence[Key]) -> Finding:
    most = max(Counter(key.path[:-1] for key in keys).values(), default=0)
    grade = Grade.GOOD if most < QUOTA_WARNING_SHARE * quota.most else Grade.NOTE
    told = f"{most} of {quota.most} {quota.of}, unless AWS raised yours"
    return Finding(grade, f"quota {kind}", told)


def _writes() -> Finding:
    words = {row.word for row in KINDS.values()}
    writing = (
        operation.name
        for operation in load().operations.values()
        if operation.verb in ("create", "update", "delete", "tag", "untag")
        and (operation.kind is None or operation.kind.name in words)
    )
    told = f"not tried, for that takes a write: {', '.join(writing)}"
    return Finding(Grade.NOTE, "writes", told)
