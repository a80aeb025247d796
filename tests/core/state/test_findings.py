"""A finding is sent once, again after a time, and once when it is over."""

from dataclasses import replace

import pytest
from builders import OWNER, SYNC, TARGET, desired, egress, mesh, plan, present

from reconciler.core.changes import Cause
from reconciler.core.report import Applied, Failed, Report
from reconciler.core.resources import Unlisted
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State
from reconciler.core.state.findings import (
    SOURCE,
    FindingKind,
    Notification,
    SentFindings,
)
from reconciler.core.state.findings import (
    TARGET as THE_TARGET,
)

START = DaemonStatus(TARGET, OWNER, "sync", started_at=0, interval_seconds=60)
ALL = frozenset(FindingKind)
DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


class Receiver:
    """One receiver over several cycles, a minute apart."""

    def __init__(self, kinds: frozenset[FindingKind] = ALL, remind_seconds: float = 0) -> None:
        self.sent = SentFindings(kinds, remind_seconds)
        self.now = 0.0

    def cycle(self, status: DaemonStatus, report: Report | None = None) -> list[Notification]:
        self.now += 60
        self.sent, notifications = self.sent.after(status, report, self.now)
        return notifications

    def kinds(self, status: DaemonStatus, report: Report | None = None) -> list[str]:
        return [
            f"{it.kind} {len(it.findings)}{' again' if it.is_reminder else ''}"
            for it in self.cycle(status, report)
        ]


def status(*resources: ResourceStatus, **facts: object) -> DaemonStatus:
    return replace(START, resources=resources, **facts)  # type: ignore[arg-type]  # any field


def resource(name: str, state: State, reason: str | None = None) -> ResourceStatus:
    return ResourceStatus(mesh(name), state, 0, reason=reason)


@pytest.mark.parametrize(
    ("found", "kind", "subject"),
    [
        (status(resource("a", State.FAILED, "denied")), "failed", "mesh/a"),
        (status(resource("a", State.UNREADABLE, "denied")), "failed", "mesh/a"),
        (status(resource("a", State.WITHHELD, "a guard")), "withheld", "mesh/a"),
        (status(resource("a", State.DRIFTED)), "drift", "mesh/a"),
        (status(error="no answer"), "failed", THE_TARGET),
        (status(unlisted=(Unlisted("route", mesh("m"), "denied"),)), "failed", "route/m/*"),
        (status(diagnostics=("a.yaml: error",)), "source", SOURCE),
    ],
)
def test_a_lasting_finding_is_sent_once_and_its_end_once(
    found: DaemonStatus, kind: str, subject: str
) -> None:
    receiver = Receiver()
    (first,) = receiver.cycle(found)
    assert (first.kind, first.findings[0].subject) == (kind, subject)
    assert receiver.cycle(found) == []
    (last,) = receiver.cycle(START)
    assert (last.kind, last.findings[0].subject) == ("recovered", subject)
    assert last.findings[0].text == f"over: {first.findings[0].text}"
    assert receiver.cycle(START) == []


@pytest.mark.parametrize("state", [State.IN_SYNC, State.PENDING, State.SUSPENDED, State.STALE])
def test_other_states_are_no_findings(state: State) -> None:
    assert Receiver().cycle(status(resource("a", state))) == []


def test_drift_that_is_repaired_is_an_event_with_its_fields_and_commit() -> None:
    before = desired("a", DROP)
    made = plan(desired("a", DROP), present("a", ALLOW, applied=before), guards=SYNC)
    (change,) = made.changes
    assert change.cause is Cause.DRIFT
    revision = SourceRevision("c" * 40, "Close", "Ann")
    found = status(resource("a", State.IN_SYNC), revision=revision)
    receiver = Receiver()
    for _ in range(2):
        (sent,) = receiver.cycle(found, Report(made, (Applied(change),)))
        (finding,) = sent.findings
        assert (sent.kind, finding.text) == ("drift", "drifted, and repaired by update")
        assert finding.fields == change.difference.fields
        assert sent.revision == revision
    assert receiver.cycle(START) == []


def test_an_applied_change_is_sent_and_a_failed_one_only_as_a_state() -> None:
    made = plan(desired("a"), desired("b"))
    report = Report(made, (Applied(made.changes[0]), Failed(made.changes[1], "denied")))
    assert Receiver().kinds(START, report) == ["applied 1"]
    assert Receiver().cycle(START, report)[0].findings[0].text == "create applied: new"


