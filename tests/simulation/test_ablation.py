"""Each guard taken away, and the smallest schedule that then breaks a property.

A guard that nothing misses is not one. Only here is our own code patched.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from reconciler import limits
from reconciler.core.changes import Adopt, Change, Delete, Update, Withheld
from reconciler.core.planning import attestation, client_tokens, plan, verdicts
from reconciler.core.planning.attestation import Attestations
from reconciler.core.planning.guards import Policy, apply_guards
from reconciler.core.planning.last_applied import LastApplied, attest, parse_last_applied
from reconciler.core.report import Applied, Outcome
from reconciler.core.resources import (
    OWNER_TAG,
    Key,
    LiveResource,
    LiveState,
    ResourceVersion,
    Spec,
)
from reconciler.engine import plan_and_apply, verify, write
from reconciler.engine.verify import WriteResult
from reconciler.source import snapshot
from simulation import runs
from simulation.properties import violations
from simulation.runs import Schedule, run
from simulation.service import US, Mesh
from simulation.target import ModelTarget

pytestmark = pytest.mark.slow


def _nothing(*_: object) -> None:
    return None


def _no_gaps(_: LiveState) -> list[str]:
    return []


def _token_without_base(change: Any, base: str | None = None) -> str:
    return client_tokens.client_token(change, base or "any")


def _no_base(*_: str) -> str:
    return client_tokens.ABSENT


def _base_of_uid(uid: str, _: str) -> str:
    return uid


def _believed(_course: object, change: Change, sent: WriteResult, _: object) -> Outcome:
    return sent if isinstance(sent, Outcome) else Applied(change)


def _applied(_target: object, change: Change, *_: object) -> Applied:
    return Applied(change)


def _recheck_unless(kind: type[Change]) -> Callable[..., object]:
    guarded = write._recheck  # noqa: SLF001  # the guard itself

    def recheck(target: Any, glance: Any, change: Any) -> object:
        return None if isinstance(change, kind) else guarded(target, glance, change)

    return recheck


def _restrained(**changes: Any) -> Callable[..., tuple[list[Change], list[Withheld]]]:
    def restrained(found: Any, guards: Any, **facts: Any) -> tuple[Any, Any]:
        return apply_guards(found, replace(guards, **changes), **facts)

    return restrained


def _unprotected(_tags: object) -> bool:
    return False


def _readable_world(live: LiveState, _: object) -> LiveState:
    return LiveState(
        {key: it for key, it in live.resources.items() if isinstance(it, LiveResource)}
    )


def _attested_first(self: ModelTarget, change: Change, token: str | None) -> ResourceVersion:
    if isinstance(change, Update) and change.spec is not None:
        before, name, service = change.before, change.key.name, self.wire.service
        tags = attest(change.tags, before.version + 1, before.created_at)
        self.wire.write("TagResource", name, lambda: service.tag(name, tags, US))
    return _APPLY(self, change, token)


_APPLY = ModelTarget.apply


def _of_any_version(
    self: Attestations, key: Key, version: ResourceVersion, tags: Mapping[str, str]
) -> Spec | None:
    record = parse_last_applied(tags)
    believed = replace(version, version=record.version or 0) if record else version
    return _ATTESTED(self, key, believed, tags)


def _of_any_owner(
    self: Attestations, key: Key, version: ResourceVersion, tags: Mapping[str, str]
) -> Spec | None:
    return _ATTESTED(self, key, version, {**tags, OWNER_TAG: self.owner})


_ATTESTED = Attestations.__call__


def _of_any_creation(tags: Mapping[str, str]) -> LastApplied | None:
    record = parse_last_applied(tags)
    return record and replace(record, creation="")


def _of_any_age(
    self: ModelTarget, key: Key, mesh: Mesh, tags: Any, attests: Any, _: float
) -> LiveResource | None:
    return _ATTESTED_MESH(self, key, mesh, tags, attests, math.inf)


_ATTESTED_MESH = ModelTarget._attested  # noqa: SLF001  # the guard itself


@dataclass(frozen=True)
class Ablation:
    """A guard: where it stands, what replaces it, and what then breaks in which schedule."""

    guard: str
    module: object
    name: str
    instead: object
    schedule: Schedule
    breaks: str


def _row(
    guard: str,
    module: object,
    name: str,
    instead: object,
    schedule: str,
    breaks: str,
    behavior: str = "tokens-36h",
) -> Any:
    scenario, *faults = schedule.split()
    parsed = {int(call): kind for call, _, kind in (fault.partition(":") for fault in faults)}
    found = Schedule(scenario, behavior, parsed)
    return pytest.param(Ablation(guard, module, name, instead, found, breaks), id=guard)


OURS = "owns-what-it-writes"
TRUE = "says-what-is-true"
KEPT = "deletes-what-it-decided"
STILL = "stands-still-when-blind"
SAME = "calls-nothing-unchanged-that-differs"
INDEXED = "tags-in-pages"
TABLE = [
    _row(
        "base in the token",
        write,
        "client_token",
        _token_without_base,
        "drift-of-spec",
        "converges",
    ),
    _row(
        "another token after a replay",
        verify,
        "after_replay",
        _no_base,
        "create-delete-create",
        "converges",
    ),
    _row(
        "the answer's id in that token",
        verify,
        "after_replay",
        _base_of_uid,
        "deleted-four-times",
        "converges",
    ),
    _row(
        "another token after a refusal",
        write,
        "after_rejection",
        _no_base,
        "create-delete-create",
        "converges",
        "dead-tokens-conflict",
    ),
    _row("read-back", plan_and_apply, "verify", _believed, "create-delete-create", "converges"),
    _row(
        "reading after silence",
        verify,
        "_after_error",
        _applied,
        "create-one 1:request-lost",
        TRUE,
    ),
    _row(
        "reading after a conflict",
        verify,
        "_after_error",
        _applied,
        "create-one 1:replaced-by-stranger",
        TRUE,
    ),
    _row(
        "re-check before an update",
        write,
        "_recheck",
        _recheck_unless(Update),
        "there-and-back",
        OURS,
    ),
    _row(
        "re-check before adopting", write, "_recheck", _recheck_unless(Adopt), "adopt-equal", OURS
    ),
    _row(
        "re-check before a delete", write, "_recheck", _recheck_unless(Delete), "delete-one", OURS
    ),
    _row(
        "what the re-check compares",
        write,
        "_stale_reason",
        _nothing,
        "delete-one 5:taken-by-stranger",
        OURS,
    ),
    _row(
        "looking again where tags may be old",
        limits,
        "MAX_INDIVIDUAL_RECHECKS",
        0,
        "tag-dropped 0:throttled",
        "comes-to-rest",
        "tags-in-pages-lag-long",
    ),
    _row("ownership", verdicts, "_withhold_foreign", _nothing, "foreign-name", OURS),
    _row(
        "delete budget",
        plan,
        "apply_guards",
        _restrained(max_deletes=99),
        "deletes-over-budget",
        KEPT,
    ),
    _row(
        "whole source",
        plan,
        "apply_guards",
        _restrained(incomplete_reason=None),
        "part-of-the-source",
        KEPT,
    ),
    _row("policy", plan, "apply_guards", _restrained(policy=Policy.SYNC), "orphan", KEPT),
    _row(
        "empty source", plan, "apply_guards", _restrained(allow_empty=True), "emptied-source", KEPT
    ),
    _row("protection", verdicts, "is_protected", _unprotected, "protected", KEPT),
    _row("gaps hold deletes", plan, "_read_failures", _no_gaps, "delete-one 3:refused", STILL),
    _row(
        "unreadable is not absent",
        plan_and_apply,
        "_only_selected",
        _readable_world,
        "delete-one 3:refused",
        STILL,
    ),
    _row(
        "the record after the update",
        ModelTarget,
        "apply",
        _attested_first,
        "drift-of-spec 7:delayed+9",
        SAME,
        INDEXED,
    ),
    _row(
        "the version in the record",
        Attestations,
        "__call__",
        _of_any_version,
        "create-one 3:edited-by-hand",
        SAME,
        INDEXED,
    ),
    _row(
        "the creation in the record",
        attestation,
        "parse_last_applied",
        _of_any_creation,
        "created-again-with-our-tags",
        SAME,
        INDEXED,
    ),
    _row(
        "the lag of the index",
        ModelTarget,
        "_attested",
        _of_any_age,
        "created-again-by-hand",
        SAME,
        "tags-in-pages-lag",
    ),
]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let no world be used that was made with the guard, or without it."""
    runs.beginnings.cache_clear()
    yield
    runs.beginnings.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.every_case
