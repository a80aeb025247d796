"""One cycle: every change ends in one outcome, whatever the target does meanwhile."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from threading import Event

import pytest
from builders import NOW, OWNER, desired, egress, mesh, present
from fakes import FakeTarget, Hook

from reconciler import limits
from reconciler.core.changes import Adopt, Cause, Change, Create, ReasonCode, Update
from reconciler.core.errors import (
    ConflictError,
    NotFoundError,
    RejectedError,
    TargetError,
    ThrottledError,
    UnavailableError,
)
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.client_tokens import client_token
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.last_applied import unattested
from reconciler.core.planning.ownership import plan_release
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.selection import Selection
from reconciler.core.report import (
    Applied,
    Failed,
    Outcome,
    Report,
    Skipped,
    Stale,
    exit_code,
)
from reconciler.core.resources import (
    OWNER_TAG,
    Attests,
    Desired,
    Key,
    LiveResource,
    LiveState,
    ResourceVersion,
)
from reconciler.engine import ApplyOptions, apply, propose

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
SYNC = GuardSettings(policy=Policy.SYNC, max_deletes=99)


def proposal(target: FakeTarget, *wants: Desired, guards: GuardSettings = SYNC) -> Plan:
    return propose(target, wants, owner=OWNER, guards=guards, now=NOW)


def conduct(pauses: list[float] | None = None) -> ApplyOptions:
    waits = [] if pauses is None else pauses
    return ApplyOptions(workers=1, sleep=waits.append, verify_timeout_seconds=10)


def cycle(target: FakeTarget, *wants: Desired) -> Report:
    return apply(proposal(target, *wants), target, conduct())


def only(report: Report) -> Outcome:
    (outcome,) = report.outcomes
    return outcome


def failing(operation: str, error: TargetError, *, times: int = 1) -> Hook:
    """Return a hook that fails the first ``times`` calls of ``operation``."""
    left = [error] * times

    def hook(called: str, key: Key) -> None:
        del key
        if called == operation and left:
            raise left.pop()

    return hook


def meanwhile(operation: str, act: Callable[[], object], *, call: int = 1) -> Hook:
    """Return a hook by which somebody else acts right before the n-th call of ``operation``."""
    heard: list[str] = []

    def hook(called: str, key: Key) -> None:
        del key
        if called == operation:
            heard.append(called)
            if len(heard) == call:
                act()

    return hook


def test_files_become_meshes_and_a_second_cycle_writes_nothing() -> None:
    target = FakeTarget()
    wants = [desired("a", DROP), desired("b", ALLOW, tags={"t": "1"}), desired("c", managed=False)]
    assert cycle(target, *wants).converged
    writes = len(target.writes)
    report = cycle(target, *wants)
    assert report.outcomes == ()
    assert len(target.writes) == writes == 3


def test_creates_updates_and_deletes_in_one_cycle() -> None:
    target = FakeTarget()
    cycle(target, desired("moved", DROP), desired("gone", DROP))
    report = cycle(target, desired("moved", ALLOW), desired("new", DROP))
    assert [type(outcome) for outcome in report.outcomes] == [Applied] * 3
    assert set(target.resources) == {mesh("moved"), mesh("new")}
    assert target.resources[mesh("moved")].spec == ALLOW


def test_a_wave_is_read_back_by_one_list() -> None:
    target = FakeTarget()
    plan = proposal(target, *(desired(f"m{number}", DROP) for number in range(50)))
    target.calls.clear()
    apply(plan, target, conduct())
    assert [call for call, _ in target.calls] == ["create"] * 50 + ["tags", "list"]


def test_outcomes_are_heard_in_the_order_of_the_plan() -> None:
    target = FakeTarget()
    heard: list[Outcome] = []
    plan = proposal(target, *(desired(name, DROP) for name in "cab"))
    report = apply(plan, target, replace(conduct(), on_outcome=heard.append, workers=3))
    assert tuple(heard) == report.outcomes
    assert [outcome.change.key.name for outcome in heard] == ["a", "b", "c"]


def test_keys_that_are_not_selected_are_no_part_of_the_plan() -> None:
    target = FakeTarget()
    cycle(target, desired("a", DROP), desired("b", DROP))
    plan = propose(
        target,
        [desired("a", ALLOW), desired("c", DROP)],
        owner=OWNER,
        guards=SYNC,
        now=NOW,
        selection=Selection((["mesh/a"],)),
    )
    assert plan.keys == (mesh("a"),)


def test_a12_a13_deleted_behind_our_back_five_times_it_comes_back_each_time() -> None:
    target = FakeTarget()
    uids = set()
    for _ in range(6):
        assert isinstance(only(cycle(target, desired("a", DROP))), Applied)
        uids.add(target.resources.pop(mesh("a")).uid)
    assert len(uids) == 6


def test_creates_of_a_round_do_not_grow_with_the_rounds() -> None:
    target = FakeTarget()
    creates = []
    for _ in range(200):
        assert isinstance(only(cycle(target, desired("a", DROP))), Applied)
        creates.append(sum(operation == "create" for operation, _ in target.calls))
        target.calls.clear()
        del target.resources[mesh("a")]
    assert creates == [1] + [2] * 199


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_a01_a02_a03_a_lost_reply_is_settled_by_reading(operation: str) -> None:
    target = FakeTarget()
    live = {"create": [], "update": [desired("a", DROP)], "delete": [desired("a", DROP)]}
    wanted = {"create": [desired("a", DROP)], "update": [desired("a", ALLOW)], "delete": []}
    cycle(target, desired("kept", DROP), *live[operation])
    target.after = failing(operation, UnavailableError("cut"))
    writes = len(target.writes)
    outcome = only(cycle(target, desired("kept", DROP), *wanted[operation]))
    assert isinstance(outcome, Applied)
    assert len(target.writes) == writes + 1


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_a04_a_lost_request_fails_and_the_next_cycle_repairs(operation: str) -> None:
    target = FakeTarget()
    live = {"create": [], "update": [desired("a", DROP)], "delete": [desired("a", DROP)]}
    wanted = {"create": [desired("a", DROP)], "update": [desired("a", ALLOW)], "delete": []}
    cycle(target, desired("kept", DROP), *live[operation])
    target.before = failing(operation, UnavailableError("cut"))
    outcome = only(cycle(target, desired("kept", DROP), *wanted[operation]))
    assert isinstance(outcome, Failed)
    assert "next run" in outcome.reason
    assert cycle(target, desired("kept", DROP), *wanted[operation]).converged


@pytest.mark.parametrize("effect", [True, False])
def test_a_silent_update_of_tags_is_settled_by_reading_the_tags(
    effect: bool,
) -> None:
    target = FakeTarget()
    cycle(target, desired("a", DROP))
    silence = failing("update", UnavailableError("cut"))
    target.before, target.after = (target.before, silence) if effect else (silence, target.after)
    outcome = only(cycle(target, desired("a", DROP, tags={"t": "1"})))
    assert isinstance(outcome, Applied if effect else Failed)


class StepwiseTarget(FakeTarget):
    """A target on which an update is several calls, each of which may fail: spec, untag, tag."""

    failing: Mapping[str, list[TargetError]]

    def _change(self, change: Update | Adopt) -> LiveResource:
        before = dict(self.resources[change.key].tags)
        dropped = before.keys() - change.tags.keys()
        kept = {name: value for name, value in before.items() if name not in dropped}
        steps = {
            "spec": replace(change, tags=before),
            "untag": replace(change, spec=None, tags=kept),
            "tag": replace(change, spec=None),
        }
        for name, step in steps.items():
            if self.failing.get(name):
                raise self.failing[name].pop()
            super()._change(step)
        return self.resources[change.key]


@pytest.mark.parametrize(
    ("failing", "done"),
    [
        ("spec", ()),
        ("untag", ("its spec was updated",)),
        ("tag", ("its spec was updated", "tags were removed (old)")),
    ],
)
def test_a_change_that_stops_midway_says_what_was_done(failing: str, done: tuple[str, ...]) -> None:
    target = StepwiseTarget()
    target.failing = {}
    cycle(target, desired("a", DROP, tags={"old": "1"}), desired("kept"))
    target.failing = {failing: [RejectedError("denied")] * 2}
    report = cycle(target, desired("a", ALLOW, tags={"new": "1"}), desired("kept"))
    outcome = only(report)
    assert isinstance(outcome, Failed)
    assert outcome.effects == done
    assert outcome.reason == (f"{', '.join(done)}, and then: denied" if done else "denied")
    assert exit_code(report) is (ExitCode.PARTIAL if done else ExitCode.ERROR)


@pytest.mark.parametrize("times", [1, 2])
def test_an_update_whose_tags_went_unanswered_is_finished(times: int) -> None:
    target = StepwiseTarget()
    target.failing = {}
    cycle(target, desired("a", DROP))
    target.failing = {"tag": [UnavailableError("cut")] * times}
    outcome = only(cycle(target, desired("a", ALLOW, tags={"new": "1"})))
    if times == 1:
        assert isinstance(outcome, Applied)
        assert target.resources[mesh("a")].tags["new"] == "1"
    else:
        assert outcome == Failed(
            outcome.change, "its spec was updated, and then: cut", ("its spec was updated",)
        )
    assert target.resources[mesh("a")].version == 2


def test_a_silent_create_that_somebody_else_made_is_stale() -> None:
    target = FakeTarget()

    def hook(operation: str, key: Key) -> None:
        if operation == "create":
            target.by_hand(key, DROP, {OWNER_TAG: "somebody"})
            raise UnavailableError("cut")

    target.before = hook
    outcome = only(cycle(target, desired("a", DROP)))
    assert isinstance(outcome, Stale)
    assert "somebody" in outcome.reason


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_what_the_target_refuses_has_failed_with_its_words(operation: str) -> None:
    target = FakeTarget()
    live = {"create": [], "update": [desired("a", DROP)], "delete": [desired("a", DROP)]}
    wanted = {"create": [desired("a", DROP)], "update": [desired("a", ALLOW)], "delete": []}
    cycle(target, desired("kept", DROP), *live[operation])
    target.before = failing(operation, RejectedError("a quota is used up"), times=2)
    outcome = only(cycle(target, desired("kept", DROP), *wanted[operation]))
    assert outcome == Failed(outcome.change, "a quota is used up")


class RememberingTarget(FakeTarget):
    """A service that keeps a refusal with the token of its request, as it keeps a success."""

    refused: set[str | None]

    def apply(self, change: Change, token: str | None) -> ResourceVersion:
        if token in self.refused:
            error = RejectedError("a quota is used up")
            error.request_id = str(len(self.calls))
            self.calls.append(("refused", str(change.key)))
            raise error
        return super().apply(change, token)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_a_refusal_that_is_kept_with_its_token_is_asked_again_with_another(operation: str) -> None:
    target = RememberingTarget()
    target.refused = set()
    if operation == "update":
        cycle(target, desired("a", DROP))
    (change,) = proposal(target, desired("a", ALLOW)).changes
    assert isinstance(change, Create | Update)
    target.refused = {client_token(change)}
    assert isinstance(only(cycle(target, desired("a", ALLOW))), Applied)
    assert target.resources[mesh("a")].spec == ALLOW


def test_one_failure_does_not_stop_the_others() -> None:
    target = FakeTarget()
    target.before = failing("create", ThrottledError("no"))
    report = cycle(target, *(desired(name, DROP) for name in "abc"))
    assert [type(outcome) for outcome in report.outcomes] == [Failed, Applied, Applied]


@pytest.mark.parametrize("operation", ["update", "tag", "delete"])
def test_a30_a_conflict_on_what_exists_has_failed(operation: str) -> None:
    target = FakeTarget()
    cycle(target, desired("kept", DROP), desired("a", DROP))
    target.before = failing("update", ConflictError("used"), times=2)
    if operation == "delete":
        target.before = failing("delete", ConflictError("used"))
        outcome = only(cycle(target, desired("kept", DROP)))
    else:
        desired_resource = (
            desired("a", ALLOW) if operation == "update" else desired("a", tags={"t": "1"})
        )
        outcome = only(cycle(target, desired("kept", DROP), desired_resource))
    assert outcome == Failed(outcome.change, "used")


def taken_meanwhile(spec: dict[str, object], owner: str) -> tuple[FakeTarget, Hook]:
    target = FakeTarget()
    tags = {OWNER_TAG: owner}
    return target, meanwhile("create", lambda: target.by_hand(mesh("a"), dict(spec), tags))  # type: ignore[arg-type]  # any JSON will do


def test_a15_a_name_taken_meanwhile_by_another_owner_is_not_touched() -> None:
    target, take = taken_meanwhile({}, "somebody")
    target.before = take
    outcome = only(cycle(target, desired("a", DROP)))
    assert isinstance(outcome, Stale)
    assert target.resources[mesh("a")].version == 1


def test_a15_a_name_taken_meanwhile_by_ourselves_is_updated_by_the_next_cycle() -> None:
    target, take = taken_meanwhile({"egressFilter": {"type": "ALLOW_ALL"}}, OWNER)
    target.before = take
    assert isinstance(only(cycle(target, desired("a", DROP))), Stale)
    assert cycle(target, desired("a", DROP)).converged
    assert target.resources[mesh("a")].spec == DROP


def test_a15_a_conflict_over_an_equal_mesh_of_ours_is_a_lost_reply() -> None:
    target = FakeTarget()
    (change,) = proposal(target, desired("a", DROP)).changes
    assert isinstance(change, Create)
    target.before = meanwhile("create", lambda: target.by_hand(change.key, DROP, change.tags))
    assert isinstance(only(cycle(target, desired("a", DROP))), Applied)


def test_a14_no_token_is_sent_twice_where_tokens_are_refused() -> None:
    tokens: list[str | None] = []

    class Refusing(FakeTarget):
        def apply(self, change: Change, token: str | None) -> ResourceVersion:
            del change
            tokens.append(token)
            error = ConflictError("the token was used otherwise")
            error.request_id = str(len(tokens))
            raise error

    outcome = only(cycle(Refusing(), desired("a", DROP)))
    assert outcome == Failed(outcome.change, "the token was used otherwise")
    assert len(set(tokens)) == len(tokens) == 2


def test_a12_a_token_spent_on_a_mesh_that_is_gone_is_followed_by_another() -> None:
    target = FakeTarget()
    target.before = failing("create", ConflictError("spent"))
    assert isinstance(only(cycle(target, desired("a", DROP))), Applied)


def test_a_name_that_shows_after_the_second_refusal_is_judged() -> None:
    target = FakeTarget()
    target.before = failing("create", ConflictError("taken"), times=2)
    show = target.before

    def hook(operation: str, key: Key) -> None:
        if operation == "create" and len(target.writes) == 2:
            target.by_hand(key, DROP, {OWNER_TAG: "somebody"})
        show(operation, key)

    target.before = hook
    assert isinstance(only(cycle(target, desired("a", DROP))), Stale)


def test_an_update_that_met_another_one_says_so() -> None:
    target = FakeTarget()
    cycle(target, desired("a", DROP))
    live = target.resources[mesh("a")]
    swap = replace(live, uid="another")
    target.before = meanwhile("update", lambda: target.resources.update({mesh("a"): swap}))
    outcome = only(cycle(target, desired("a", ALLOW)))
    assert isinstance(outcome, Stale)
    assert "made on the replacement" in outcome.reason


def test_a_conflict_that_cannot_be_looked_into_has_failed() -> None:
    target, take = taken_meanwhile({}, OWNER)

    def hook(operation: str, key: Key) -> None:
        take(operation, key)
        if operation == "look":
            raise UnavailableError("no answer")

    target.before = hook
    outcome = only(cycle(target, desired("a", DROP)))
    assert isinstance(outcome, Failed)
    assert "no answer" in outcome.reason


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"version": 9}, "version"),
        ({"uid": "another"}, "replaced"),
        ({"tags": {OWNER_TAG: "somebody"}}, "somebody"),
        ({"tags": {}}, "unowned"),
        (None, "deleted"),
    ],
)
@pytest.mark.parametrize("wanted", ["update", "delete"])
def test_a40_s13_what_moved_since_the_plan_is_not_overwritten(
    change: dict[str, object] | None, word: str, wanted: str
) -> None:
    target = FakeTarget()
    cycle(target, desired("kept", DROP), desired("a", DROP))

    def move() -> None:
        live = target.resources.pop(mesh("a"))
        if change is not None:
            target.resources[mesh("a")] = replace(live, **change)  # type: ignore[arg-type]  # a table of fields

    target.before = meanwhile("look", move)
    before = len(target.writes)
    wants = [desired("a", ALLOW)] if wanted == "update" else []
    outcome = only(cycle(target, desired("kept", DROP), *wants))
    assert len(target.writes) == before
    if change is None and wanted == "delete":
        assert isinstance(outcome, Applied)
    else:
        assert isinstance(outcome, Stale)
        assert word in outcome.reason


def test_a_delete_of_what_went_in_that_moment_is_done() -> None:
    target = FakeTarget()
    cycle(target, desired("kept", DROP), desired("a", DROP))
    target.before = meanwhile("delete", lambda: target.resources.pop(mesh("a")))
    outcome = only(cycle(target, desired("kept", DROP)))
    assert isinstance(outcome, Applied)


def test_an_update_of_what_went_in_that_moment_is_stale() -> None:
    target = FakeTarget()
    cycle(target, desired("a", DROP))
    target.before = meanwhile("update", target.resources.clear)
    assert isinstance(only(cycle(target, desired("a", ALLOW))), Stale)


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_write_that_finds_nothing_proves_no_absence(operation: str) -> None:
    target = FakeTarget()
    cycle(target, desired("kept", DROP), desired("a", DROP))
    target.before = failing(operation, NotFoundError("not found"), times=2)
    wants = [desired("a", ALLOW)] if operation == "update" else []
    outcome = only(cycle(target, desired("kept", DROP), *wants))
    assert outcome == Failed(outcome.change, "not found")


def test_a_create_whose_parent_is_not_there_has_failed() -> None:
    target = FakeTarget()
    target.before = failing("create", NotFoundError("no mesh"), times=2)
    outcome = only(cycle(target, desired("a", DROP)))
    assert outcome == Failed(outcome.change, "no mesh")


def test_s09_what_was_protected_since_the_plan_is_not_deleted() -> None:
    target = FakeTarget()
    cycle(target, desired("kept", DROP), desired("a", DROP))
    plan = proposal(target, desired("kept", DROP))
    live = target.resources[mesh("a")]
    target.resources[mesh("a")] = replace(live, tags={**live.tags, "by": "hand"})
    outcome = only(apply(plan, target, conduct()))
    assert isinstance(outcome, Stale)
    assert mesh("a") in target.resources


def test_a_look_that_fails_before_the_write_tries_nothing() -> None:
    target = FakeTarget()
    cycle(target, desired("a", DROP))
    target.before = failing("look", UnavailableError("500"))
    outcome = only(cycle(target, desired("a", ALLOW)))
    assert isinstance(outcome, Failed)
    assert "not tried" in outcome.reason
    assert ("update", "mesh/a") not in target.calls


@pytest.mark.parametrize(
    ("error", "kind"),
    [(RejectedError("a quota"), Failed), (UnavailableError("cut"), Failed)],
)
def test_a_create_sent_again_that_fails_is_told_as_it_is(
    error: TargetError, kind: type[Outcome]
) -> None:
    target = FakeTarget()
    cycle(target, desired("a", DROP))
    del target.resources[mesh("a")]
    plan = proposal(target, desired("a", DROP))
    heard: list[str] = []

    def hook(operation: str, key: Key) -> None:
        del key
        if operation == "create":
            heard.append(operation)
            if len(heard) == 2:
                raise error

    target.before = hook
    outcome = only(apply(plan, target, conduct()))
    assert isinstance(outcome, kind)
    assert "its result could not be read" not in outcome.reason  # type: ignore[union-attr]  # a failure says why


def test_a41_tags_that_did_not_arrive_are_no_success() -> None:
    class Deaf(FakeTarget):
        def _change(self, change: Update | Adopt) -> LiveResource:
            return self.resources[change.key]

    target = Deaf()
    target.by_hand(mesh("a"), DROP)
    report = apply(proposal(target, desired("a", DROP, adopt=True)), target, conduct())
    assert not isinstance(only(report), Applied)


class LaggingTarget(FakeTarget):
    """Reads that show what was there some looks ago, as App Mesh's own did after a create."""

    lag = 0
    shown: dict[Key, LiveResource]

    def read(self, key: Key) -> LiveResource | None:
        now = super().read(key)
        if self.lag > 0:
            self.lag -= 1
            return self.shown.get(key)
        return now

    def list_versions(self, keys: Collection[Key]) -> Mapping[Key, ResourceVersion]:
        del keys  # a list lags longest of all
        return {}


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_a26_a_create_that_does_not_show_yet_is_waited_for(lag: int) -> None:
    target = LaggingTarget()
    target.shown = {}
    target.lag = lag
    pauses: list[float] = []
    report = apply(proposal(target, desired("a", DROP)), target, conduct(pauses))
    assert isinstance(only(report), Applied)
    assert pauses == [0.5, 1.0, 2.0, 4.0][: lag - 1]
    assert target.resources[mesh("a")].version == 1


