"""What must hold of every run, whatever went wrong in it; each property yields what breaks it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from builders import OWNER

from reconciler.core.changes import Adopt, Cause, Create, Delete, operation_name
from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import Applied, exit_code, outcome_name
from reconciler.core.resources import OWNER_TAG
from simulation.faults import HANDS, WRITES, Call
from simulation.runs import Run
from simulation.scenarios import SCENARIOS, Scenario
from simulation.service import US, Mesh
from simulation.trace import (
    calls_of,
    excused,
    has_other_spec,
    has_other_tags,
    is_believed_copy,
    is_lied_to,
    is_so,
    longest_lag,
    our_effects,
    ours,
    remembers,
    retagged_unseen,
    same_spec,
    shown_late,
    states,
    unlike,
)

# What may lie between a look and a write: the other writes of the change, or of the batch.
UNSEEING = (*WRITES, "ListMeshes")

Property = Callable[[Run, Scenario], Iterator[str]]

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,36}")
# A change that meets a lost reply, sixteen replays and a read that lags for two minutes.
MAX_CALLS_PER_CHANGE = 90
# An answer from the memory of tokens, the create itself, and one that finds out what lags.
MAX_CREATES = 3


def violations(running: Run) -> list[str]:
    """Return what is wrong with a run, each as "property: what"."""
    scenario = SCENARIOS[running.schedule.scenario]
    return [
        f"{check.__name__.strip('_').replace('_', '-')}: {what}"
        for check in PROPERTIES
        for what in check(running, scenario)
    ]


def _converges(running: Run, scenario: Scenario) -> Iterator[str]:
    """Own(L) = D, where nobody foreign holds the name."""
    live = running.service.live
    wanted = {desired_resource.key.name: desired_resource for desired_resource in scenario.wanted}
    for name, desired_resource in wanted.items():
        mesh = live.get(name)
        if mesh is None:
            yield f"{name} is not there"
        elif is_believed_copy(running, mesh):
            continue
        elif ours(mesh) or (desired_resource.options.adopt and OWNER_TAG not in mesh.tags):
            yield from unlike(mesh, desired_resource)
    for name, mesh in live.items():
        if ours(mesh) and name not in wanted and name not in scenario.left:
            yield f"{name} is still there"


def _comes_to_rest(running: Run, scenario: Scenario) -> Iterator[str]:
    """The second cycle without faults plans nothing and writes nothing.

    That is, where the first could see all that others did: an index may lag for longer than that.
    The record of what was adopted without an update is renewed once, by the cycle after it.
    """
    del scenario
    if shown_late(running):
        return
    last = running.cycles[-1]
    if last.plan is None or last.plan.changes:
        yield f"the last cycle planned {len(last.plan.changes) if last.plan else 'nothing at all'}"
    # Where a tag counts as a version, two writes of tags take one renewal more.
    before = running.cycles[-2].plan
    renewed = {
        change.key.name
        for change in (before.changes if before else ())
        if isinstance(change, Adopt) and change.spec is None
    }
    if running.service.behavior.tagging_bumps:
        renewed |= running.service.past.keys()
    for call in running.wire.calls[last.first_call :]:
        if call.operation == "TagResource" and call.name in renewed:
            continue
        if call.operation in WRITES:
            yield f"the last cycle sent {call.operation} of {call.name}"


def _owns_what_it_writes(running: Run, scenario: Scenario) -> Iterator[str]:
    """Before each write the last read showed our mark, and nothing but writes of ours since."""
    for index, call in enumerate(running.wire.calls):
        if call.operation not in WRITES or call.operation == "CreateMesh":
            continue
        at, mesh = _last_look(running, index, all_at_once=call.operation != "DeleteMesh")
        result = f"call {index}: {call.operation} of {call.name}, last seen in call {at}"
        if mesh is None or not _is_for_us(call.name, mesh, scenario):
            yield f"{result}: not ours"
        between = running.wire.calls[at + 1 : index]
        # What a list of all does not show is described before the first write of a batch.
        if any(
            other.operation not in UNSEEING
            and (other.operation != "DescribeMesh" or other.name == call.name)
            for other in between
        ):
            yield f"{result}: not right before"
        if call.operation == "DeleteMesh" and between:
            yield f"{result}: more than one call before"


def _last_look(running: Run, index: int, *, all_at_once: bool) -> tuple[int, Mesh | None]:
    """Return where the owner of what call ``index`` writes was looked at last, and what it saw."""
    name = running.wire.calls[index].name
    for at in range(index - 1, -1, -1):
        call = running.wire.calls[at]
        if call.operation == "ListTagsForResource" and call.name == name:
            return at, call.shown
        if call.operation == "GetResources" and all_at_once:
            return at, call.shown_all.get(name)
    return -1, None


def _is_for_us(name: str, mesh: Mesh, scenario: Scenario) -> bool:
    owner = mesh.tags.get(OWNER_TAG)
    return owner == OWNER or (owner is None and name in scenario.adopts)


def _harms_nobody(running: Run, scenario: Scenario) -> Iterator[str]:
    """No effect of ours is on what was not ours, but for what happened after the last look."""
    for effect in our_effects(running):
        before = effect.before
        if before is None or effect.late or ours(before):
            continue
        if OWNER_TAG not in before.tags and effect.name in scenario.adopts:
            continue
        if not excused(running, effect, "ListTagsForResource"):
            yield f"call {effect.call}: {effect.operation} of {effect.name}, which was not ours"


def _deletes_what_it_decided(running: Run, scenario: Scenario) -> Iterator[str]:
    """A deleted uid is one of a plan's, but for what took its place after the last look.

    A delete that the network delivers late is no client's to prevent. Other hands and untrue
    answers can bring the number of deletes below what a guard allows.
    """
    undisturbed = not is_lied_to(running) and not any(
        kind in HANDS for kind in running.schedule.faults.values()
    )
    decided = {
        change.before.uid
        for cycle in running.cycles
        if cycle.plan is not None
        for change in cycle.plan.changes
        if isinstance(change, Delete)
    }
    for effect in our_effects(running):
        if effect.operation != "delete" or effect.late:
            continue
        assert effect.before is not None
        if effect.name in scenario.left and undisturbed:
            yield f"call {effect.call}: deleted {effect.name}, which a guard was to keep"
        if effect.before.uid not in decided and not excused(running, effect, "DescribeMesh"):
            yield f"call {effect.call}: deleted {effect.name}, which no plan had decided"


def _repeats_no_effect(running: Run, scenario: Scenario) -> Iterator[str]:
    """No delivery beyond the first has an effect, and an update changes something.

    Both hold where tokens are remembered, for longer than the longest delay.
    """
    del scenario
    if not remembers(running):
        return
    seen: set[int] = set()
    for effect in our_effects(running):
        if effect.token is not None and effect.sent in seen:
            yield f"call {effect.call}: {effect.operation} of {effect.name} took effect twice"
        seen.add(effect.sent)
        idle = effect.operation == "update" and not effect.late and same_spec(effect)
        if idle and not excused(running, effect, "DescribeMesh"):
            yield f"call {effect.call}: update of {effect.name} changed nothing"


def _keeps_tokens_apart(running: Run, scenario: Scenario) -> Iterator[str]:
    """A token is 36 characters of the alphabet at most and never has two requests."""
    del scenario
    requests: dict[str, object] = {}
    for index, call in enumerate(running.wire.calls):
        if call.token is None:
            continue
        if not TOKEN.fullmatch(call.token):
            yield f"call {index}: {call.token!r} is no token"
        if requests.setdefault(call.token, call.request) != call.request:
            yield f"call {index}: {call.token} has two requests"


def _stays_within_bounds(running: Run, scenario: Scenario) -> Iterator[str]:
    """A cycle makes so many calls as meshes and changes allow; the last two make no more looks."""
    del scenario
    for number, cycle in enumerate(running.cycles):
        calls = calls_of(running, number)
        meshes = len(running.service.past)
        # What an index shows, and a plan would rest on, is looked at by itself.
        looks = 2 if running.service.behavior.index_lag_seconds is None else 4
        plan = cycle.plan
        changes = len(plan.changes) + len(plan.renewals) if plan else 0
        if len(calls) > 3 + 2 * meshes + MAX_CALLS_PER_CHANGE * changes:
            yield f"cycle {number}: {len(calls)} calls for {meshes} meshes and {changes} changes"
        if not changes and len(calls) > 2 + looks * meshes:
            yield f"cycle {number}: {len(calls)} calls for nothing to do"


def _accounts_for_every_change(running: Run, scenario: Scenario) -> Iterator[str]:
    """A cycle that was not cut short has one outcome for each change, in the plan's order."""
    del scenario
    for number, cycle in enumerate(running.cycles):
        if cycle.plan is None or cycle.report is None:
            continue
        if [outcome.change for outcome in cycle.report.outcomes] != list(cycle.plan.changes):
            yield f"cycle {number}: outcomes are not those of the plan"


