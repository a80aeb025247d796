"""Verifies writes: reads back until the outcome of each change is certain."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

from reconciler import limits
from reconciler.core.changes import Adopt, Change, Create, Delete, Update
from reconciler.core.errors import ConflictError, NotFoundError, TargetError, UnavailableError
from reconciler.core.planning.client_tokens import after_replay, client_token
from reconciler.core.planning.last_applied import unattested
from reconciler.core.report import Applied, Failed, Outcome, Stale
from reconciler.core.resources import (
    OWNER_TAG,
    LiveResource,
    ResourceVersion,
    describe_owner,
    shorten_list,
)
from reconciler.engine.apply_options import Execution
from reconciler.engine.bulk_read import BulkRead
from reconciler.engine.target import Target

DELETED_REASON = "it was deleted after the plan was made; the next run creates it"
SPEC_UPDATED = "its spec was updated"

WriteResult: TypeAlias = ResourceVersion | Outcome | TargetError
"""The response to verify, an outcome that is already known, or the error of the call."""


def verify(
    execution: Execution, change: Change, result: WriteResult, bulk: BulkRead | None
) -> Outcome:
    """Return the outcome of ``change``.

    Args:
        execution: The apply in progress.
        change: The change that was written.
        result: The result of the write.
        bulk: A bulk read after the whole wave, or None if each resource is read by itself.
    """
    outcome = result if isinstance(result, Outcome) else _read_back(execution, change, result, bulk)
    execution.record(outcome)
    return outcome


def _read_back(
    execution: Execution,
    change: Change,
    result: ResourceVersion | TargetError,
    bulk: BulkRead | None,
) -> Outcome:
    try:
        if isinstance(result, TargetError):
            return _after_error(execution.target, change, result)
        if bulk is not None and _is_confirmed(change, result, bulk):
            return Applied(change)
        if isinstance(change, Create):
            return _after_create(execution, change, result)
        return _wait_until_visible(execution, change, result)
    except TargetError as error:
        first = f"{result}; and then: " if isinstance(result, TargetError) else ""
        reason = f"it was sent, but its result could not be read: {first}{error}"
        return Failed(change, reason)


def _is_confirmed(change: Change, version: ResourceVersion, bulk: BulkRead) -> bool:
    """Whether the bulk read shows the complete write."""
    listed, tags = bulk.versions.get(change.key), bulk.tags.get(change.key, {})
    if listed is None:
        return False
    if isinstance(change, Delete):
        return listed.created_at != change.before.created_at
    # A later version has writes of other clients, so the whole resource has to be read.
    shows = listed.created_at == version.created_at and listed.version == version.version
    # The tag index does not list released resources, so a missing entry proves nothing.
    has_tags = unattested(change.tags).items() <= unattested(tags).items()
    return shows and OWNER_TAG in change.tags and has_tags


def _after_error(target: Target, change: Change, error: TargetError) -> Outcome:
    """Return the outcome of a write that failed with ``error``, after reading again."""
    if isinstance(change, Update | Adopt):
        return _after_failed_update(target, change, error)
    ambiguous = NotFoundError if isinstance(change, Delete) else ConflictError
    if isinstance(error, ambiguous | UnavailableError):
        live = target.read(change.key)
        if isinstance(change, Delete):
            if live is None or live.uid != change.before.uid:
                return Applied(change)
        elif live is not None:
            return compare_with_live(target, change, live)
    return _failure(change, error)


def _after_failed_update(target: Target, change: Update | Adopt, error: TargetError) -> Outcome:
    live = target.read(change.key)
    if live is None:
        return Stale(change, DELETED_REASON)
    effects = tuple(_effects(target, change, live))
    untouched = live.uid == change.before.uid and live.tags == change.before.tags
    if untouched and effects == (SPEC_UPDATED,) and isinstance(error, UnavailableError):
        # Only the response was lost. Write the tags too, so that the record matches the spec.
        try:
            target.apply(replace(change, before=live, spec=None), None)
        except TargetError as tag_error:
            error = tag_error
        live = target.read(change.key) or live
        effects = tuple(_effects(target, change, live))
    if live.uid == change.before.uid and _matches(target, change, live):
        return Applied(change)
    return _failure(change, error, effects)


def _failure(change: Change, error: TargetError, effects: tuple[str, ...] = ()) -> Failed:
    if effects:
        return Failed(change, f"{', '.join(effects)}, and then: {error}", effects)
    if isinstance(error, UnavailableError):
        return Failed(change, f"no effect is visible, so the next run tries again: {error}")
    return Failed(change, str(error))


def _effects(target: Target, change: Update | Adopt, live: LiveResource) -> Iterator[str]:
    """Yield the effects of ``change`` that ``live`` shows, as sentences."""
    before = change.before
    if live.version != before.version and _has_spec(target, change, live):
        yield SPEC_UPDATED
    removed = (before.tags.keys() - change.tags.keys()) - live.tags.keys()
    if removed:
        yield f"tags were removed ({shorten_list(sorted(removed))})"
    written = [key for key, _ in (change.tags.items() - before.tags.items()) & live.tags.items()]
    if written:
        yield f"tags were set ({shorten_list(sorted(written))})"


def _after_create(execution: Execution, change: Create, version: ResourceVersion) -> Outcome:
    """Create again if the resource cannot be read, then wait until it is visible.

    A service that stores tokens answers a repeated create as before, and does nothing.
    A read cannot always distinguish that from a read that lags, so a second create is always sent,
    with an unused token. If the resource exists after all, the service rejects the create or
    returns the existing resource, which does no harm.
    """
    target = execution.target
    live = target.read(change.key)
    if live is not None:
        return compare_with_live(target, change, live)
    base = after_replay(str(version.uid), version.request_id)
    try:
        version = target.apply(change, client_token(change, base))
    except ConflictError:
        # The resource exists, but reads do not show it yet.
        pass
    except TargetError as error:
        return _after_error(target, change, error)
    return _wait_until_visible(execution, change, version)


def _wait_until_visible(execution: Execution, change: Change, version: ResourceVersion) -> Outcome:
    """Read until the write is visible, or until the timeout."""
    target, options = execution.target, execution.options
    waited_seconds, delay_seconds = 0.0, limits.VERIFY_FIRST_DELAY_SECONDS
    while True:
        live = target.read(change.key)
        outcome: Outcome | None = None
        if isinstance(change, Delete):
            if live is None or live.uid != change.before.uid:
                return Applied(change)
        elif live is not None and live.version >= version.version:
            outcome = compare_with_live(target, change, live)
            # A change of tags does not change the version, so the read may be of the old tags.
            if isinstance(outcome, Applied) or live.version > version.version:
                return outcome
        if waited_seconds >= options.verify_timeout_seconds or options.should_stop():
            reason = f"it was sent, but is not visible after {waited_seconds:.0f} s"
            return outcome or Failed(change, reason)
        options.sleep(delay_seconds)
        waited_seconds, delay_seconds = (
            waited_seconds + delay_seconds,
            min(2 * delay_seconds, limits.VERIFY_MAX_DELAY_SECONDS),
        )


def compare_with_live(
    target: Target, change: Create | Update | Adopt, live: LiveResource
) -> Outcome:
    """Return `Applied` if ``live`` matches ``change``, otherwise `Stale`."""
    if live.owner != change.tags.get(OWNER_TAG):
        return Stale(change, f"it exists now and is {describe_owner(live.owner)}")
    if _matches(target, change, live):
        return Applied(change)
    return Stale(change, "the live resource differs from the request; the next run updates it")


def _matches(target: Target, change: Create | Update | Adopt, live: LiveResource) -> bool:
    tags, expected = unattested(live.tags), unattested(change.tags)
    if any(tags.get(key) != expected.get(key) for key in (OWNER_TAG, *expected)):
        return False
    return change.spec is None or _has_spec(target, change, live)


def _has_spec(target: Target, change: Create | Update | Adopt, live: LiveResource) -> bool:
    """Whether ``live`` has the spec of ``change``."""
    if change.spec is None:
        return False
    return target.canonical(change.spec) == target.canonical(live.spec, change.spec)