def test_a27_an_update_that_does_not_show_yet_is_waited_for() -> None:
    target = LaggingTarget()
    cycle(target, desired("a", DROP))
    target.shown = dict(target.resources)
    plan = proposal(target, desired("a", ALLOW))
    target.before = meanwhile("update", lambda: setattr(target, "lag", 2))
    pauses: list[float] = []
    assert isinstance(only(apply(plan, target, conduct(pauses))), Applied)
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize(("lag", "kind"), [(2, Applied), (99, Stale)])
def test_tags_that_do_not_show_yet_are_waited_for(lag: int, kind: type[Outcome]) -> None:
    target = LaggingTarget()
    cycle(target, desired("a", DROP))
    target.shown = dict(target.resources)
    plan = proposal(target, desired("a", DROP, tags={"new": "1"}))
    target.before = meanwhile("update", lambda: setattr(target, "lag", lag))
    pauses: list[float] = []
    assert isinstance(only(apply(plan, target, conduct(pauses))), kind)
    assert sum(pauses) < 20


def test_a_delete_that_does_not_show_yet_is_waited_for() -> None:
    target = LaggingTarget()
    cycle(target, desired("kept", DROP), desired("a", DROP))
    target.shown = dict(target.resources)
    plan = proposal(target, desired("kept", DROP))
    target.before = meanwhile("delete", lambda: setattr(target, "lag", 1))
    pauses: list[float] = []
    assert isinstance(only(apply(plan, target, conduct(pauses))), Applied)
    assert pauses == [0.5]


