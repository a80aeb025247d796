"""The record of a run in the history: its author, its changes, and how each of them ended.

A record is for people. It has the visible parts of a plan, without the specs that a write needs,
so it can never be applied.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from operator import itemgetter
from types import NoneType

from reconciler import limits
from reconciler.core.changes import (
    Change,
    Create,
    Delete,
    DetachedRoute,
    Unlinked,
    Update,
    detached_routes,
    unlinked,
)
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.plan_json import decode, encode
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, Stale, outcome_name
from reconciler.core.resources import Json, Key, LiveResource, canonical_json

SCHEMA = 1
_OUTCOMES: Mapping[str, Callable[[Change, str], Outcome]] = {
    "applied": lambda change, _: Applied(change),
    "failed": Failed,
    "skipped": Skipped,
    "stale": Stale,
}
# The first member of a line, in the order of canonical JSON, so that a list needs only this part.
_HEAD = '{"head":'
_decoder = json.JSONDecoder()


# Not frozen: a list reads 100,000 of them, and a frozen one takes four times as long to make.
@dataclass(slots=True)
class RunHead:
    """The facts about a run that a list of runs shows.

    Attributes:
        run: The id of the run; later ids are greater in the order of text.
        started_at: Seconds since 1970.
        duration_seconds: None while the run writes, and for ever if its process was killed.
        command: The command; ``run`` is a cycle of the daemon.
        actor: The user and host, or the user and job of a forge.
        commit: The commit of the manifests, if known.
        dirty: Whether the manifests differed from the commit.
        fingerprint: That of the plan; None if the run failed before it had one.
        exit_code: None while the run writes, and for ever if its process was killed.
        error: Why the run failed as a whole.
        counts: Number of outcomes by name, and of changes that were withheld or not tried.
        calls: Number of API calls by operation.
    """

    run: str
    started_at: float
    duration_seconds: float | None
    command: str
    actor: str
    target: str
    owner: str
    commit: str | None
    dirty: bool
    fingerprint: str | None
    exit_code: int | None
    error: str | None
    counts: Mapping[str, int]
    calls: Mapping[str, int]
    schema: int = SCHEMA

    @property
    def is_finished(self) -> bool:
        """Whether the run ended. Otherwise each of its changes may have been made or not."""
        return self.exit_code is not None


# The types that the members have in JSON, in the order of the class.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "run": (str,),
    "started_at": (float, int),
    "duration_seconds": (float, int, NoneType),
    "command": (str,),
    "actor": (str,),
    "target": (str,),
    "owner": (str,),
    "commit": (str, NoneType),
    "dirty": (bool,),
    "fingerprint": (str, NoneType),
    "exit_code": (int, NoneType),
    "error": (str, NoneType),
    "counts": (dict,),
    "calls": (dict,),
    "schema": (int,),
}
_in_order = itemgetter(*_TYPES)
# One look into this set takes a third of the time of a check of each member.
_ALL_TYPES = frozenset(product(*_TYPES.values()))
_INTEGERS = frozenset({int})


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """How a change ended."""

    key: Key
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The record of a run. A later record with the same id replaces an earlier one."""

    head: RunHead
    plan: Plan | None = None
    outcomes: tuple[RecordedOutcome, ...] = ()

    @property
    def report(self) -> Report | None:
        """The report of the run, for a renderer; None without a plan or before its end."""
        if self.plan is None or not self.head.is_finished:
            return None
        changes = {change.key: change for change in self.plan.changes}
        outcomes = tuple(
            _OUTCOMES[recorded.outcome](changes[recorded.key], recorded.reason)
            for recorded in self.outcomes
            if recorded.key in changes
        )
        return Report(self.plan, outcomes, self.head.counts.get("renewed", 0))


def unfinished_record(head: RunHead, plan: Plan) -> RunRecord:
    """Return the record of a run that is about to make the changes of ``plan``."""
    counts = {"unknown": len(plan.changes) + len(plan.renewals)}
    return RunRecord(_with_plan(head, plan, counts), visible_plan(plan))


def finished_record(head: RunHead, report: Report, code: ExitCode) -> RunRecord:
    """Return the record of a run that ended with ``report``."""
    plan = report.plan
    counts = Counter(map(outcome_name, report.outcomes))
    counts["withheld"], counts["renewed"] = len(plan.withheld), report.renewed
    outcomes = tuple(
        RecordedOutcome(outcome.change.key, outcome_name(outcome), _reason(outcome))
        for outcome in report.outcomes
    )
    head = replace(_with_plan(head, plan, +counts), exit_code=int(code))
    return RunRecord(head, visible_plan(plan), outcomes)