def _stands_still_when_blind(running: Run, scenario: Scenario) -> Iterator[str]:
    """A list that failed leads to no write, and any read that failed before a plan to no delete."""
    del scenario
    for number in range(len(running.cycles)):
        calls = calls_of(running, number)
        failed = _failed_looks(running, number)
        writes = {call.operation for call in calls if call.operation in WRITES}
        if writes and any(call.operation == "ListMeshes" for call in failed):
            yield f"cycle {number}: {writes} after its list had failed"
        if failed and "DeleteMesh" in writes:
            yield f"cycle {number}: deleted after {failed[0].operation} had failed"


def _admits_what_it_could_not_read(running: Run, scenario: Scenario) -> Iterator[str]:
    """A cycle that planned although a read had failed is an error, and has not converged."""
    del scenario
    for number, cycle in enumerate(running.cycles):
        failed = _failed_looks(running, number)
        if cycle.report is None or not failed:
            continue
        code = exit_code(cycle.report)
        if code is not ExitCode.ERROR or cycle.report.converged:
            yield f"cycle {number}: {code.word} after {failed[0].operation} had failed"


def _failed_looks(running: Run, number: int) -> list[Call]:
    """Return the reads that failed before the plan of a cycle was made."""
    cycle = running.cycles[number]
    looks = calls_of(running, number)[: cycle.planned_at - cycle.first_call]
    # Where tags cannot be read in pages, they are read one by one.
    return [call for call in looks if not call.read and call.operation != "GetResources"]


