"""One cycle after the other, whatever goes wrong, on manifests and a target in memory."""

import logging
from dataclasses import replace

import pytest
from builders import OWNER, TARGET, desired, egress, key, listening, mesh, route
from fake_cycle_target import FakeCycleTarget

from reconciler.core.changes import Cause
from reconciler.core.errors import RejectedError, UnavailableError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.resources import OWNER_TAG, Key
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, State
from reconciler.daemon.cycle import CycleRunner
from reconciler.manifest.parsing.diagnostics import Code, about_file

START = DaemonStatus(TARGET, OWNER, "sync", started_at=0, interval_seconds=60)
DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
BROKEN = (about_file(Code.YAML, "a.yaml", "is not valid YAML"),)


class Life:
    """A daemon's cycles by hand: the status of each is where the next begins."""

    def __init__(self, *names: str) -> None:
        self.means = FakeCycleTarget(tuple(desired(name, DROP) for name in names))
        self.now = 0.0
        self.status = START
        self._cycles = CycleRunner(self.means, lambda: self.now, lambda: 1_000 + self.now)

    def cycle(self, *, fresh: bool = True, forced: bool = False) -> dict[str, State]:
        self.now += 60
        begun = replace(self.status, cycle=self.status.cycle + 1)
        self.status = self._cycles(begun, fresh=fresh, forced=forced)
        return {item.key.name: item.state for item in self.status.resources}

    def fail(self, name: str, operation: str = "create") -> None:
        def before(done: str, key: Key) -> None:
            if (done, key) == (operation, mesh(name)):
                raise RejectedError("a quota is used up")

        self.means.target.before = before


def update_by_hand(life: Life, name: str) -> None:
    live = life.means.target.resources[mesh(name)]
    changed = replace(live, spec={}, version=live.version + 1)
    life.means.target.resources[mesh(name)] = changed


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def messages(caplog: pytest.LogCaptureFixture, *words: str) -> int:
    return sum(all(word in record.getMessage() for word in words) for record in caplog.records)


def test_a_cycle_makes_it_so_and_says_how_it_stands() -> None:
    life = Life("a", "b")
    assert life.cycle() == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert life.status.exit_code is ExitCode.OK
    assert life.status.cycle_finished_at == 1_060
    assert life.status.calls["create"] == 2
    assert str(life.status.resources[0].origin) == "manifests/a.yaml:1:1"


def test_manifests_are_read_when_they_have_to_be() -> None:
    life = Life("a")
    life.cycle()
    life.cycle(fresh=False)
    assert life.means.reads == 1
    life.means.diagnostics = BROKEN
    life.cycle()
    life.cycle(fresh=False)
    assert life.means.reads == 3


def test_p17_one_failing_resource_backs_off_alone(told: pytest.LogCaptureFixture) -> None:
    life = Life("a", "b")
    life.fail("a")
    for _ in range(5):
        assert life.cycle() == {"a": State.FAILED, "b": State.IN_SYNC}
    # Each refusal is asked again once, for the service may keep it with the token.
    assert life.means.made["create"] == 1 + 2 * 3
    resource = life.status.resources[0]
    assert (resource.attempts, resource.next_attempt_at) == (3, 1_000 + 240 + 240)
    assert (resource.reason, resource.outcome_at) == ("a quota is used up", 1_000 + 240)
    assert life.status.exit_code is ExitCode.ERROR
    rows = [("1 time", 60), ("2 times", 120), ("3 times", 240)]
    for attempts, seconds in rows:
        line = f"mesh/a: failed {attempts} in a row, next attempt in {seconds} s"
        assert messages(told, line) == 1


def test_who_asks_for_a_cycle_does_not_wait_for_what_failed() -> None:
    life = Life("a")
    life.fail("a")
    life.cycle()
    life.cycle()
    life.means.target.before = lambda *_: None
    assert life.cycle() == {"a": State.FAILED}
    assert life.cycle(forced=True) == {"a": State.IN_SYNC}


def test_a_corrected_manifest_does_not_wait_either() -> None:
    life = Life("a")
    life.cycle()
    life.fail("a", "update")
    life.means.desired = (desired("a", ALLOW),)
    for _ in range(3):
        life.cycle()
    life.means.target.before = lambda *_: None
    life.means.desired = (desired("a", DROP, tags={"team": "pay"}),)
    assert life.cycle() == {"a": State.IN_SYNC}