def test_patience_ends() -> None:
    target = LaggingTarget()
    target.shown = {}
    target.lag = 99
    pauses: list[float] = []
    outcome = only(apply(proposal(target, desired("a", DROP)), target, conduct(pauses)))
    assert isinstance(outcome, Failed)
    assert "is not visible" in outcome.reason
    assert 10 <= sum(pauses) < 20


def test_a_list_that_fails_after_the_writes_fails_no_write() -> None:
    target = FakeTarget()
    plan = proposal(target, desired("a", DROP), desired("b", DROP))
    target.before = failing("list", UnavailableError("500"))
    report = apply(plan, target, conduct())
    assert [type(outcome) for outcome in report.outcomes] == [Applied, Applied]


def test_what_cannot_be_read_back_has_failed() -> None:
    target = FakeTarget()
    plan = proposal(target, desired("a", DROP))

    def hook(operation: str, key: Key) -> None:
        del key
        if operation in ("list", "look"):
            raise UnavailableError("500")

    target.before = hook
    outcome = only(apply(plan, target, conduct()))
    assert isinstance(outcome, Failed)
    assert "could not be read" in outcome.reason


def test_p02_once_stopped_nothing_new_is_begun() -> None:
    target = FakeTarget()
    stop = Event()
    plan = proposal(target, *(desired(name, DROP) for name in "abc"))
    target.after = meanwhile("create", stop.set)
    report = apply(plan, target, replace(conduct(), should_stop=stop.is_set))
    assert [type(outcome) for outcome in report.outcomes] == [Applied, Skipped, Skipped]


