"""What the record of a run says: what was seen, what was done, and what nobody could have seen."""

from collections.abc import Iterator

from builders import OWNER

from reconciler.core.changes import Adopt, Change, Delete, Update
from reconciler.core.diff import overlay
from reconciler.core.planning.last_applied import parse_last_applied, unattested, user_tags
from reconciler.core.resources import OWNER_TAG, Desired, Spec, drop_empty
from simulation.faults import LIES, Call
from simulation.runs import Cycle, Run
from simulation.service import DAY, US, Effect, Mesh


def ours(mesh: Mesh) -> bool:
    return mesh.tags.get(OWNER_TAG) == OWNER


def our_effects(running: Run) -> Iterator[Effect]:
    return (effect for effect in running.service.effects if effect.actor == US)


def has_other_spec(mesh: Mesh, desired: Desired) -> bool:
    if desired.spec is None:
        return False
    ignored = desired.options.ignore
    return plain(overlay(desired.spec, {}, ignored)) != plain(overlay(mesh.spec, {}, ignored))


def has_other_tags(mesh: Mesh, desired: Desired) -> bool:
    return any(mesh.tags.get(key) != value for key, value in desired.tags.items())


def unlike(mesh: Mesh, desired: Desired) -> Iterator[str]:
    if has_other_spec(mesh, desired):
        yield f"{mesh.name} has the spec {mesh.spec}"
    if has_other_tags(mesh, desired):
        yield f"{mesh.name} has the tags {user_tags(mesh.tags)}"
    if "old" in mesh.tags:
        yield f"{mesh.name} still has a tag that its manifest dropped"


def is_believed_copy(running: Run, mesh: Mesh) -> bool:
    """Whether others created it with a copy of our tags that attests its version.

    The record of a create does not say when that was: this is the limit that the manual names.
    """
    record = parse_last_applied(mesh.tags)
    if running.service.behavior.index_lag_seconds is None or record is None or record.creation:
        return False
    created = [
        effect
        for effect in running.service.effects
        if effect.operation == "create" and effect.after and effect.after.uid == mesh.uid
    ]
    return record.version == mesh.version and any(effect.actor != US for effect in created)


def shown_late(running: Run) -> bool:
    """Whether the index of tags hid from the first cycle without faults what others had done."""
    lag = running.service.behavior.index_lag_seconds or 0
    seen = running.cycles[-2].began - lag
    return any(effect.actor != US and effect.time > seen for effect in running.service.effects)


def longest_lag(running: Run) -> float:
    """Return for how many seconds reads of some kind do not show a write."""
    it = running.service.behavior
    return max(it.create_lag_seconds, it.read_lag_seconds, it.index_lag_seconds or 0)


def plain(spec: Spec) -> object:
    return drop_empty(spec)


def same_spec(effect: Effect) -> bool:
    assert effect.before is not None
    assert effect.after is not None
    return effect.before.spec == effect.after.spec


def excused(running: Run, effect: Effect, operation: str) -> bool:
    """Whether the last look lied, or another hand came between it and the effect.

    Between the two lies the rest of one look and of one change: one call before a delete, up to
    three before the last write of an update, and a batch of updates where those are many.
    """
    calls, faults = running.wire.calls, running.schedule.faults
    at = next(
        (
            index
            for index in range(effect.call - 1, -1, -1)
            if _looks(calls[index], operation, effect.name)
        ),
        None,
    )
    if at is None or faults.get(at) in LIES:
        return True
    looked = calls[at].time - _lag(running, calls[at])
    return any(
        other.name == effect.name and looked <= other.time and other.call <= effect.call
        for other in running.service.effects
        if other.actor != US or other.late
    )


def _looks(call: Call, operation: str, name: str) -> bool:
    """Whether a call looks at a mesh by ``operation``, or at all of them at once."""
    return call.operation == "GetResources" or (call.operation == operation and call.name == name)


def _lag(running: Run, call: Call) -> float:
    behavior = running.service.behavior
    if call.operation == "GetResources":
        return behavior.index_lag_seconds or 0
    return behavior.read_lag_seconds


def remembers(running: Run) -> bool:
    """Whether the memory of tokens outlives every delay and sleep of the run."""
    retention = running.service.behavior.retention_seconds
    if retention is None or running.service.behavior.after_delete == "forget":
        return False
    kinds = running.schedule.faults.values()
    if "tokens-forgotten" in kinds:
        return False
    asleep = 2 * DAY if "asleep-for-days" in kinds else 0.0
    return retention > running.wire.longest_delay + asleep


def is_lied_to(running: Run) -> bool:
    return any(kind in LIES for kind in running.schedule.faults.values())


def retagged_unseen(running: Run, number: int, change: Change) -> bool:
    """Whether others changed the tags after the look that stood before the change.

    A change of tags alone has no answer to tell what it met, and a list tells two meshes apart
    by whole seconds only: there, whatever others did counts.
    """
    first = running.cycles[number].planned_at
    blind = isinstance(change, Update | Adopt) and change.spec is None
    calls, name = running.wire.calls, change.key.name
    looks = [
        index
        for index in range(first, len(calls))
        if _looks(calls[index], "ListTagsForResource", name)
    ]
    seen = calls[looks[0]].time - _lag(running, calls[looks[0]]) if looks else 0.0
    return any(
        effect.actor != US and effect.time >= seen
        for effect in running.service.effects
        if effect.name == name and (blind or effect.operation in ("tag", "untag"))
    )


def calls_of(running: Run, number: int) -> list[Call]:
    cycles = running.cycles
    following = cycles[number + 1].first_call if number + 1 < len(cycles) else None
    return running.wire.calls[cycles[number].first_call : following]


def states(
    running: Run, cycle: Cycle, name: str, *, lag: float = 0, until: float | None = None
) -> Iterator[Mesh | None]:
    """Yield what was there under ``name`` from ``lag`` before ``cycle`` to its end, or `until`."""
    latest: Mesh | None = None
    for time, mesh in running.service.past.get(name, ()):
        if time > (cycle.ended if until is None else until):
            break
        if time > cycle.began - lag:
            yield latest
        latest = mesh
    yield latest


def is_so(change: Change, mesh: Mesh | None) -> bool:
    if isinstance(change, Delete):
        return mesh is None or mesh.uid != change.before.uid
    if mesh is None or not unattested(change.tags).items() <= unattested(mesh.tags).items():
        return False
    return change.spec is None or plain(mesh.spec) == plain(change.spec)
