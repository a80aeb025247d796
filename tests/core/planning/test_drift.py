"""Drift is what nobody asked for in a manifest."""

from builders import NOW, desired, egress, mesh, plan, present

from reconciler.core.changes import Cause, ReasonCode
from reconciler.core.planning.drift import only_drift
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.report import plan_exit_code
from reconciler.core.resources import APPLIED_TAG, Suspension, Unlisted, Unreadable

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


def test_what_only_a_manifest_asks_for_is_no_drift() -> None:
    before = desired("edited", DROP)
    result = only_drift(
        plan(
            desired("new", DROP),
            desired("edited", ALLOW),
            present("edited", DROP, applied=before),
            desired("managed from now on", ALLOW),
            present("managed from now on", DROP, applied=desired("any", managed=False)),
            desired("wanted", adopt=True),
            present("wanted", owner=None),
            present("foreign", owner="another"),
            present("orphan"),
            desired("same", DROP),
            present("same", DROP, applied=desired("same", DROP)),
        )
    )
    assert (result.changes, result.withheld, result.unchanged) == ((), (), (mesh("same"),))
    assert plan_exit_code(result, detailed=True) == 0


def test_each_kind_of_drift_keeps_its_name() -> None:
    result = only_drift(
        plan(
            desired("drifted", DROP),
            present("drifted", ALLOW, applied=desired("drifted", DROP)),
            desired("both", DROP),
            present("both", ALLOW, applied=desired("both", {})),
            desired("unknown", DROP),
            present("unknown", ALLOW, tags={APPLIED_TAG: "lost"}),
        )
    )
    assert {change.key.name: change.cause for change in result.changes} == {
        "drifted": Cause.DRIFT,
        "both": Cause.BOTH,
        "unknown": Cause.UNKNOWN,
    }
    assert plan_exit_code(result, detailed=True) == 2


def test_what_is_suspended_is_drift_only_if_it_drifted() -> None:
    pause = Suspension(NOW.replace(year=2030), "load test")
    result = only_drift(
        plan(
            desired("drifted", DROP, suspend=pause),
            present("drifted", ALLOW, applied=desired("drifted", DROP)),
            desired("edited", ALLOW, suspend=pause),
            present("edited", DROP, applied=desired("edited", DROP)),
            desired("same", DROP, suspend=pause),
            present("same", DROP),
            desired("new", DROP, suspend=pause),
        )
    )
    assert [withheld.key.name for withheld in result.withheld] == ["drifted"]
    assert plan_exit_code(result, detailed=True) == 0


def test_what_could_not_be_listed_may_have_drifted() -> None:
    result = only_drift(plan(gaps=(Unlisted("virtual-node", mesh("m"), "403"),)))
    assert plan_exit_code(result, detailed=True) == 1


def test_what_cannot_be_compared_or_corrected_is_still_told_of() -> None:
    result = only_drift(
        plan(
            desired("drifted", DROP),
            present("drifted", ALLOW, applied=desired("drifted", DROP)),
            desired("edited", ALLOW),
            present("edited", DROP, applied=desired("edited", DROP)),
            desired("dark"),
            Unreadable(mesh("dark"), "no answer came"),
            desired("grown", DROP),
            present("grown", ALLOW, unknown=("/added",)),
            desired("unmarked"),
            present("unmarked", owner=None),
            guards=GuardSettings(Policy.OBSERVE),
        )
    )
    assert {withheld.key.name: withheld.reason_code for withheld in result.withheld} == {
        "drifted": ReasonCode.POLICY,
        "dark": ReasonCode.UNREADABLE,
        "grown": ReasonCode.UNKNOWN_FIELD,
        "unmarked": ReasonCode.FOREIGN,
    }
    assert plan_exit_code(result, detailed=True) == 1
