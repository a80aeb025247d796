"""A record shows a run as its plan and report did, and nothing that only a write needs."""

import json
from dataclasses import replace

import pytest
from builders import SYNC, desired, egress, plan, present, provided_by
from core.planning.test_plan_file import EVERYTHING, HELD, SMALL, detaching

from reconciler.core.changes import detached_routes, operation_name, unlinked
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, Stale
from reconciler.core.resources import Json
from reconciler.core.run_record import (
    RunHead,
    RunRecord,
    finished_record,
    has_key,
    parse_head,
    parse_record,
    unfinished_record,
    write_record,
)
from reconciler.core.source_revision import SourceRevision
from reconciler.render import text
from reconciler.render.terminal import Layout

HEAD = RunHead(
    run="20261130-080000-abc123",
    started_at=1_796_000_000.5,
    duration_seconds=2.5,
    command="apply",
    actor="ann@host",
    target="",
    owner="",
    commit=None,
    dirty=False,
    fingerprint=None,
    exit_code=None,
    error=None,
    counts={},
    calls={"ListMeshes": 1},
)
DELETING = plan(desired("kept"), present("kept"), present("gone", egress("ALLOW_ALL")), guards=SYNC)
CALLED: list[Json] = [{"virtualService": {"virtualServiceName": "s"}}]
UNLINKING = plan(
    desired("m"),
    present("m"),
    present("virtual-node/m/n", {"backends": CALLED}),
    present("virtual-service/m/s", provided_by("virtualNode", "n")),
    guards=GuardSettings(policy=Policy.SYNC, max_deletes=2),
)
PLANS = (EVERYTHING, HELD, SMALL, DELETING, UNLINKING, detaching())


def test_the_plans_have_every_kind_of_change_and_step() -> None:
    changes = [change for made in PLANS for change in made.changes]
    assert {operation_name(it) for it in changes} == {"create", "update", "adopt", "delete"}
    assert any(map(unlinked, changes))
    assert any(map(detached_routes, changes))


def outcomes_of(made: Plan) -> tuple[Outcome, ...]:
    kinds = (
        Applied,
        lambda change: Failed(change, "denied"),
        lambda change: Skipped(change, "stopped"),
        lambda change: Stale(change, "it changed"),
    )
    return tuple(kinds[at % 4](change) for at, change in enumerate(made.changes))


@pytest.mark.parametrize("made", PLANS)
def test_a_reader_sees_the_plan_and_the_outcomes_of_the_run(made: Plan) -> None:
    made = replace(made, revision=SourceRevision("c" * 40, "Open it", "Ann", dirty=True))
    report = Report(made, outcomes_of(made), renewed=3)
    record = parse_record(write_record(finished_record(HEAD, report, ExitCode.PARTIAL)))
    assert record
    assert record.plan
    assert record.report
    assert text.render_verdicts(record.plan, Layout(color=True)) == text.render_verdicts(
        made, Layout(color=True)
    )
    assert [text.render_outcome(it, color=False) for it in record.report.outcomes] == [
        text.render_outcome(it, color=False) for it in report.outcomes
    ]
    assert record.head.fingerprint == made.fingerprint
    assert (record.head.commit, record.head.dirty) == ("c" * 40, True)
    assert (record.report.renewed, record.head.exit_code) == (3, 4)


def test_no_spec_that_a_write_needs_is_kept() -> None:
    for made in PLANS:
        line = write_record(unfinished_record(HEAD, made)).decode()
        for change in json.loads(line)["plan"]["changes"]:
            assert not change.get("tags")
            assert not change.get("spec")
            assert not (change.get("before") or {"spec": {}})["spec"]


def test_a_run_that_did_not_end_names_its_changes_as_unknown() -> None:
    record = parse_record(write_record(unfinished_record(HEAD, SMALL)))
    assert record
    assert record.head.counts == {"unknown": 2}
    assert not record.head.is_finished
    assert record.report is None


def test_a_run_without_a_plan_has_its_error() -> None:
    failed = RunRecord(replace(HEAD, error="access denied", exit_code=1))
    assert parse_record(write_record(failed)) == failed
    assert failed.report is None


def test_outcomes_are_counted() -> None:
    report = Report(SMALL, (Applied(SMALL.changes[0]), Failed(SMALL.changes[1], "no")), renewed=0)
    assert finished_record(HEAD, report, ExitCode.PARTIAL).head.counts == {
        "applied": 1,
        "failed": 1,
    }


def test_secrets_are_removed_from_every_text() -> None:
    report = Report(SMALL, (Failed(SMALL.changes[0], "key hunter2hunter2"),))
    record = replace(
        finished_record(HEAD, report, ExitCode.ERROR), head=replace(HEAD, actor="hunter2hunter2")
    )
    line = write_record(record, lambda shown: shown.replace("hunter2hunter2", "[redacted]"))
    assert b"hunter2" not in line
    assert line.count(b"[redacted]") == 2


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b'"x"', b'{"head":', b'{"head":7}', b'{"head":{}}', b'{"head":{"a":1}}',
     b'{"plan":null}', b"\xff\xfe", b'{"head":{},"plan":null}', b'{"head":' + b"[" * 100_000],
)  # fmt: skip
def test_a_line_that_is_no_record_is_none(line: bytes) -> None:
    assert parse_head(line) is None
    assert parse_record(line) is None
    assert not has_key(line, ["*"])


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("run", 7),
        ("actor", None),
        ("commit", 7),
        ("error", ["x"]),
        ("dirty", "no"),
        ("exit_code", "0"),
        ("duration_seconds", "1"),
        ("started_at", None),
        ("started_at", -1),
        ("started_at", 1e300),
        ("started_at", float("nan")),
        ("counts", None),
        ("counts", {"applied": "1"}),
        ("calls", {"ListMeshes": None}),
    ],
)
def test_a_head_with_a_value_of_another_type_is_none(member: str, value: object) -> None:
    document = json.loads(write_record(unfinished_record(HEAD, SMALL)))
    assert parse_head(json.dumps(document).replace(" ", "").encode())
    document["head"][member] = value
    assert parse_head(json.dumps(document).replace(" ", "").encode()) is None


def test_a_head_is_read_without_the_rest() -> None:
    line = write_record(unfinished_record(HEAD, SMALL))
    head = parse_head(line)
    assert head
    assert head.run == HEAD.run
    assert head == parse_head(line[:-40])


def test_a_run_is_found_by_the_keys_that_it_changed() -> None:
    line = write_record(unfinished_record(HEAD, SMALL))
    assert has_key(line, ["mesh/a"])
    assert has_key(line, ["route/*", "mesh/?"])
    assert not has_key(line, ["mesh/c", "route/*"])


def test_a_run_that_detached_a_route_is_a_run_that_changed_it() -> None:
    made = detaching()
    line = write_record(unfinished_record(HEAD, made))
    routes = [str(it.attach.key) for change in made.changes for it in detached_routes(change)]
    assert routes
    for route in routes:
        assert has_key(line, [route])


def test_a_record_with_a_key_without_a_name_was_edited() -> None:
    line = write_record(unfinished_record(HEAD, SMALL))
    key = SMALL.changes[0].key
    edited = line.replace(f'"path":["{key.path[0]}"]'.encode(), b'"path":[]')
    assert edited != line
    assert parse_record(line) is not None
    assert parse_record(edited) is None
    assert parse_head(edited) is not None
