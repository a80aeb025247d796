"""One cycle over one target: propose, carry out, report.

Every write is re-checked before and read back after. A call whose answer was lost is neither
done nor failed until a fresh read says which. Only ``TargetError`` is caught: a bug stops us.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Protocol, TypeAlias

from reconciler import parallel
from reconciler.core.changes import Adopt, Change, Create, Delete, Update
from reconciler.core.errors import ConflictError, GoneError, TargetError, UnavailableError
from reconciler.core.kinds import KINDS
from reconciler.core.plan import Plan, Question, make_plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, Stale
from reconciler.core.resources import (
    OWNER_TAG,
    Desired,
    Key,
    Present,
    Sighting,
    Spec,
    TargetId,
    World,
)
from reconciler.core.restraint import Restraint
from reconciler.core.tokens import after_refusal, after_replay, client_token

# Each replay of a remembered create names the next base; nobody deletes behind our back this often.
MOST_REPLAYS = 16
# App Mesh's reads lagged behind its writes by up to two minutes (appmesh-api, read-after-create).
PATIENCE_SECONDS = 120.0
# Up to so many updates in a wave are each looked at right before; more of them batch by batch.
MOST_SINGLE_LOOKS = 25
BATCH = 100
FORGETFUL = (
    f"the target answered {MOST_REPLAYS} times from its memory of creates whose resources are "
    "gone; wait until its memory of client tokens ends, or change the manifest"
)
FIRST_PAUSE_SECONDS = 0.5
GONE = "it is gone since the plan was made; the next run creates it"
REPLACED = "another one has taken its place since the plan was made"
LONGEST_PAUSE_SECONDS = 8.0


def _everything(_: Key) -> bool:
    return True


def _unheard(_: Outcome) -> None:
    """Let an outcome pass; the report has it."""


class Target(Protocol):
    """What the engine needs of a place where resources live.

    Calls raise ``TargetError`` and nothing else when the target does not do what was asked.
    """

    @property
    def id(self) -> TargetId:
        """Which world this is."""

    def canonical(self, key: Key, spec: Spec) -> Spec:
        """Return ``spec`` spelled as the target would show it; pure."""

    def observe(self, asked: Collection[Key], owner: str) -> World:
        """Return what is known of the keys ``asked`` about and of all that ``owner`` owns."""

    def look(self, key: Key) -> Present | None:
        """Return one resource, read now; None where the target says that it is not there."""

    def sightings(self, kinds: Collection[str]) -> Mapping[Key, Sighting]:
        """Return every resource of ``kinds`` as one whole list shows it."""

    def tags(self, kinds: Collection[str]) -> Mapping[Key, Mapping[str, str]] | None:
        """Return the tags of all that carries an owner's mark, in pages; None where it cannot.

        It may lag: what it shows was so, what it does not show may be so all the same.
        """

    def apply(self, change: Change, token: str | None) -> Sighting:
        """Make the calls that ``change`` takes and return what the last answer said."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a plan is carried out.

    At most ``workers`` calls run at a time. Once ``stopping`` says so, nothing new is begun.
    ``progress`` hears each outcome when it is settled. ``pause`` waits for so many seconds.
    """

    workers: int = 10
    stopping: Callable[[], bool] = lambda: False
    progress: Callable[[Outcome], None] = _unheard
    pause: Callable[[float], object] = time.sleep
    patience_seconds: float = PATIENCE_SECONDS


def propose(
    target: Target,
    desired: Iterable[Desired],
    *,
    owner: str,
    restraint: Restraint,
    now: datetime,
    selects: Callable[[Key], bool] = _everything,
) -> Plan:
    """Return the plan that would bring ``target`` to ``desired``; writes nothing.

    Keys that ``selects`` refuses are no part of it, whether desired or live.
    """
    wanted = {want.key: want for want in desired if selects(want.key)}
    world = target.observe(wanted.keys(), owner)
    seen = {key: resource for key, resource in world.resources.items() if selects(key)}
    return make_plan(
        Question(
            target=target.id,
            owner=owner,
            desired=wanted,
            world=World(seen, world.gaps),
            canonical=target.canonical,
            restraint=restraint,
            now=now,
        )
    )


def carry_out(plan: Plan, target: Target, conduct: Conduct) -> Report:
    """Return what became of every change of ``plan``, wave by wave, in the plan's order."""
    outcomes: list[Outcome] = []
    for wave in _waves(plan.changes):
        for outcome in _carry_wave(wave, target, conduct):
            conduct.progress(outcome)
            outcomes.append(outcome)
    return Report(plan, tuple(outcomes))


