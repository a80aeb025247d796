"""Writes changes: re-checks each resource, sends the calls, and returns the results."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from reconciler import limits, parallel
from reconciler.core.changes import Adopt, Change, Create, Delete, DetachedRoute, Update
from reconciler.core.errors import ConflictError, TargetError
from reconciler.core.kinds import parent_of
from reconciler.core.planning.client_tokens import after_delete, after_rejection, client_token
from reconciler.core.planning.dependencies import requirements
from reconciler.core.planning.last_applied import unattested
from reconciler.core.report import Applied, Failed, Outcome, Skipped, Stale
from reconciler.core.resources import OWNER_TAG, ResourceVersion, describe_owner, shorten_list
from reconciler.engine.apply_options import Execution
from reconciler.engine.bulk_read import BulkRead, read_in_bulk
from reconciler.engine.target import Target
from reconciler.engine.verify import DELETED_REASON, WriteResult, verify

REPLACED_REASON = "it was replaced after the plan was made"


def write_wave(execution: Execution, wave: list[Change]) -> list[WriteResult]:
    """Write the changes of ``wave`` in parallel and return their results in the same order."""
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

    # Re-check before detaching routes, so that a stale update does not interrupt traffic.
    result = _recheck_then_write(execution.target, bulk, change, write, execution.stop_reason)
    execution.record(result)
    execution.options.on_written(change)
    return result


def _recheck_then_write(
    target: Target,
    bulk: BulkRead | None,
    change: Change,
    write: Callable[[], WriteResult],
    stop_reason: Callable[[], str | None] = lambda: None,
) -> WriteResult:
    """Re-check ``change`` and write it.

    ``stop_reason`` is called in between, because the re-check may take long.
    """
    try:
        stale = _recheck(target, bulk, change)
    except TargetError as error:
        return Failed(
            change, f"it was not tried, because the read before the write failed: {error}"
        )
    if stale is not None:
        return stale
    reason = stop_reason()
    return write() if reason is None else Skipped(change, reason)


def _update_with_detached_routes(execution: Execution, change: Update) -> Outcome:
    """Detach the routes of ``change``, make it, and attach the routes again.

    Nothing is detached unless all resources exist that attaching again needs. After the first
    detach the work is finished even if the run is to stop. If the change fails, the old routes are
    attached again.
    """
    reason = _reattach_problem(execution.target, change)
    if reason is not None:
        return Failed(change, f"no route was detached: {reason}")
    removed: list[DetachedRoute] = []
    outcome: Outcome = Applied(change)
    for route in change.detached:
        detached = _write_and_verify(execution, route.detach)
        if isinstance(detached, Stale):
            outcome = Stale(change, f"{route.detach.key} was not detached: {detached.reason}")
            break
        removed.append(route)
        if not isinstance(detached, Applied):
            outcome = Failed(change, f"{route.detach.key} could not be detached: {detached.reason}")
            break
    else:
        outcome = replace(_write_and_verify(execution, replace(change, detached=())), change=change)
    applied = isinstance(outcome, Applied)
    reattached = [
        _write_and_verify(
            execution,
            route.attach if applied else _restore(route),
            after_delete(route.detach.before.uid),
        )
        for route in removed
    ]
    lost = [result for result in reattached if not isinstance(result, Applied)]
    if not lost:
        return outcome
    reasons = [] if isinstance(outcome, Applied) else [outcome.reason]
    reasons += [
        f"{failed.change.key} could not be attached again: {failed.reason}; the next run creates it"
        for failed in lost
    ]
    effects = [f"{change.key} was updated"] if applied else []
    effects += [f"{failed.change.key} was deleted" for failed in lost]
    return Failed(change, "; ".join(reasons), tuple(effects))


def _restore(route: DetachedRoute) -> Create:
    """Return the create of the route as it was, at another version than its record attests."""
    return replace(route.restore, tags=unattested(route.restore.tags))


def _unlink(execution: Execution, change: Delete) -> Outcome:
    """Update the nodes that refer to the resource of ``change``, then delete it."""
    done: list[str] = []
    for node in change.unlinked:
        outcome = _write_and_verify(execution, node.update)
        if not isinstance(outcome, Applied):
            reason = f"{node.before.key} still refers to it: {outcome.reason}"
            outcome = replace(outcome, change=change, reason=reason)
            break
        done.append(f"{node.before.key} was updated")
    else:
        outcome = replace(_write_and_verify(execution, replace(change, unlinked=())), change=change)
    if isinstance(outcome, Applied) or not done:
        return outcome
    return Failed(change, f"{', '.join(done)}, and then: {outcome.reason}", tuple(done))


def _reattach_problem(target: Target, change: Update) -> str | None:
    """Return why detached routes could not be attached again, or None if they could."""
    # The resource and its parent exist, although lists may not show a mesh of another account.
    needed = sorted(set(requirements(change)) - {change.key, parent_of(change.key)})
    try:
        existing = target.list_versions(needed)
    except TargetError as error:
        return f"the resources that it needs could not be listed: {error}"
    missing = [key for key in needed if key not in existing]
    return (
        f"attaching it again needs {shorten_list(missing)}, which was not found"
        if missing
        else None
    )


def _write_and_verify(execution: Execution, change: Change, base: str | None = None) -> Outcome:
    result = _recheck_then_write(
        execution.target, None, change, partial(_write, execution.target, change, base)
    )
    return verify(execution, change, result, None)


def _write(target: Target, change: Change, base: str | None = None) -> WriteResult:
    """Send ``change``; see `client_token` for ``base``."""
    try:
        version = _apply_with_token(target, change, base)
    except TargetError as error:
        return error
    if isinstance(change, Update | Adopt) and version.uid != change.before.uid:
        return Stale(change, f"{REPLACED_REASON}, and this change was made on the replacement")
    return version


def _apply_with_token(target: Target, change: Change, base: str | None) -> ResourceVersion:
    if isinstance(change, Delete):
        # The API has no token for a delete, so the re-check before it is the only precondition.
        return target.apply(change, None)
    try:
        return target.apply(change, client_token(change, base))
    except TargetError as error:
        name_taken = isinstance(change, Create) and isinstance(error, ConflictError)
        if not error.request_id or (name_taken and target.read(change.key) is not None):
            raise
        # The error may be a replay that the service stored with the token, so retry with another.
        return target.apply(change, client_token(change, after_rejection(error.request_id)))


def _recheck(target: Target, bulk: BulkRead | None, change: Change) -> Outcome | None:
    """Return the outcome that makes the write unnecessary or unsafe, or None if there is none."""
    if isinstance(change, Create):
        # The API rejects a name that is taken.
        return None
    listed = bulk.versions.get(change.key) if bulk is not None else None
    # A list without it proves nothing. Only a read of the resource shows that it was deleted.
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
    """Do the same as ``_recheck`` with list entries, which have a creation time but no uid."""
    if listed.created_at != change.before.created_at:
        return Stale(change, REPLACED_REASON)
    # The tag index does not list unowned resources, so a missing entry means unchanged tags.
    default = change.before.tags if change.before.owner is None else {}
    return _stale_reason(change, listed.version, bulk.tags.get(change.key, default))


def _stale_reason(
    change: Update | Adopt | Delete, version: int, tags: Mapping[str, str]
) -> Outcome | None:
    before = change.before
    if version != before.version:
        return Stale(change, f"it was at version {before.version} and is now at {version}")
    if tags.get(OWNER_TAG) != before.owner:
        return Stale(change, f"it is now {describe_owner(tags.get(OWNER_TAG))}")
    if tags != before.tags:
        # Another client may have protected or corrected it; tags do not change the version.
        return Stale(change, "its tags changed after the plan was made")
    return None