def visible_plan(plan: Plan) -> Plan:
    """Return ``plan`` with everything that a reader sees, and nothing that only a write needs."""
    withheld = tuple(
        replace(item, change=item.change and _visible_change(item.change)) for item in plan.withheld
    )
    return replace(
        plan,
        changes=tuple(map(_visible_change, plan.changes)),
        unchanged=(),
        withheld=withheld,
        renewals=tuple(map(_visible_update, plan.renewals)),
        applied_commit=None,
    )


def write_record(record: RunRecord, clean: Callable[[str], str] = str) -> bytes:
    """Return ``record`` as a line of JSON; ``clean`` removes secrets from each text."""
    line = canonical_json(_clean(encode(record), clean))
    return f"{line}\n".encode("utf-8", "surrogatepass")


def parse_head(line: bytes) -> RunHead | None:
    """Return the head of a line of ``write_record``; None for any other line."""
    try:
        text = line.decode("utf-8", "surrogatepass")
        members, _ = _decoder.raw_decode(text, len(_HEAD))
        values = _in_order(members)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    is_head = len(members) == len(values) and text.startswith(_HEAD)
    # Files may be edited.
    if not is_head or tuple(map(type, values)) not in _ALL_TYPES:
        return None
    # To match the names of the members with those of the class takes longer.
    head = RunHead(*values)
    return head if _has_valid_numbers(head) else None


def _has_valid_numbers(head: RunHead) -> bool:
    return (
        0 <= head.started_at < limits.END_OF_TIME
        and _INTEGERS.issuperset(map(type, head.counts.values()))
        and _INTEGERS.issuperset(map(type, head.calls.values()))
    )


def parse_record(line: bytes) -> RunRecord | None:
    """Return the record in a line of ``write_record``; None for any other line."""
    try:
        record: RunRecord = decode(RunRecord, json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    return record if all(key.path for key in _shown_keys(record)) else None


def has_key(line: bytes, patterns: Iterable[str]) -> bool:
    """Return whether the run in ``line`` changed a resource whose key matches a pattern."""
    record = parse_record(line)
    keys = _changed_keys(record) if record else []
    return any(key.matches(pattern) for key in keys for pattern in patterns)


def _shown_keys(record: RunRecord) -> Iterator[Key]:
    """Yield the keys that a reader sees; in an edited file, they may have no name."""
    yield from _changed_keys(record)
    yield from (outcome.key for outcome in record.outcomes)
    if record.plan is not None:
        yield from (withheld.key for withheld in record.plan.withheld)
        yield from (renewal.key for renewal in record.plan.renewals)


def _changed_keys(record: RunRecord) -> list[Key]:
    """Return the keys of the changes, and of the routes that were detached for them."""
    changes = record.plan.changes if record.plan else ()
    routes = (route.attach.key for change in changes for route in detached_routes(change))
    return [*(change.key for change in changes), *routes]


def _with_plan(head: RunHead, plan: Plan, counts: Mapping[str, int]) -> RunHead:
    revision = plan.revision
    return replace(
        head,
        target=plan.target.name,
        owner=plan.owner,
        commit=revision.commit if revision else None,
        dirty=bool(revision and revision.dirty),
        fingerprint=plan.fingerprint,
        counts=dict(counts),
    )


def _reason(outcome: Outcome) -> str:
    return "" if isinstance(outcome, Applied) else outcome.reason


def _visible_change(change: Change) -> Change:
    if isinstance(change, Create):
        return _visible_create(change)
    if isinstance(change, Delete):
        return _visible_delete(change)
    if isinstance(change, Update):
        return _visible_update(change)
    return replace(change, spec=None, tags={}, before=_visible_live(change.before))


def _visible_create(create: Create) -> Create:
    return replace(create, spec=None, tags={})


def _visible_delete(delete: Delete) -> Delete:
    nodes = tuple(
        Unlinked(_visible_live(node.before), {}, node.difference) for node in unlinked(delete)
    )
    return replace(delete, before=_visible_live(delete.before), unlinked=nodes)


def _visible_update(update: Update) -> Update:
    routes = tuple(
        DetachedRoute(_visible_delete(route.detach), _visible_create(route.attach), route.cause)
        for route in detached_routes(update)
    )
    before = _visible_live(update.before)
    return replace(update, spec=None, tags={}, before=before, detached=routes)


def _visible_live(live: LiveResource) -> LiveResource:
    return replace(live, spec={}, tags={}, unknown=())


def _clean(value: Json, clean: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: _clean(member, clean) for name, member in value.items()}
    if isinstance(value, list):
        return [_clean(item, clean) for item in value]
    return value
