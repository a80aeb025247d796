"""The guards over the plans of many targets."""

from dataclasses import replace
from fractions import Fraction

import pytest
from builders import SYNC, desired, egress, plan, present

from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.fleet_guards import FleetLimits, fleet_fingerprint, fleet_objection
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import fleet_exit_code

CREATE_ONLY = GuardSettings(policy=Policy.CREATE_ONLY)
DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


def created() -> Plan:
    return plan(desired("new"))


def updated() -> Plan:
    return plan(desired("a", ALLOW), present("a", DROP))


def deleted() -> Plan:
    return plan(present("gone"), desired("same"), present("same"), guards=SYNC)


def in_sync() -> Plan:
    return plan(desired("same"), present("same"))


def at(region: str, made: Plan) -> Plan:
    return replace(made, target=replace(made.target, name=region, region=region))


HALF = Fraction(1, 2)
CASES = {
    "no plan": ([], FleetLimits(0, HALF), ""),
    "creates are no risk": ([created()] * 3, FleetLimits(0, Fraction(0)), ""),
    "as many deletes as allowed": ([deleted()] * 2, FleetLimits(2), ""),
    "one delete too many": (
        [deleted(), deleted(), deleted(), created()],
        FleetLimits(2),
        (
            "3 deletes on 3 targets exceed --max-total-deletes 2, so apply changes nothing: pass"
            " --max-total-deletes 3"
        ),
    ),
    "updates without a limit": ([updated()] * 9, FleetLimits(0), ""),
    "exactly the share": ([updated(), updated(), created(), created()], FleetLimits(0, HALF), ""),
    "more than the share": (
        [updated(), updated(), created()],
        FleetLimits(0, HALF),
        (
            "2 of 3 targets have changes other than creates, which is more than --wide-share 50%,"
            " so apply changes nothing: pass --wide"
        ),
    ),
    "one target is never wide": ([updated()], FleetLimits(0, Fraction(0)), ""),
    "both": (
        [deleted(), updated()],
        FleetLimits(0, HALF),
        (
            "1 delete on 1 target exceeds --max-total-deletes 0 and 2 of 2 targets have changes"
            " other than creates, which is more than --wide-share 50%, so apply changes nothing:"
            " pass --max-total-deletes 1 --wide"
        ),
    ),
}


@pytest.mark.parametrize(("plans", "limits", "objection"), CASES.values(), ids=CASES)
def test_a_guard_over_all_targets_gives_its_reason(
    plans: list[Plan], limits: FleetLimits, objection: str
) -> None:
    assert fleet_objection(plans, limits) == objection


def test_the_fingerprint_is_of_the_plans_with_changes() -> None:
    fingerprint = fleet_fingerprint([updated(), in_sync()])
    assert (
        fingerprint == fleet_fingerprint([in_sync(), updated()]) == fleet_fingerprint([updated()])
    )
    assert fingerprint != fleet_fingerprint([created()])
    assert fleet_fingerprint([]) == fleet_fingerprint([in_sync()])


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ((), ExitCode.OK),
        ((ExitCode.OK, ExitCode.PENDING), ExitCode.PENDING),
        ((ExitCode.WITHHELD, ExitCode.LOCKED), ExitCode.LOCKED),
        ((ExitCode.STALE, ExitCode.PARTIAL, ExitCode.ERROR), ExitCode.ERROR),
        ((ExitCode.ERROR, ExitCode.MANIFESTS, ExitCode.USAGE), ExitCode.USAGE),
        ((ExitCode.USAGE, ExitCode.TERMINATED), ExitCode.TERMINATED),
    ],
)
def test_the_most_severe_code_of_all_targets_counts(
    codes: tuple[ExitCode, ...], code: ExitCode
) -> None:
    assert fleet_exit_code(codes) is code


def test_every_code_has_a_place_in_the_order() -> None:
    assert all(fleet_exit_code([code]) is code for code in ExitCode)


@pytest.mark.parametrize(
    "declares",
    [
        plan(desired("gone"), present("gone")),
        plan(desired("gone", ALLOW), present("gone", DROP)),
        plan(desired("gone")),
        plan(desired("gone", ALLOW), present("gone", DROP), guards=CREATE_ONLY),
    ],
    ids=["unchanged", "updated", "created", "withheld"],
)
def test_one_target_deletes_nothing_that_another_of_its_place_declares(declares: Plan) -> None:
    other = replace(declares, target=replace(declares.target, name="other"))
    for plans in ([deleted(), other], [other, deleted()]):
        assert fleet_objection(plans, FleetLimits(9)) == (
            f"{deleted().target.name} would delete mesh/gone, which other declares for the same"
            f" account and region with the same owner {declares.owner}, so apply changes nothing:"
            " give each of these targets its own owner"
        )
    assert fleet_objection([deleted(), at("elsewhere", declares)], FleetLimits(9)) == ""
    assert fleet_objection([deleted(), replace(other, owner="another")], FleetLimits(9)) == ""
