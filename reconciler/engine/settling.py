"""From what was answered to what became of a change: read back until it is certain."""

from typing import TypeAlias

from reconciler.core.changes import Adopt, Change, Create, Delete, Update
from reconciler.core.errors import ConflictError, TargetError, UnavailableError
from reconciler.core.report import Applied, Failed, Outcome, Stale
from reconciler.core.resources import OWNER_TAG, Present, Sighting
from reconciler.core.tokens import after_replay, client_token
from reconciler.engine.course import Course
from reconciler.engine.glance import Glance
from reconciler.engine.target import Target

# Each replay of a remembered create names the next base; nobody deletes behind our back this often.
MOST_REPLAYS = 16
FORGETFUL = (
    f"the target answered {MOST_REPLAYS} times from its memory of creates whose resources are "
    "gone; wait until its memory of client tokens ends, or change the manifest"
)
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0

Sent: TypeAlias = Sighting | Outcome | None
"""The answer to confirm, an outcome where that is known already, or None where no answer came."""


def settle(course: Course, change: Change, sent: Sent, seen: Glance | None) -> Outcome:
    """Return what became of ``change``; ``seen`` is a look at everything after the whole wave."""
    outcome = sent if isinstance(sent, Outcome) else _read_back(course, change, sent, seen)
    course.note(outcome)
    return outcome


def _read_back(
    course: Course, change: Change, sent: Sighting | None, seen: Glance | None
) -> Outcome:
    try:
        if sent is None:
            return _after_silence(course.target, change)
        if seen is not None and _confirms(change, sent, seen):
            return Applied(change)
        if isinstance(change, Create):
            return _chain(course, change, sent)
        return _wait(course, change, sent)
    except TargetError as error:
        return Failed(change, f"it was sent, but what became of it could not be read: {error}")


def _confirms(change: Change, answer: Sighting, seen: Glance) -> bool:
    """Whether a list and the tags in pages show all of the write."""
    listed, tags = seen.sightings.get(change.key), seen.tags.get(change.key, {})
    if listed is None:
        return False
    if isinstance(change, Delete):
        return listed.created_at != change.before.created_at
    shows = listed.created_at == answer.created_at and listed.version >= answer.version
    # Of what was released the index knows nothing, which proves nothing.
    return shows and OWNER_TAG in change.tags and change.tags.items() <= tags.items()


def _after_silence(target: Target, change: Change) -> Outcome:
    """Let a fresh read say what a write did whose answer never came."""
    live = target.look(change.key)
    if isinstance(change, Delete):
        done = live is None or live.uid != change.before.uid
    elif isinstance(change, Create) and live is not None:
        return judge(target, change, live)
    else:
        done = live is not None and _matches(target, change, live)
    if done:
        return Applied(change)
    return Failed(change, "no usable answer came, and it shows no effect; the next run tries again")


def _chain(course: Course, change: Create, answer: Sighting) -> Outcome:
    """Create again until the answer is no memory of an earlier create whose resource is gone.

    A service that remembers tokens answers a repeated create with its old success and does
    nothing. Reading cannot always tell that from a read that lags, so the next create is sent
    either way: where the name is there after all, it is refused and nothing is harmed.
    """
    target = course.target
    for _ in range(MOST_REPLAYS):
        live = target.look(change.key)
        if live is not None:
            return judge(target, change, live)
        try:
            answer = target.apply(change, client_token(change, after_replay(str(answer.uid))))
        except ConflictError:
            return _wait(course, change, answer)
        except UnavailableError:
            return _after_silence(target, change)
        except TargetError as error:
            return Failed(change, str(error))
    live = target.look(change.key)
    return Failed(change, FORGETFUL) if live is None else judge(target, change, live)


def _wait(course: Course, change: Change, answer: Sighting) -> Outcome:
    """Look until the write shows, or patience ends."""
    target, conduct = course.target, course.conduct
    waited, pause = 0.0, FIRST_PAUSE_SECONDS
    while True:
        live = target.look(change.key)
        if isinstance(change, Delete):
            if live is None or live.uid != change.before.uid:
                return Applied(change)
        elif live is not None and live.version >= answer.version:
            return judge(target, change, live)
        if waited >= conduct.patience_seconds or conduct.stopping():
            return Failed(change, f"it was sent, but does not show after {waited:.0f} s")
        conduct.pause(pause)
        waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE_SECONDS)


def judge(target: Target, change: Create | Update | Adopt, live: Present) -> Outcome:
    """Compare what is there now with what was sent."""
    if live.owner != change.tags.get(OWNER_TAG):
        return Stale(change, f"it is there now, and owned by {live.owner or 'nobody'}")
    if _matches(target, change, live):
        return Applied(change)
    return Stale(change, "it is ours, but differs from what was sent; the next run updates it")


def _matches(target: Target, change: Create | Update | Adopt, live: Present) -> bool:
    if any(live.tags.get(key) != change.tags.get(key) for key in (OWNER_TAG, *change.tags)):
        return False
    if change.spec is None:
        return True
    saw = target.canonical(live.spec, change.spec)
    return target.canonical(change.spec) == saw