def test_what_changed_in_the_manifests_goes_first() -> None:
    life = Life("a", "b", "c")
    life.cycle()
    for name in list(life.means.target.resources):
        live = life.means.target.resources[name]
        life.means.target.resources[name] = replace(live, spec={}, version=2)
    life.means.desired = (*life.means.desired[:2], desired("c", ALLOW))
    written: list[str] = []
    life.means.target.before = lambda done, key: written.append(f"{done} {key.name}")
    life.cycle()
    assert [item for item in written if item.startswith("update")] == [
        "update c", "update a", "update b",
    ]  # fmt: skip


def test_a36_a_target_that_cannot_be_read_changes_nothing_and_is_told_of_once(
    told: pytest.LogCaptureFixture,
) -> None:
    life = Life("a")
    life.cycle()

    def silent(operation: str, key: Key) -> None:
        raise UnavailableError(f"{operation} {key}: no answer")

    life.means.target.before = silent
    for _ in range(3):
        assert life.cycle() == {"a": State.IN_SYNC}
        assert life.status.error == "list mesh/*: no answer"
        assert life.status.exit_code is ExitCode.ERROR
    assert messages(told, "cycle failed, nothing was changed") == 1
    life.means.target.before = lambda *_: None
    life.cycle()
    assert (life.status.error, life.status.exit_code) == (None, ExitCode.OK)
    assert messages(told, "can be read again") == 1


def test_an_invalid_source_goes_on_repairing_without_deletes_and_is_told_of_once(
    told: pytest.LogCaptureFixture,
) -> None:
    life = Life("a", "b")
    life.cycle()
    life.means.desired, life.means.diagnostics = life.means.desired[:1], BROKEN
    del life.means.target.resources[mesh("a")]
    for _ in range(3):
        assert life.cycle() == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert not life.status.source_valid
    assert life.status.diagnostics == ("a.yaml:1:1: error[MR012] is not valid YAML",)
    assert life.status.exit_code is ExitCode.MANIFESTS
    assert messages(told, "is not valid YAML") == 1
    life.means.diagnostics = ()
    assert life.cycle() == {"a": State.IN_SYNC}
    assert messages(told, "valid again") == 1


def test_the_commit_is_that_of_the_last_valid_manifests_and_is_told_of_once(
    told: pytest.LogCaptureFixture,
) -> None:
    life = Life("a")

    def shown() -> SourceRevision | None:
        life.cycle()
        return life.status.revision

    assert shown() is None
    first, second = (SourceRevision(digit * 40, f"\x1b{digit}", "A") for digit in "12")
    life.means.revision = first
    assert [shown() for _ in range(2)] == [first] * 2
    life.means.revision, life.means.diagnostics = second, BROKEN
    assert shown() == first
    life.means.diagnostics = ()
    assert shown() == second
    life.means.revision = None
    assert shown() is None
    for digit in "12":
        line = f"the manifests are of commit {digit * 12} by A: \\x1b{digit}"
        assert messages(told, line) == 1
    commits = [getattr(record, "commit", None) for record in told.records]
    assert commits.count("1" * 40) == 1 + 3
    assert commits.count("2" * 40) == 1 + 1


def test_i05_a_source_that_is_gone_deletes_nothing() -> None:
    life = Life("a")
    life.cycle()
    life.means.gone = True
    assert life.cycle() == {"a": State.IN_SYNC}
    assert life.status.diagnostics == ("manifests does not exist",)


def test_a_source_that_was_never_valid_asks_the_target_nothing(
    told: pytest.LogCaptureFixture,
) -> None:
    life = Life("a")
    life.means.diagnostics = BROKEN
    for _ in range(3):
        assert life.cycle() == {}
    assert life.means.made == {}
    assert life.status.exit_code is ExitCode.MANIFESTS
    assert messages(told, "not been valid since the start") == 1


def test_what_is_left_alone_is_told_of_once_and_when_the_reason_changes(
    told: pytest.LogCaptureFixture,
) -> None:
    life = Life("a")
    life.means.target.by_hand(mesh("a"))
    for _ in range(3):
        life.cycle()
    assert messages(told, "mesh/a withheld: it exists without an owner tag") == 1
    assert life.status.exit_code is ExitCode.WITHHELD
    life.means.target.by_hand(mesh("a"), tags={OWNER_TAG: "others"})
    life.cycle()
    assert messages(told, "mesh/a withheld: it is owned by others") == 1