def _waves(changes: Iterable[Change]) -> Iterator[list[Change]]:
    def turn(change: Change) -> tuple[bool, int]:
        return isinstance(change, Delete), KINDS[change.key.kind].wave

    for _, wave in groupby(changes, key=turn):
        yield list(wave)


def _carry_wave(wave: list[Change], target: Target, conduct: Conduct) -> Iterator[Outcome]:
    sent = _send_wave(wave, target, conduct)
    pairs = list(zip(wave, sent, strict=True))
    kinds = {change.key.kind for change, answer in pairs if isinstance(answer, Sighting)}
    seen = _glance(target, kinds) if kinds else None
    return parallel.stream(
        lambda pair: _settle(target, conduct, *pair, seen), pairs, workers=conduct.workers
    )


Sent: TypeAlias = Sighting | Outcome | None
"""The answer to confirm, an outcome where that is known already, or None where no answer came."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What one whole list, and the tags in pages, showed right before a batch of writes."""

    sightings: Mapping[Key, Sighting]
    tags: Mapping[Key, Mapping[str, str]]


def _send_wave(wave: list[Change], target: Target, conduct: Conduct) -> list[Sent]:
    updates = sum(isinstance(change, Update | Adopt) for change in wave)
    if updates <= MOST_SINGLE_LOOKS:
        return parallel.run(partial(_send, target, conduct, None), wave, workers=conduct.workers)
    sent: list[Sent] = []
    for start in range(0, len(wave), BATCH):
        batch = wave[start : start + BATCH]
        glance = _glance(target, {change.key.kind for change in batch})
        sent += parallel.run(
            partial(_send, target, conduct, glance), batch, workers=conduct.workers
        )
    return sent


def _glance(target: Target, kinds: Collection[str]) -> Glance | None:
    """Return a fresh look at everything, None where each has to be looked at by itself."""
    try:
        tags = target.tags(kinds)
        return None if tags is None else Glance(target.sightings(kinds), tags)
    except TargetError:
        # One failed list must not fail a wave.
        return None


def _send(target: Target, conduct: Conduct, glance: Glance | None, change: Change) -> Sent:
    if conduct.stopping():
        return Skipped(change, "the run was interrupted before its turn")
    try:
        moved = _recheck(target, glance, change)
    except TargetError as error:
        return Failed(change, f"it was not tried, for looking at it once more failed: {error}")
    return moved or _write(target, change)


def _write(target: Target, change: Change) -> Sent:
    try:
        answer = target.apply(change, _token(change))
    except UnavailableError:
        return None
    except GoneError as error:
        return _gone(change, error)
    except ConflictError as error:
        return _conflict(target, change, error)
    except TargetError as error:
        return Failed(change, str(error))
    if isinstance(change, Update | Adopt) and answer.uid != change.before.uid:
        return Stale(change, f"{REPLACED}, and in that moment this change met it")
    return answer


def _token(change: Change) -> str | None:
    # The API takes no token for a delete; the look right before it is the only precondition.
    return None if isinstance(change, Delete) else client_token(change)


def _recheck(target: Target, glance: Glance | None, change: Change) -> Outcome | None:
    """Return what speaks against the write, read right before it; None where nothing does."""
    if isinstance(change, Create):
        # A name that is taken is refused.
        return None
    if glance is not None and not isinstance(change, Delete):
        return _recheck_at_a_glance(glance, change)
    live, before = target.look(change.key), change.before
    if live is None:
        return Applied(change) if isinstance(change, Delete) else Stale(change, GONE)
    if live.uid != before.uid:
        return Stale(change, REPLACED)
    return _moved(change, live.version, live.tags)


def _recheck_at_a_glance(glance: Glance, change: Update | Adopt) -> Outcome | None:
    """Do as ``_recheck`` does with what a list shows: it has no uid, but when it was made."""
    seen = glance.sightings.get(change.key)
    if seen is None:
        return Stale(change, GONE)
    if seen.created_at != change.before.created_at:
        return Stale(change, REPLACED)
    # What nobody owns is in no index of owners: its tags are then those that nobody marked.
    unmarked = change.before.tags if change.before.owner is None else {}
    return _moved(change, seen.version, glance.tags.get(change.key, unmarked))