@pytest.mark.parametrize("row", TABLE)
def test_c6_c7_c8_every_guard_is_missed(row: Ablation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert violations(run(row.schedule)) == []
    runs.beginnings.cache_clear()
    monkeypatch.setattr(row.module, row.name, row.instead)
    broken = {violation.partition(":")[0] for violation in violations(run(row.schedule))}
    assert row.breaks in broken


@pytest.mark.usefixtures("fresh")
def test_c6_the_owner_of_the_record_is_missed_where_ownership_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule = Schedule("create-one", INDEXED, {3: "taken-by-stranger"})
    monkeypatch.setattr(verdicts, "_withhold_foreign", _nothing)
    assert SAME not in {found.partition(":")[0] for found in violations(run(schedule))}
    runs.beginnings.cache_clear()
    monkeypatch.setattr(Attestations, "__call__", _of_any_owner)
    assert SAME in {found.partition(":")[0] for found in violations(run(schedule))}


def _read_while_it_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Return the contents that a snapshot has of two files that change after one was read."""
    guarded = snapshot._content  # noqa: SLF001  # the moment between two files
    changes = [b"new"]

    def content(entry: Any) -> Any:
        found = guarded(entry)
        if changes:
            for name in ("a", "b"):
                (root / f"{name}.yaml").write_bytes(changes[0])
            changes.clear()
        return found

    for name in ("a", "b"):
        (root / f"{name}.yaml").write_bytes(b"old")
    monkeypatch.setattr(snapshot, "_content", content)
    read = snapshot.read([str(root)], stdin=BytesIO(), sleep=_nothing)
    return {found for _, found in read.files}


def test_i08_the_fingerprint_of_a_snapshot_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _read_while_it_changes(tmp_path, monkeypatch) == {b"new"}
    monkeypatch.undo()
    seen = snapshot._scan([str(tmp_path)], ())  # noqa: SLF001  # the guard itself
    monkeypatch.setattr(snapshot, "_scan", lambda *_: seen)
    assert _read_while_it_changes(tmp_path, monkeypatch) == {b"old", b"new"}


def test_i08_the_lock_of_git_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/index.lock").touch()
    for name in ("old", "new"):
        (tmp_path / f"{name}.yaml").write_text(name)
    assert snapshot.read([str(tmp_path)], stdin=BytesIO(), sleep=_nothing).files == ()
    monkeypatch.setattr(snapshot._Scan, "is_git_running", False)  # noqa: SLF001  # the guard itself
    assert len(snapshot.read([str(tmp_path)], stdin=BytesIO(), sleep=_nothing).files) == 2