def _says_what_is_true(running: Run, scenario: Scenario) -> Iterator[str]:
    """What is reported as applied was so at some moment since the cycle began.

    Tags are looked at right before a change and not after it: what others do to them in between,
    or the network with late requests, which tags have no token against, nobody sees.
    """
    del scenario
    if is_lied_to(running) or any(effect.late for effect in running.service.effects):
        return
    for number, cycle in enumerate(running.cycles):
        for outcome in cycle.report.outcomes if cycle.report else ():
            change = outcome.change
            if not isinstance(outcome, Applied) or retagged_unseen(running, number, change):
                continue
            if not any(is_so(change, mesh) for mesh in states(running, cycle, change.key.name)):
                operation = operation_name(change)
                yield f"cycle {number}: {operation} of {change.key} is reported as applied"


def _takes_nothing_of_ours_for_drift(running: Run, scenario: Scenario) -> Iterator[str]:
    """Where only we write, whatever went wrong, no plan says that something drifted."""
    del scenario
    if is_lied_to(running) or any(effect.actor != US for effect in running.service.effects):
        return
    for number, cycle in enumerate(running.cycles):
        for change in cycle.plan.changes if cycle.plan else ():
            if isinstance(change, Create | Delete | Adopt):
                continue
            if change.cause in (Cause.DRIFT, Cause.BOTH):
                yield f"cycle {number}: {change.key} {change.cause}"


def _calls_nothing_unchanged_that_differs(running: Run, scenario: Scenario) -> Iterator[str]:
    """A plan calls unchanged what was as desired at some moment that its reads can have shown.

    Reads of specs lag by less than the index of tags: an old tag must not vouch for a new spec.
    A copy by hand of our tags and their version is believed.
    """
    if is_lied_to(running):
        return
    behavior = running.service.behavior
    spec_lag = max(behavior.create_lag_seconds, behavior.read_lag_seconds)
    for number, cycle in enumerate(running.cycles):
        if cycle.plan is None:
            continue
        desired = scenario.steps[min(number, len(scenario.steps) - 1)].desired
        calls = running.wire.calls[cycle.planned_at : cycle.planned_at + 1]
        until = calls[0].time if calls else cycle.ended
        wanted = {item.key: item for item in desired if item.key in cycle.plan.unchanged}
        for key, item in wanted.items():
            seen = states(running, cycle, key.name, lag=spec_lag, until=until)
            if not any(
                mesh and (is_believed_copy(running, mesh) or not has_other_spec(mesh, item))
                for mesh in seen
            ):
                yield f"cycle {number}: {key} is called unchanged and has another spec"
            seen = states(running, cycle, key.name, lag=longest_lag(running), until=until)
            if not any(mesh and ours(mesh) and not has_other_tags(mesh, item) for mesh in seen):
                yield f"cycle {number}: {key} is called unchanged and has other tags"


def _succeeds_undisturbed(running: Run, scenario: Scenario) -> Iterator[str]:
    """Without faults every change is made in the cycle that plans it, a create by few requests.

    What lagging reads still hide from the beginning of a cycle is found out during it.
    """
    del scenario
    if running.schedule.faults:
        return
    for number, cycle in enumerate(running.cycles):
        seen = cycle.began - longest_lag(running)
        hidden = any(seen < effect.time <= cycle.began for effect in running.service.effects)
        for outcome in cycle.report.outcomes if cycle.report else ():
            if not isinstance(outcome, Applied) and not hidden:
                operation = operation_name(outcome.change)
                result = f"{operation} of {outcome.change.key} {outcome_name(outcome)}"
                yield f"cycle {number}: {result}: {outcome.reason}"
        sent = Counter(
            call.name for call in calls_of(running, number) if call.operation == "CreateMesh"
        )
        for name, times in sent.items():
            if times > MAX_CREATES:
                yield f"cycle {number}: {times} creates of {name}"


PROPERTIES: tuple[Property, ...] = (
    _takes_nothing_of_ours_for_drift,
    _converges,
    _comes_to_rest,
    _owns_what_it_writes,
    _harms_nobody,
    _deletes_what_it_decided,
    _repeats_no_effect,
    _keeps_tokens_apart,
    _stays_within_bounds,
    _accounts_for_every_change,
    _stands_still_when_blind,
    _admits_what_it_could_not_read,
    _says_what_is_true,
    _calls_nothing_unchanged_that_differs,
    _succeeds_undisturbed,
)