def test_under_policy_observe_drift_is_shown_and_not_repaired() -> None:
    life = Life("a")
    life.cycle()
    life.means.restraint = GuardSettings(policy=Policy.OBSERVE)
    update_by_hand(life, "a")
    for forced in (False, False, True):
        assert life.cycle(forced=forced) == {"a": State.DRIFTED}
        (item,) = life.status.resources
        assert (item.cause, item.since) == (Cause.DRIFT, 1_120)
    assert life.status.calls.get("update") is None


def test_drift_lasts_until_it_is_in_sync_or_accepted_by_the_manifest() -> None:
    life = Life("a")
    life.cycle()
    in_sync = life.means.target.resources[mesh("a")]
    life.means.restraint = GuardSettings(policy=Policy.OBSERVE)
    update_by_hand(life, "a")
    life.cycle()
    for manifest, cause in ((ALLOW, Cause.BOTH), (DROP, Cause.DRIFT)):
        life.means.desired = (desired("a", manifest),)
        assert life.cycle() == {"a": State.DRIFTED}
        assert life.status.resources[0].cause is cause
    life.means.desired = (desired("a", {}),)
    assert life.cycle() == {"a": State.IN_SYNC}
    life.means.desired = (desired("a", DROP),)
    life.means.target.resources[mesh("a")] = replace(in_sync, version=3)
    assert life.cycle() == {"a": State.IN_SYNC}


def test_drift_whose_repair_fails_stays_drift() -> None:
    life = Life("a")
    life.cycle()
    update_by_hand(life, "a")
    life.fail("a", "update")
    for _ in range(3):
        assert life.cycle() == {"a": State.FAILED}
        assert life.status.resources[0].cause is Cause.DRIFT


def test_an_update_that_failed_midway_is_no_drift_for_the_manifest_after_it() -> None:
    life = Life("a")
    life.cycle()
    resources = life.means.target.resources
    recorded = resources[mesh("a")].tags

    def lose_record(operation: str, key: Key) -> None:
        if operation == "update":
            resources[key] = replace(resources[key], tags=recorded)
            raise RejectedError("not allowed to write tags")

    life.means.desired, life.means.target.after = (desired("a", ALLOW),), lose_record
    assert life.cycle() == {"a": State.FAILED}
    assert resources[mesh("a")].spec == ALLOW
    life.means.restraint = GuardSettings(policy=Policy.OBSERVE)
    life.means.desired = (desired("a", {}),)
    assert life.cycle() == {"a": State.PENDING}
    assert life.status.resources[0].cause is Cause.UNKNOWN


def test_an_update_before_the_first_cycle_may_be_of_a_run_that_was_killed() -> None:
    life = Life("a")
    life.cycle()
    update_by_hand(life, "a")
    restarted = Life("a")
    restarted.means.target.resources = life.means.target.resources
    restarted.means.restraint = GuardSettings(policy=Policy.OBSERVE)
    restarted.cycle()
    assert restarted.status.resources[0].cause is Cause.UNKNOWN


def test_a_standby_does_not_know_whether_the_update_is_of_the_replica_that_writes() -> None:
    life = Life("a")
    life.cycle()
    life.means.idle = "standby: lock held by other"
    life.cycle()
    update_by_hand(life, "a")
    life.cycle()
    assert life.status.resources[0].cause is Cause.UNKNOWN


def test_a_resource_deleted_by_hand_is_missing_and_reported_once(
    told: pytest.LogCaptureFixture,
) -> None:
    life = Life("a", "b")
    life.cycle()
    life.means.restraint = GuardSettings(policy=Policy.OBSERVE)
    life.cycle()
    del life.means.target.resources[mesh("a")]
    life.means.desired += (desired("c", DROP),)
    for _ in range(3):
        assert life.cycle() == {"a": State.DRIFTED, "b": State.IN_SYNC, "c": State.PENDING}
    gone, _, new = life.status.resources
    assert (gone.cause, gone.since, gone.last_seen_at) == (Cause.MISSING, 1_180, 1_120)
    assert (new.cause, new.last_seen_at) == (Cause.NEW, None)
    assert messages(told, "mesh/a is missing: last seen at 1970-01-01T00:18:40+00:00") == 1
    assert messages(told, "is missing") == 1