def test_a_stop_ends_the_waiting_too() -> None:
    target = LaggingTarget()
    target.shown = {}
    target.lag = 99
    stop = Event()
    plan = proposal(target, desired("a", DROP))
    patient = replace(conduct(), should_stop=stop.is_set, sleep=lambda _: stop.set())
    assert isinstance(only(apply(plan, target, patient)), Failed)


def test_a22_a_list_that_fails_before_the_plan_fails_the_cycle() -> None:
    target = FakeTarget()
    target.before = failing("list", UnavailableError("page 2"))
    with pytest.raises(UnavailableError):
        proposal(target, desired("a", DROP))


def test_c7_a_read_that_fails_never_leads_to_a_delete() -> None:
    target = FakeTarget()
    cycle(target, desired("kept", DROP), desired("a", DROP), desired("b", DROP))
    target.before = failing("describe", UnavailableError("500"))
    plan = proposal(target, desired("kept", ALLOW))
    assert [type(change).__name__ for change in plan.changes] in ([], ["Update"])


def test_a_bug_is_not_taken_for_a_failure_of_the_target() -> None:
    target = FakeTarget()

    def hook(operation: str, key: Key) -> None:
        del key
        if operation == "create":
            raise ZeroDivisionError

    target.before = hook
    with pytest.raises(ZeroDivisionError):
        cycle(target, desired("a", DROP))