def _moved(
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


def _gone(change: Change, error: GoneError) -> Outcome:
    if isinstance(change, Delete):
        return Applied(change)
    return Failed(change, str(error)) if isinstance(change, Create) else Stale(change, GONE)


def _conflict(target: Target, change: Change, error: ConflictError) -> Sent:
    """Classify a conflict by reading: a lost reply, somebody else, a spent token, or a refusal."""
    if not isinstance(change, Create):
        return Failed(change, str(error))
    try:
        live = target.look(change.key)
        for number in range(MOST_REPLAYS):
            if live is not None:
                return _judge(target, change, live)
            # The name is not there, so it is the token that was used: for a resource now gone.
            try:
                return target.apply(change, client_token(change, after_refusal(number)))
            except ConflictError:
                live = target.look(change.key)
    except TargetError as unread:
        return Failed(change, f"{error}; and then: {unread}")
    return Failed(change, str(error)) if live is None else _judge(target, change, live)


def _settle(
    target: Target,
    conduct: Conduct,
    change: Change,
    sent: Sent,
    seen: Glance | None,
) -> Outcome:
    if isinstance(sent, Outcome):
        return sent
    try:
        if sent is None:
            return _after_silence(target, change)
        if seen is not None and _confirms(change, sent, seen):
            return Applied(change)
        if isinstance(change, Create):
            return _chain(target, conduct, change, sent)
        return _wait(target, conduct, change, sent)
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
    return shows and change.tags.items() <= tags.items()


def _after_silence(target: Target, change: Change) -> Outcome:
    """Let a fresh read say what a write did whose answer never came."""
    live = target.look(change.key)
    if isinstance(change, Delete):
        done = live is None or live.uid != change.before.uid
    elif isinstance(change, Create) and live is not None:
        return _judge(target, change, live)
    else:
        done = live is not None and _matches(target, change, live)
    if done:
        return Applied(change)
    return Failed(change, "no usable answer came, and it shows no effect; the next run tries again")


def _chain(target: Target, conduct: Conduct, change: Create, answer: Sighting) -> Outcome:
    """Create again until the answer is no memory of an earlier create whose resource is gone.

    A service that remembers tokens answers a repeated create with its old success and does
    nothing. Reading cannot always tell that from a read that lags, so the next create is sent
    either way: where the name is there after all, it is refused and nothing is harmed.
    """
    for _ in range(MOST_REPLAYS):
        live = target.look(change.key)
        if live is not None:
            return _judge(target, change, live)
        try:
            answer = target.apply(change, client_token(change, after_replay(str(answer.uid))))
        except ConflictError:
            return _wait(target, conduct, change, answer)
        except UnavailableError:
            return _after_silence(target, change)
        except TargetError as error:
            return Failed(change, str(error))
    live = target.look(change.key)
    return Failed(change, FORGETFUL) if live is None else _judge(target, change, live)


def _wait(target: Target, conduct: Conduct, change: Change, answer: Sighting) -> Outcome:
    """Look until the write shows, or patience ends."""
    waited, pause = 0.0, FIRST_PAUSE_SECONDS
    while True:
        live = target.look(change.key)
        if isinstance(change, Delete):
            if live is None or live.uid != change.before.uid:
                return Applied(change)
        elif live is not None and live.version >= answer.version:
            return _judge(target, change, live)
        if waited >= conduct.patience_seconds or conduct.stopping():
            return Failed(change, f"it was sent, but does not show after {waited:.0f} s")
        conduct.pause(pause)
        waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE_SECONDS)


def _judge(target: Target, change: Create | Update | Adopt, live: Present) -> Outcome:
    """Compare what is there now with what was sent."""
    if live.owner != change.tags[OWNER_TAG]:
        return Stale(change, f"it is there now, and owned by {live.owner or 'nobody'}")
    if _matches(target, change, live):
        return Applied(change)
    return Stale(change, "it is ours, but differs from what was sent; the next run updates it")


def _matches(target: Target, change: Create | Update | Adopt, live: Present) -> bool:
    if any(live.tags.get(key) != value for key, value in change.tags.items()):
        return False
    if change.spec is None:
        return True
    want, saw = (target.canonical(change.key, spec) for spec in (change.spec, live.spec))
    return want == saw