def test_a_missing_resource_is_created_and_in_sync_since_then() -> None:
    life = Life("a")
    life.cycle()
    del life.means.target.resources[mesh("a")]
    assert life.cycle() == {"a": State.IN_SYNC}
    (item,) = life.status.resources
    assert (item.since, item.outcome, item.last_seen_at) == (1_120, "create applied", None)


def test_p11_who_stands_by_looks_and_writes_nothing() -> None:
    life = Life("a")
    life.means.idle = "standby: lock held by other"
    assert life.cycle() == {"a": State.PENDING}
    assert life.status.resources[0].reason == life.means.idle
    assert life.status.exit_code is ExitCode.LOCKED
    assert life.means.target.resources == {}
    life.means.idle = None
    assert life.cycle(fresh=False) == {"a": State.IN_SYNC}


def test_who_stands_by_tries_nothing_again_and_nothing_too_early_afterwards() -> None:
    life = Life("a", "b")
    life.fail("a")
    assert life.cycle() == {"a": State.FAILED, "b": State.IN_SYNC}
    assert life.status.resources[0].next_attempt_at == 1_000 + life.now + 60
    life.means.idle = "standby: lock held by other"
    assert life.cycle() == {"a": State.PENDING, "b": State.IN_SYNC}
    assert [item.next_attempt_at for item in life.status.resources] == [None, None]
    life.means.idle, life.means.target.before = None, lambda *_: None
    assert life.cycle() == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert [item.next_attempt_at for item in life.status.resources] == [None, None]


def test_who_stands_by_with_nothing_to_do_stands_by_all_the_same() -> None:
    life = Life("a")
    life.cycle()
    life.means.idle = "standby"
    life.cycle()
    assert life.status.exit_code is ExitCode.LOCKED


def test_what_needs_what_waits_is_not_tried_and_makes_no_way() -> None:
    life = Life("m")
    life.means.desired += (
        desired("virtual-node/m/n", {}),
        desired("virtual-router/m/r", listening(80)),
        desired("route/m/r/x", route("n")),
    )
    life.cycle()
    life.means.desired = (
        *life.means.desired[:2],
        desired("virtual-node/m/new", {}),
        desired("virtual-router/m/r", listening(80, protocol="grpc")),
        desired("route/m/r/x", route("new")),
    )

    def before(done: str, about: Key) -> None:
        if (done, about) == ("create", key("virtual-node/m/new")):
            raise RejectedError("a quota is used up")

    life.means.target.before = before
    for tries in (1, 2, 2):
        life.cycle()
        assert life.status.exit_code is ExitCode.ERROR
        assert life.means.made["create"] == 4 + 2 * tries
        assert life.means.made["delete"] == 0
    life.means.target.before = lambda *_: None
    life.cycle(forced=True)
    assert life.status.exit_code is ExitCode.OK


def test_if_the_commit_is_not_known_nothing_is_done_until_it_is(
    told: pytest.LogCaptureFixture,
) -> None:
    life = Life("a")
    life.cycle()
    life.means.unknown = True
    del life.means.target.resources[mesh("a")]
    for fresh in (True, False):
        life.cycle(fresh=fresh)
        assert life.status.exit_code is ExitCode.ERROR
        assert life.status.diagnostics == ("the repository is away",)
        assert life.means.target.resources == {}
    assert messages(told, "the repository is away") == 1
    life.means.unknown = False
    assert life.cycle(fresh=False) == {"a": State.IN_SYNC}


def test_notices_about_the_commit_are_shown_and_logged_once(
    told: pytest.LogCaptureFixture,
) -> None:
    life = Life("a")
    life.means.notices = ("commit 1 stays in effect",)
    for _ in range(2):
        life.cycle()
    assert life.status.diagnostics == ("commit 1 stays in effect",)
    assert (life.status.source_valid, life.status.exit_code) == (True, ExitCode.OK)
    assert messages(told, "stays in effect") == 1
    life.means.notices = ()
    life.cycle()
    assert not any(life.status.diagnostics)
    assert messages(told, "is in effect again") == 1