def test_adoption_is_re_checked_too() -> None:
    target = FakeTarget()
    target.by_hand(mesh("a"), DROP)
    plan = proposal(target, desired("a", DROP, adopt=True))
    target.resources[mesh("a")] = present("a", DROP, owner="somebody", uid="uid-1")
    outcome = only(apply(plan, target, conduct()))
    assert isinstance(outcome, Stale)


def many(number: int, kind: str) -> list[Desired]:
    return [desired(f"m{count:03}", egress(kind)) for count in range(number)]


@pytest.mark.unmeasured
def test_c9_many_updates_are_re_checked_by_lists_and_each_deletion_by_a_look() -> None:
    target = FakeTarget()
    cycle(target, *many(250, "DROP_ALL"), desired("gone", DROP))
    plan = proposal(target, *many(250, "ALLOW_ALL"))
    target.calls.clear()
    report = apply(plan, target, conduct())
    assert {type(outcome) for outcome in report.outcomes} == {Applied}
    reads = [call for call, _ in target.calls if call not in ("update", "delete")]
    # A bulk read after one delete would take more calls than a look.
    assert reads == [*["tags", "list"] * 4, "look", "look"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"version": 9}, "version"),
        ({"created_at": 0.0}, "place"),
        ({"tags": {OWNER_TAG: "somebody"}}, "somebody"),
        (None, "deleted"),
    ],
)
def test_what_moved_is_not_overwritten_among_many_either(
    change: dict[str, object] | None, word: str
) -> None:
    target = FakeTarget()
    cycle(target, *many(30, "DROP_ALL"))
    plan = proposal(target, *many(30, "ALLOW_ALL"))
    live = target.resources.pop(mesh("m007"))
    if change is not None:
        target.resources[mesh("m007")] = replace(live, **change)  # type: ignore[arg-type]  # a table of fields
    report = apply(plan, target, conduct())
    (stale,) = [outcome for outcome in report.outcomes if isinstance(outcome, Stale)]
    assert stale.change.key == mesh("m007")
    assert word in stale.reason
    assert sum(isinstance(outcome, Applied) for outcome in report.outcomes) == 29


