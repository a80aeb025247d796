"""From a change to what was answered: look once more, send, and let no answer pass unread."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from reconciler import limits, parallel
from reconciler.core.changes import Adopt, Change, Create, Delete, DetachedRoute, Update
from reconciler.core.errors import ConflictError, TargetError
from reconciler.core.kinds import parent_of
from reconciler.core.planning.client_tokens import after_delete, after_refusal, client_token
from reconciler.core.planning.dependencies import requirements
from reconciler.core.report import Applied, Failed, Outcome, Skipped, Stale
from reconciler.core.resources import OWNER_TAG, ResourceVersion, shorten_list
from reconciler.engine.apply_options import Execution
from reconciler.engine.bulk_read import BulkRead, read_in_bulk
from reconciler.engine.target import Target
from reconciler.engine.verify import DELETED_REASON, WriteResult, verify

REPLACED_REASON = "it was replaced after the plan was made"


def write_wave(execution: Execution, wave: list[Change]) -> list[WriteResult]:
    """Return what was answered to each change of ``wave``, in its order."""
    workers = execution.options.workers
    updates = sum(isinstance(change, Update | Adopt) for change in wave)
    if updates <= limits.MAX_INDIVIDUAL_RECHECKS:
        return parallel.run(partial(_write_change, execution, None), wave, workers=workers)
    results: list[WriteResult] = []
    for start in range(0, len(wave), limits.RECHECK_BATCH):
        batch = wave[start : start + limits.RECHECK_BATCH]
        bulk = read_in_bulk(execution.target, [change.key for change in batch])
        results += parallel.run(partial(_write_change, execution, bulk), batch, workers=workers)
    return results


def _write_change(execution: Execution, bulk: BulkRead | None, change: Change) -> WriteResult:
    reason = execution.stop_reason()
    if reason is not None:
        return Skipped(change, reason)

    def write() -> WriteResult:
        if isinstance(change, Update) and change.detached:
            return _update_with_detached_routes(execution, change)
        if isinstance(change, Delete) and change.unlinked:
            return _unlink(execution, change)
        return _write(execution.target, change)

    # Nothing makes way for what is stale by now: that would interrupt traffic in vain.
    result = _recheck_then_write(execution.target, bulk, change, write, execution.stop_reason)
    execution.record(result)
    return result


def _recheck_then_write(
    target: Target,
    bulk: BulkRead | None,
    change: Change,
    write: Callable[[], WriteResult],
    stop_reason: Callable[[], str | None] = lambda: None,
) -> WriteResult:
    """Look once more and write; ``stop_reason`` is asked in between, for a look may take long."""
    try:
        stale = _recheck(target, bulk, change)
    except TargetError as error:
        return Failed(change, f"it was not tried, for looking at it once more failed: {error}")
    if stale is not None:
        return stale
    reason = stop_reason()
    return write() if reason is None else Skipped(change, reason)


def _update_with_detached_routes(execution: Execution, change: Update) -> Outcome:
    """Take out what is in the way of ``change``, make it, and put everything back.

    Nothing is taken out unless all that its return needs is there. Once begun, it is finished even
    if the run is to stop: if the change fails, what was taken out is put back as it was.
    """
    reason = _reattach_problem(execution.target, change)
    if reason is not None:
        return Failed(change, f"no route was detached: {reason}")
    removed: list[DetachedRoute] = []
    outcome: Outcome = Applied(change)
    for route in change.detached:
        detached = _write_and_verify(execution, route.detach)
        if isinstance(detached, Stale):
            outcome = Stale(change, f"{route.detach.key}, which has to make way: {detached.reason}")
            break
        removed.append(route)
        if not isinstance(detached, Applied):
            outcome = Failed(change, f"{route.detach.key} could not make way: {detached.reason}")
            break
    else:
        outcome = replace(_write_and_verify(execution, replace(change, detached=())), change=change)
    applied = isinstance(outcome, Applied)
    reattached = [
        _write_and_verify(
            execution,
            route.attach if applied else route.restore,
            after_delete(route.detach.before.uid),
        )
        for route in removed
    ]
    lost = [outcome_back for outcome_back in reattached if not isinstance(outcome_back, Applied)]
    if not lost:
        return outcome
    reasons = [] if isinstance(outcome, Applied) else [outcome.reason]
    reasons += [
        f"{outcome_back.change.key} could not be put back: {outcome_back.reason}; the next run creates it"
        for outcome_back in lost
    ]
    effects = [f"{change.key} was updated"] if applied else []
    effects += [f"{outcome_back.change.key} was deleted" for outcome_back in lost]
    return Failed(change, "; ".join(reasons), tuple(effects))


def _unlink(execution: Execution, change: Delete) -> Outcome:
    """Update the nodes that name what ``change`` deletes, then delete it."""
    done: list[str] = []
    for link in change.unlinked:
        outcome = _write_and_verify(execution, link.update)
        if not isinstance(outcome, Applied):
            reason = f"{link.before.key} still names it: {outcome.reason}"
            outcome = replace(outcome, change=change, reason=reason)
            break
        done.append(f"{link.before.key} was updated")
    else:
        outcome = replace(_write_and_verify(execution, replace(change, unlinked=())), change=change)
    if isinstance(outcome, Applied) or not done:
        return outcome
    return Failed(change, f"{', '.join(done)}, and then: {outcome.reason}", tuple(done))


def _reattach_problem(target: Target, change: Update) -> str | None:
    """Return why what ``change`` detaches could not be attached again; None if it could."""
    # What contains it is there, as it is itself; no list may show a mesh of another account.
    needed = sorted(set(requirements(change)) - {change.key, parent_of(change.key)})
    try:
        existing = target.list_versions(needed)
    except TargetError as error:
        return f"whether it could be attached again could not be read: {error}"
    missing = [key for key in needed if key not in existing]
    return (
        f"to attach it again it needs {shorten_list(missing)}, which is not there"
        if missing
        else None
    )


def _write_and_verify(execution: Execution, change: Change, base: str | None = None) -> Outcome:
    result = _recheck_then_write(
        execution.target, None, change, partial(_write, execution.target, change, base)
    )
    return verify(execution, change, result, None)


def _write(target: Target, change: Change, base: str | None = None) -> WriteResult:
    """Send ``change``; ``base`` is the state it leaves, if the change itself does not know it."""
    try:
        version = _apply_with_token(target, change, base)
    except TargetError as error:
        return error
    if isinstance(change, Update | Adopt) and version.uid != change.before.uid:
        return Stale(change, f"{REPLACED_REASON}, and in that moment this change met it")
    return version


def _apply_with_token(target: Target, change: Change, base: str | None) -> ResourceVersion:
    if isinstance(change, Delete):
        # The API takes no token for a delete; the look right before it is the only precondition.
        return target.apply(change, None)
    try:
        return target.apply(change, client_token(change, base))
    except TargetError as error:
        name_taken = isinstance(change, Create) and isinstance(error, ConflictError)
        if not error.request_id or (name_taken and target.read(change.key) is not None):
            raise
        # The refusal may be an old one that the service keeps with the token, so another token
        # asks again.
        return target.apply(change, client_token(change, after_refusal(error.request_id)))


def _recheck(target: Target, bulk: BulkRead | None, change: Change) -> Outcome | None:
    """Return what speaks against the write, read right before it; None where nothing does."""
    if isinstance(change, Create):
        # A name that is taken is refused.
        return None
    listed = bulk.versions.get(change.key) if bulk is not None else None
    # A list that does not show it proves nothing: only its own description says that it is gone.
    if bulk is not None and listed is not None and not isinstance(change, Delete):
        return _recheck_in_bulk(bulk, listed, change)
    live, before = target.read(change.key), change.before
    if live is None:
        return Applied(change) if isinstance(change, Delete) else Stale(change, DELETED_REASON)
    if live.uid != before.uid:
        return Stale(change, REPLACED_REASON)
    return _stale_reason(change, live.version, live.tags)


def _recheck_in_bulk(
    bulk: BulkRead, listed: ResourceVersion, change: Update | Adopt
) -> Outcome | None:
    """Do as ``_recheck`` does with what a list shows: it has no uid, but when it was made."""
    if listed.created_at != change.before.created_at:
        return Stale(change, REPLACED_REASON)
    # What nobody owns is in no index of owners: its tags are then those that nobody marked.
    unmarked = change.before.tags if change.before.owner is None else {}
    return _stale_reason(change, listed.version, bulk.tags.get(change.key, unmarked))


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
