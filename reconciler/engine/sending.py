"""From a change to what was answered: look once more, send, and let no answer pass unread."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from reconciler import parallel
from reconciler.core.changes import Adopt, Change, Create, Delete, DetachedRoute, Update
from reconciler.core.dependencies import requirements
from reconciler.core.errors import ConflictError, TargetError
from reconciler.core.kinds import parent_of
from reconciler.core.report import Applied, Failed, Outcome, Skipped, Stale
from reconciler.core.resources import OWNER_TAG, ResourceVersion, shorten_list
from reconciler.core.tokens import after_delete, after_refusal, client_token
from reconciler.engine.course import Execution
from reconciler.engine.glance import BulkRead, read_in_bulk
from reconciler.engine.settling import DELETED_REASON, WriteResult, verify
from reconciler.engine.target import Target

# Up to so many updates in a wave are each looked at right before; more of them batch by batch.
MAX_INDIVIDUAL_RECHECKS = 25
RECHECK_BATCH = 100
REPLACED_REASON = "another one has taken its place since the plan was made"


def write_wave(course: Execution, wave: list[Change]) -> list[WriteResult]:
    """Return what was answered to each change of ``wave``, in its order."""
    workers = course.options.workers
    updates = sum(isinstance(change, Update | Adopt) for change in wave)
    if updates <= MAX_INDIVIDUAL_RECHECKS:
        return parallel.run(partial(_write_change, course, None), wave, workers=workers)
    sent: list[WriteResult] = []
    for start in range(0, len(wave), RECHECK_BATCH):
        batch = wave[start : start + RECHECK_BATCH]
        seen = read_in_bulk(course.target, [change.key for change in batch])
        sent += parallel.run(partial(_write_change, course, seen), batch, workers=workers)
    return sent


def _write_change(course: Execution, seen: BulkRead | None, change: Change) -> WriteResult:
    reason = course.stop_reason()
    if reason is not None:
        return Skipped(change, reason)

    def write() -> WriteResult:
        if isinstance(change, Update) and change.detached:
            return _update_with_detached_routes(course, change)
        if isinstance(change, Delete) and change.unlinked:
            return _unlink(course, change)
        return _write(course.target, change)

    # Nothing makes way for what is stale by now: that would interrupt traffic in vain.
    sent = _recheck_then_write(course.target, seen, change, write, course.stop_reason)
    course.record(sent)
    return sent


def _recheck_then_write(
    target: Target,
    seen: BulkRead | None,
    change: Change,
    write: Callable[[], WriteResult],
    why_not: Callable[[], str | None] = lambda: None,
) -> WriteResult:
    """Look once more and write; ``why_not`` is asked in between, for a look may take long."""
    try:
        moved = _recheck(target, seen, change)
    except TargetError as error:
        return Failed(change, f"it was not tried, for looking at it once more failed: {error}")
    if moved is not None:
        return moved
    reason = why_not()
    return write() if reason is None else Skipped(change, reason)


def _update_with_detached_routes(course: Execution, change: Update) -> Outcome:
    """Take out what is in the way of ``change``, make it, and put everything back.

    Nothing is taken out unless all that its return needs is there. Once begun, it is finished even
    if the run is to stop: if the change fails, what was taken out is put back as it was.
    """
    reason = _reattach_problem(course.target, change)
    if reason is not None:
        return Failed(change, f"no route was detached: {reason}")
    taken: list[DetachedRoute] = []
    outcome: Outcome = Applied(change)
    for each in change.detached:
        out = _write_and_verify(course, each.detach)
        if isinstance(out, Stale):
            outcome = Stale(change, f"{each.detach.key}, which has to make way: {out.reason}")
            break
        taken.append(each)
        if not isinstance(out, Applied):
            outcome = Failed(change, f"{each.detach.key} could not make way: {out.reason}")
            break
    else:
        outcome = replace(_write_and_verify(course, replace(change, detached=())), change=change)
    applied = isinstance(outcome, Applied)
    back = [
        _write_and_verify(
            course, each.attach if applied else each.restore, after_delete(each.detach.before.uid)
        )
        for each in taken
    ]
    lost = [one for one in back if not isinstance(one, Applied)]
    if not lost:
        return outcome
    reasons = [] if isinstance(outcome, Applied) else [outcome.reason]
    reasons += [
        f"{one.change.key} could not be put back: {one.reason}; the next run creates it"
        for one in lost
    ]
    done = [f"{change.key} was updated"] if applied else []
    done += [f"{one.change.key} was deleted" for one in lost]
    return Failed(change, "; ".join(reasons), tuple(done))


def _unlink(course: Execution, change: Delete) -> Outcome:
    """Update the nodes that name what ``change`` deletes, then delete it."""
    done: list[str] = []
    for link in change.unlinked:
        outcome = _write_and_verify(course, link.update)
        if not isinstance(outcome, Applied):
            why = f"{link.before.key} still names it: {outcome.reason}"
            outcome = replace(outcome, change=change, why=why)
            break
        done.append(f"{link.before.key} was updated")
    else:
        outcome = replace(_write_and_verify(course, replace(change, unlinked=())), change=change)
    if isinstance(outcome, Applied) or not done:
        return outcome
    return Failed(change, f"{', '.join(done)}, and then: {outcome.reason}", tuple(done))


def _reattach_problem(target: Target, change: Update) -> str | None:
    """Return why what ``change`` detaches could not be attached again; None if it could."""
    # What contains it is there, as it is itself; no list may show a mesh of another account.
    needed = sorted(set(requirements(change)) - {change.key, parent_of(change.key)})
    try:
        there = target.list_versions(needed)
    except TargetError as error:
        return f"whether it could be attached again could not be read: {error}"
    missing = [key for key in needed if key not in there]
    return (
        f"to attach it again it needs {shorten_list(missing)}, which is not there"
        if missing
        else None
    )


def _write_and_verify(course: Execution, change: Change, base: str | None = None) -> Outcome:
    sent = _recheck_then_write(
        course.target, None, change, partial(_write, course.target, change, base)
    )
    return verify(course, change, sent, None)


def _write(target: Target, change: Change, base: str | None = None) -> WriteResult:
    """Send ``change``; ``base`` is the state it leaves, if the change itself does not know it."""
    try:
        answer = _apply_with_token(target, change, base)
    except TargetError as error:
        return error
    if isinstance(change, Update | Adopt) and answer.uid != change.before.uid:
        return Stale(change, f"{REPLACED_REASON}, and in that moment this change met it")
    return answer


def _apply_with_token(target: Target, change: Change, base: str | None) -> ResourceVersion:
    if isinstance(change, Delete):
        # The API takes no token for a delete; the look right before it is the only precondition.
        return target.apply(change, None)
    try:
        return target.apply(change, client_token(change, base))
    except TargetError as error:
        taken = isinstance(change, Create) and isinstance(error, ConflictError)
        if not error.request_id or (taken and target.read(change.key) is not None):
            raise
        # The refusal may be an old one that the service keeps with the token, so another token
        # asks again.
        return target.apply(change, client_token(change, after_refusal(error.request_id)))


def _recheck(target: Target, seen: BulkRead | None, change: Change) -> Outcome | None:
    """Return what speaks against the write, read right before it; None where nothing does."""
    if isinstance(change, Create):
        # A name that is taken is refused.
        return None
    listed = seen.versions.get(change.key) if seen is not None else None
    # A list that does not show it proves nothing: only its own description says that it is gone.
    if seen is not None and listed is not None and not isinstance(change, Delete):
        return _recheck_in_bulk(seen, listed, change)
    live, before = target.read(change.key), change.before
    if live is None:
        return Applied(change) if isinstance(change, Delete) else Stale(change, DELETED_REASON)
    if live.uid != before.uid:
        return Stale(change, REPLACED_REASON)
    return _stale_reason(change, live.version, live.tags)


def _recheck_in_bulk(
    all_seen: BulkRead, seen: ResourceVersion, change: Update | Adopt
) -> Outcome | None:
    """Do as ``_recheck`` does with what a list shows: it has no uid, but when it was made."""
    if seen.created_at != change.before.created_at:
        return Stale(change, REPLACED_REASON)
    # What nobody owns is in no index of owners: its tags are then those that nobody marked.
    unmarked = change.before.tags if change.before.owner is None else {}
    return _stale_reason(change, seen.version, all_seen.tags.get(change.key, unmarked))


def _stale_reason(
    change: Update | Adopt | Delete, version: int, tags: Mapping[str, str]
) -> Outcome | None:
    before = change.before
    if version != before.version:
        return Stale(change, f"it was at version {before.version} and is now at {version}")
    if tags.get(OWNER_TAG) != before.owner:
        return Stale(change, f"it is now owned by {tags.get(OWNER_TAG) or 'nobody'}")
    if tags != before.tags:
        # Somebody may have protected it, or corrected what we would; tags move no version.
        return Stale(change, "its tags moved since the plan was made")
    return None