@pytest.mark.parametrize("broken", ["tags", "list"])
def test_where_no_glance_can_be_had_each_is_looked_at(broken: str) -> None:
    target = FakeTarget()
    cycle(target, *many(30, "DROP_ALL"))
    plan = proposal(target, *many(30, "ALLOW_ALL"))
    target.calls.clear()
    target.before = failing(broken, UnavailableError("500"))
    report = apply(plan, target, conduct())
    assert {type(outcome) for outcome in report.outcomes} == {Applied}
    assert sum(call == "look" for call, _ in target.calls) == 30


def test_a_target_without_an_index_of_tags_has_each_looked_at() -> None:
    class Plain(FakeTarget):
        def tags(self) -> None:
            return None

    target = Plain()
    cycle(target, *many(30, "DROP_ALL"))
    assert cycle(target, *many(30, "ALLOW_ALL")).converged


class Lagging(FakeTarget):
    """Its index of tags still shows the tag ``team`` as it was long ago."""

    def read_all(
        self, asked: Collection[Key], owner: str, attested_spec: Attests | None = None
    ) -> LiveState:
        del attested_spec
        world = super().read_all(asked, owner)
        seen = {
            key: replace(live, tags={**live.tags, "team": "old"})
            for key, live in world.resources.items()
            if isinstance(live, LiveResource)
        }
        return LiveState(seen, world.unlisted, frozenset(seen))