def test_findings_of_one_kind_are_one_message() -> None:
    many = status(*(resource(f"m{number}", State.FAILED, "no") for number in range(1000)))
    receiver = Receiver()
    assert receiver.kinds(many) == ["failed 1000"]
    assert receiver.kinds(many) == []
    assert receiver.kinds(START) == ["recovered 1000"]


def test_failed_changes_and_then_an_unreadable_target_are_one_outage() -> None:
    failed = tuple(resource(f"m{number}", State.FAILED, "no") for number in range(1000))
    receiver = Receiver()
    cycles = [status(*failed), status(*failed, error="away"), status(*failed, error="away"), START]
    assert [receiver.kinds(cycle) for cycle in cycles] == [
        ["failed 1000"],
        [],
        [],
        ["recovered 1001"],
    ]


def test_a_failure_of_long_ago_hides_no_unreadable_target() -> None:
    failed = resource("m", State.FAILED, "no")
    receiver = Receiver()
    assert receiver.kinds(status(failed)) == ["failed 1"]
    for _ in range(20):
        assert receiver.kinds(status(failed)) == []
    assert receiver.kinds(status(failed, error="expired credentials")) == ["failed 1"]
    assert receiver.kinds(status(failed, error="expired credentials")) == []
    assert receiver.kinds(START) == ["recovered 2"]


def test_another_reason_is_another_finding_but_no_recovery() -> None:
    receiver = Receiver()
    found = [
        receiver.kinds(status(resource("a", State.WITHHELD, reason)))
        for reason in ("guard", "owned by x")
    ]
    assert found == [["withheld 1"], ["withheld 1"]]


@pytest.mark.parametrize("state", [State.PENDING, State.STALE])
def test_a_failed_change_that_is_not_tried_again_is_not_over(state: State) -> None:
    receiver = Receiver()
    failed = status(resource("a", State.FAILED, "denied"))
    waiting = status(resource("a", state, "the run was interrupted before this change"))
    rounds = [receiver.kinds(it) for it in (failed, waiting, failed, waiting, START)]
    assert rounds == [["failed 1"], [], [], [], ["recovered 1"]]


@pytest.mark.parametrize("state", [state for state in State if state is not State.IN_SYNC])
def test_drift_is_over_when_the_resource_is_in_sync(state: State) -> None:
    receiver = Receiver(frozenset({FindingKind.DRIFT, FindingKind.RECOVERED}))
    drifted = status(resource("a", State.DRIFTED))
    rounds = [drifted, status(resource("a", state)), drifted, status(resource("a", State.IN_SYNC))]
    assert [receiver.kinds(it) for it in rounds] == [["drift 1"], [], [], ["recovered 1"]]


def test_another_cause_of_a_drift_has_one_recovery() -> None:
    receiver = Receiver()
    causes = [
        replace(resource("a", State.DRIFTED), cause=it) for it in (Cause.MISSING, Cause.DRIFT)
    ]
    found = [receiver.kinds(status(it)) for it in causes]
    found += [receiver.kinds(status(resource("a", State.PENDING))), receiver.kinds(START)]
    assert found == [["drift 1"], ["drift 1"], [], ["recovered 1"]]


def test_a_number_in_a_reason_does_not_make_it_another_finding() -> None:
    receiver = Receiver()
    found = [
        receiver.kinds(status(resource("a", State.FAILED, f"next in {seconds} s")))
        for seconds in (5, 10, 200)
    ]
    assert found == [["failed 1"], [], []]


def test_a_finding_that_is_not_over_is_sent_again_after_the_time() -> None:
    receiver = Receiver(remind_seconds=120)
    found = status(resource("a", State.WITHHELD, "guard"))
    assert [receiver.kinds(found) for _ in range(5)] == [
        ["withheld 1"], [], ["withheld 1 again"], [], ["withheld 1 again"],
    ]  # fmt: skip


def test_a_receiver_gets_only_the_kinds_of_its_settings() -> None:
    receiver = Receiver(frozenset({FindingKind.SOURCE}))
    assert receiver.cycle(status(resource("a", State.FAILED, "no"))) == []
    assert receiver.kinds(status(diagnostics=("bad",))) == ["source 1"]
    assert receiver.cycle(START) == []
