"""Each guard taken away, and the smallest schedule that then breaks a property.

A guard that nothing misses is not one. Only here is our own code patched.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from reconciler.core import plan, tokens
from reconciler.core.changes import Adopt, Change, Delete, Update, Withheld
from reconciler.core.report import Applied, Outcome
from reconciler.core.resources import Present, World
from reconciler.core.restraint import Policy, restrain
from reconciler.engine import cycle, sending, settling
from reconciler.engine.settling import Sent
from reconciler.source import snapshot
from simulation import runs
from simulation.properties import violations
from simulation.runs import Schedule, run

pytestmark = pytest.mark.slow


def _nothing(*_: object) -> None:
    return None


def _no_gaps(_: World) -> list[str]:
    return []


def _token_without_base(change: Any, base: str | None = None) -> str:
    return tokens.client_token(change, base or "any")


def _no_base(*_: str) -> str:
    return tokens.ABSENT


def _base_of_uid(uid: str, _: str) -> str:
    return uid


def _believed(_course: object, change: Change, sent: Sent, _: object) -> Outcome:
    return sent if isinstance(sent, Outcome) else Applied(change)


def _applied(_target: object, change: Change, *_: object) -> Applied:
    return Applied(change)


def _recheck_unless(kind: type[Change]) -> Callable[..., object]:
    guarded = sending._recheck  # noqa: SLF001  # the guard itself

    def recheck(target: Any, glance: Any, change: Any) -> object:
        return None if isinstance(change, kind) else guarded(target, glance, change)

    return recheck


def _restrained(**changes: Any) -> Callable[..., tuple[list[Change], list[Withheld]]]:
    def restrained(found: Any, restraint: Any, **facts: Any) -> tuple[Any, Any]:
        return restrain(found, replace(restraint, **changes), **facts)

    return restrained


def _unprotected(_tags: object) -> bool:
    return False


def _readable_world(resources: Any, *_: object) -> World:
    return World({key: saw for key, saw in resources.items() if isinstance(saw, Present)})


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
    behaviour: str = "tokens-36h",
) -> Any:
    scenario, *faults = schedule.split()
    parsed = {int(call): kind for call, _, kind in (fault.partition(":") for fault in faults)}
    found = Schedule(scenario, behaviour, parsed)
    return pytest.param(Ablation(guard, module, name, instead, found, breaks), id=guard)


OURS = "owns-what-it-writes"
TRUE = "says-what-is-true"
KEPT = "deletes-what-it-decided"
STILL = "stands-still-when-blind"
TABLE = [
    _row(
        "base in the token",
        sending,
        "client_token",
        _token_without_base,
        "drift-of-spec",
        "converges",
    ),
    _row(
        "another token after a replay",
        settling,
        "after_replay",
        _no_base,
        "create-delete-create",
        "converges",
    ),
    _row(
        "the answer's id in that token",
        settling,
        "after_replay",
        _base_of_uid,
        "deleted-four-times",
        "converges",
    ),
    _row(
        "another token after a refusal",
        sending,
        "after_refusal",
        _no_base,
        "create-delete-create",
        "converges",
        "dead-tokens-conflict",
    ),
    _row("read-back", cycle, "settle", _believed, "create-delete-create", "converges"),
    _row(
        "reading after silence",
        settling,
        "_after_error",
        _applied,
        "create-one 1:request-lost",
        TRUE,
    ),
    _row(
        "reading after a conflict",
        settling,
        "_after_error",
        _applied,
        "create-one 1:replaced-by-stranger",
        TRUE,
    ),
    _row(
        "re-check before an update",
        sending,
        "_recheck",
        _recheck_unless(Update),
        "there-and-back",
        OURS,
    ),
    _row(
        "re-check before adopting", sending, "_recheck", _recheck_unless(Adopt), "adopt-equal", OURS
    ),
    _row(
        "re-check before a delete", sending, "_recheck", _recheck_unless(Delete), "delete-one", OURS
    ),
    _row(
        "what the re-check compares",
        sending,
        "_moved",
        _nothing,
        "delete-one 5:taken-by-stranger",
        OURS,
    ),
    _row(
        "looking again where tags may be old",
        cycle,
        "MOST_SINGLE_LOOKS",
        0,
        "tag-dropped 0:throttled",
        "comes-to-rest",
        "tags-in-pages-lag-long",
    ),
    _row("ownership", plan, "_foreign", _nothing, "foreign-name", OURS),
    _row(
        "delete budget", plan, "restrain", _restrained(max_deletes=99), "deletes-over-budget", KEPT
    ),
    _row("whole source", plan, "restrain", _restrained(partial=None), "part-of-the-source", KEPT),
    _row("policy", plan, "restrain", _restrained(policy=Policy.SYNC), "orphan", KEPT),
    _row("empty source", plan, "restrain", _restrained(allow_empty=True), "emptied-source", KEPT),
    _row("protection", plan, "is_protected", _unprotected, "protected", KEPT),
    _row("gaps hold deletes", plan, "_gaps", _no_gaps, "delete-one 3:refused", STILL),
    _row(
        "unreadable is not absent", cycle, "World", _readable_world, "delete-one 3:refused", STILL
    ),
]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let no world be used that was made with the guard, or without it."""
    runs.beginnings.cache_clear()
    yield
    runs.beginnings.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("row", TABLE)
def test_c6_c7_c8_every_guard_is_missed(row: Ablation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert violations(run(row.schedule)) == []
    runs.beginnings.cache_clear()
    monkeypatch.setattr(row.module, row.name, row.instead)
    broken = {violation.partition(":")[0] for violation in violations(run(row.schedule))}
    assert row.breaks in broken


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
    seen = snapshot._sight([str(tmp_path)])  # noqa: SLF001  # the guard itself
    monkeypatch.setattr(snapshot, "_sight", lambda _paths, _check_time: seen)
    assert _read_while_it_changes(tmp_path, monkeypatch) == {b"old", b"new"}


def test_i08_the_lock_of_git_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/index.lock").touch()
    for name in ("old", "new"):
        (tmp_path / f"{name}.yaml").write_text(name)
    assert snapshot.read([str(tmp_path)], stdin=BytesIO(), sleep=_nothing).files == ()
    monkeypatch.setattr(snapshot._Sight, "git_is_at_work", False)  # noqa: SLF001  # the guard itself
    assert len(snapshot.read([str(tmp_path)], stdin=BytesIO(), sleep=_nothing).files) == 2