def test_a_plan_does_not_rest_on_tags_that_may_be_old() -> None:
    target = Lagging()
    cycle(target, desired("a", DROP, tags={"team": "new"}))
    assert proposal(target, desired("a", DROP, tags={"team": "new"})).changes == ()
    (change,) = proposal(target, desired("a", ALLOW, tags={"team": "new"})).changes
    assert isinstance(change, Update)
    assert change.cause is Cause.MANIFEST
    assert change.before.tags["team"] == "new"


def test_many_changes_that_may_rest_on_old_tags_are_not_read_one_by_one() -> None:
    target = Lagging()
    number = limits.MAX_INDIVIDUAL_RECHECKS + 1
    wants = [desired(f"m{count}", DROP, tags={"team": "new"}) for count in range(number)]
    cycle(target, *wants)
    target.calls.clear()
    assert len(proposal(target, *wants).changes) == number
    assert all(call != "look" for call, _ in target.calls)


def settled(*wants: Desired) -> FakeTarget:
    """Return a target in sync, of which no call is counted."""
    target = FakeTarget()
    assert cycle(target, *wants).converged
    target.calls.clear()
    return target


def unmark(target: FakeTarget, *names: str) -> None:
    """Take the versions out of the records, as a release before them wrote these."""
    for name in names:
        live = target.resources[mesh(name)]
        target.resources[mesh(name)] = replace(live, tags=unattested(live.tags))


def reads(target: FakeTarget) -> list[tuple[str, str]]:
    return [call for call in target.calls if call[0] in ("describe", "look")]


def test_what_its_record_attests_is_not_described() -> None:
    wants = [desired("a", DROP), desired("b", ALLOW)]
    target = settled(*wants)
    plan = proposal(target, *wants)
    assert (plan.unchanged, plan.changes, plan.renewals) == ((mesh("a"), mesh("b")), (), ())
    assert target.calls == [("list", "mesh/*")]


def test_a_refresh_describes_all() -> None:
    target = settled(desired("a", DROP))
    plan = propose(target, [desired("a", DROP)], owner=OWNER, guards=SYNC, now=NOW, refresh=True)
    assert (plan.changes, reads(target)) == ((), [("describe", "mesh/a")])


def test_only_what_differs_is_described_beside_attested_ones() -> None:
    target = settled(desired("a", DROP), desired("b", DROP))
    plan = proposal(target, desired("a", DROP), desired("b", ALLOW))
    assert [change.key for change in plan.changes] == [mesh("b")]
    assert reads(target) == [("describe", "mesh/b")]


def test_a_spec_that_is_not_managed_is_read_if_anything_changes() -> None:
    part = desired("part", managed=False)
    target = settled(part, desired("b", DROP))
    assert reads(target) == []
    proposal(target, part, desired("b", DROP))
    assert reads(target) == []
    proposal(target, part, desired("b", ALLOW))
    assert reads(target) == [("describe", "mesh/b"), ("look", "mesh/part")]


def test_records_are_renewed_once_and_without_the_spec() -> None:
    wants = [desired(name, DROP, tags={"team": "pay"}) for name in "abc"]
    target = settled(*wants)
    unmark(target, "a", "c")
    report = cycle(target, *wants)
    assert (report.outcomes, report.renewed, exit_code(report)) == ((), 2, ExitCode.OK)
    assert [key for _, key in target.writes] == ["mesh/a", "mesh/c"]
    assert {live.version for live in target.resources.values()} == {1}
    target.calls.clear()
    again = cycle(target, *wants)
    assert (again.renewed, target.calls) == (0, [("list", "mesh/*")])


def test_renewals_of_one_run_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RENEWALS", 2)
    wants = [desired(name, DROP) for name in "abc"]
    target = settled(*wants)
    unmark(target, *"abc")
    assert [cycle(target, *wants).renewed for _ in range(3)] == [2, 1, 0]


def test_a_renewal_that_fails_or_comes_too_late_fails_no_run() -> None:
    wants = [desired("a", DROP), desired("b", DROP)]
    target = settled(*wants)
    unmark(target, *"ab")
    plan = proposal(target, *wants)
    target.resources[mesh("b")] = replace(target.resources[mesh("b")], spec=ALLOW, version=2)
    # A rejected write is sent once more with another token.
    target.before = failing("update", RejectedError("403"), times=2)
    report = apply(plan, target, conduct())
    assert (report.renewed, exit_code(report)) == (0, ExitCode.OK)
    assert target.resources[mesh("b")].spec == ALLOW


def test_a_renewal_that_fails_ends_the_renewals_of_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "RECHECK_BATCH", 1)
    wants = [desired(name, DROP) for name in "abc"]
    target = settled(*wants)
    unmark(target, *"abc")
    target.before = failing("update", UnavailableError("500"), times=2)
    assert cycle(target, *wants).renewed == 0
    assert target.writes == [("update", "mesh/a")]


def test_a_resource_with_ignored_fields_is_described_in_each_run() -> None:
    # The digest of the record is the same without `ignore`.
    want = desired("a", {}, ignore=("/egressFilter",))
    target = settled(want)
    target.resources[mesh("a")] = replace(target.resources[mesh("a")], spec=ALLOW, version=3)
    assert cycle(target, want).outcomes == ()
    (change,) = proposal(target, desired("a", {})).changes
    assert isinstance(change, Update)


def test_an_interrupted_run_renews_nothing() -> None:
    target = settled(desired("a", DROP))
    unmark(target, "a")
    stopped = replace(conduct(), should_stop=lambda: True)
    assert apply(proposal(target, desired("a", DROP)), target, stopped).renewed == 0
    assert target.writes == []


@pytest.mark.parametrize("gone", [True, False])
def test_a28_what_was_listed_and_cannot_be_looked_at_is_unreadable(gone: bool) -> None:
    target = Lagging()
    cycle(target, desired("a", DROP, tags={"team": "new"}))
    if gone:
        target.before = meanwhile("look", target.resources.clear)
    else:
        target.before = failing("look", UnavailableError("500"))
    plan = proposal(target, desired("a", DROP, tags={"team": "new"}))
    (withheld,) = plan.withheld
    assert (plan.changes, withheld.reason_code) == ((), ReasonCode.UNREADABLE)
    assert ("then not found" if gone else "500") in withheld.reason


def test_with_fail_fast_nothing_is_begun_after_a_failure() -> None:
    target = FakeTarget()
    plan = proposal(target, *(desired(name, DROP) for name in "abc"))
    target.before = failing("create", ThrottledError("no"))
    course = replace(conduct(), workers=1, fail_fast=True)
    report = apply(plan, target, course)
    assert [type(outcome) for outcome in report.outcomes] == [Failed, Skipped, Skipped]
    assert "--fail-fast" in report.outcomes[1].reason  # type: ignore[union-attr]  # it was skipped
    assert [call for call, _ in target.calls].count("create") == 1


def test_without_it_the_others_go_on() -> None:
    target = FakeTarget()
    plan = proposal(target, *(desired(name, DROP) for name in "abc"))
    target.before = failing("create", ThrottledError("no"))
    report = apply(plan, target, replace(conduct(), workers=1))
    assert [type(outcome) for outcome in report.outcomes] == [Failed, Applied, Applied]


def given_up(target: FakeTarget) -> Plan:
    return plan_release(target.id, OWNER, list(target.resources.values()), Policy.UPSERT_ONLY)


def test_a_release_takes_our_tags_off_and_deletes_nothing() -> None:
    target = FakeTarget()
    cycle(target, desired("a", DROP, tags={"team": "pay"}))
    report = apply(given_up(target), target, conduct())
    assert isinstance(only(report), Applied)
    live = target.resources[mesh("a")]
    assert (live.spec, live.tags, live.version) == (DROP, {"team": "pay"}, 1)


def test_a_release_whose_answer_is_lost_is_done_only_where_the_mark_is_gone() -> None:
    lost = UnavailableError("no answer")
    for done in (False, True):
        target = FakeTarget()
        cycle(target, desired("a"))
        plan = given_up(target)
        if done:
            target.after = failing("update", lost)
        else:
            target.before = failing("update", lost)
        outcome = only(apply(plan, target, conduct()))
        assert isinstance(outcome, Applied if done else Failed)
        assert (target.resources[mesh("a")].owner is None) is done


def test_a_release_is_not_believed_because_the_index_of_tags_is_silent() -> None:
    target = FakeTarget()
    cycle(target, desired("a"))
    plan = given_up(target)

    def marked_again() -> None:
        live = target.resources[mesh("a")]
        target.resources[mesh("a")] = replace(live, tags={OWNER_TAG: "another"})

    target.before = meanwhile("tags", marked_again)
    outcome = only(apply(plan, target, conduct()))
    assert isinstance(outcome, Stale)
    assert "owned by another" in outcome.reason
