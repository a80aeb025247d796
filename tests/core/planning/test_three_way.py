"""Base, head and live compared: what is due to the change, to others, and to both."""

import pytest
from builders import canonical, desired, egress, mesh, plan, present

from reconciler.core.diff import MISSING, FieldChange
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.three_way import FieldDiff, MergeConflict, ThreeWay, compare
from reconciler.core.resources import Desired, LiveResource, Spec

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
IPV4: Spec = {"serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}
EVERYTHING = GuardSettings(policy=Policy.SYNC, allow_empty=True)
TYPE = "/spec/egressFilter/type"


def three_way(base: list[Desired], head: list[Desired], *live: LiveResource) -> ThreeWay:
    return compare(base, head, plan(*head, *live, guards=EVERYTHING), canonical)


def moved(pointer: str, before: object, after: object) -> tuple[FieldDiff, ...]:
    return (FieldDiff(mesh("a"), (FieldChange(pointer, before, after),)),)  # type: ignore[arg-type]


def test_what_the_change_moves_is_its_own() -> None:
    base, head = desired("a", DROP), desired("a", ALLOW)
    assert three_way([base], [head], present("a", DROP, applied=base)) == ThreeWay(
        moved(TYPE, "DROP_ALL", "ALLOW_ALL"), (), ()
    )


def test_what_others_moved_is_taken_back() -> None:
    base = desired("a", {**DROP, **IPV4})
    assert three_way([base], [base], present("a", {**ALLOW, **IPV4}, applied=base)) == ThreeWay(
        (), moved(TYPE, "ALLOW_ALL", "DROP_ALL"), ()
    )


def test_what_both_moved_clashes() -> None:
    base, head = desired("a", DROP), desired("a", ALLOW)
    assert three_way([base], [head], present("a", {}, applied=base)) == ThreeWay(
        moved(TYPE, "DROP_ALL", "ALLOW_ALL"),
        (),
        (MergeConflict(mesh("a"), TYPE, "DROP_ALL", MISSING, "ALLOW_ALL"),),
    )


def test_what_both_moved_alike_needs_nothing() -> None:
    base, head = desired("a", DROP), desired("a", ALLOW)
    assert three_way([base], [head], present("a", ALLOW, applied=base)) == ThreeWay(
        moved(TYPE, "DROP_ALL", "ALLOW_ALL"), (), ()
    )


def test_a_part_of_what_was_moved_clashes_too() -> None:
    base, head = desired("a", {"x": {"y": 1}}), desired("a", {"x": 2})
    (clash,) = three_way([base], [head], present("a", {"x": {"y": 3}}, applied=base)).conflicts
    assert (clash.base, clash.live, clash.head) == ({"y": 1}, {"y": 3}, 2)


def test_an_item_by_name_clashes_with_one_by_index() -> None:
    # Two items of one name are compared by index.
    base = desired("a", {"x": [{"name": "n", "value": 1}, {"name": "n", "value": 2}]})
    head = desired("a", {"x": [{"name": "n", "value": 3}, {"name": "o", "value": 2}]})
    live: Spec = {"x": [{"name": "n", "value": 9}, {"name": "o", "value": 2}]}
    compared = three_way([base], [head], present("a", live, applied=base))
    assert compared.reverted == ()
    assert [(it.pointer, it.live, it.head) for it in compared.conflicts] == [
        ("/spec/x/[n]/value", 9, 3)
    ]


def test_a_new_manifest_is_the_changes_own_whatever_is_there() -> None:
    head = desired("a", ALLOW, adopt=True)
    for live in ([], [present("a", DROP, owner=None)]):
        compared = three_way([], [head], *live)
        (proposed,) = compared.proposed
        assert [field.pointer for field in proposed.fields] == [""]
        assert proposed.fields[0].before is MISSING
        assert (compared.reverted, compared.conflicts) == ((), ())


def test_what_was_deleted_comes_back() -> None:
    base = desired("a", DROP)
    compared = three_way([base], [base])
    assert (compared.proposed, compared.conflicts) == ((), ())
    assert [field.before for field in compared.reverted[0].fields] == [MISSING]


def test_a_manifest_that_goes_takes_the_resource_along() -> None:
    base = desired("a", DROP)
    compared = three_way([base], [], present("a", DROP, applied=base))
    assert [field.after for field in compared.proposed[0].fields] == [MISSING]
    assert (compared.reverted, compared.conflicts) == ((), ())
    drifted = three_way([base], [], present("a", ALLOW, applied=base))
    assert drifted.conflicts == (MergeConflict(mesh("a"), "/spec", DROP, ALLOW, MISSING),)


def test_what_no_manifest_asked_for_before_either_is_not_the_changes_doing() -> None:
    compared = three_way([], [], present("a", DROP, applied=desired("a", DROP)))
    assert compared.proposed == ()
    assert [field.after for field in compared.reverted[0].fields] == [MISSING]


@pytest.mark.parametrize(
    ("base", "head", "pointer"),
    [
        (desired("a", DROP), desired("a", managed=False), "/spec/egressFilter/type"),
        (desired("a"), desired("a", protect=True), "/protect"),
        (desired("a"), desired("a", tags={"t": "1"}), "/tags/t"),
    ],
)
def test_spec_tags_and_protection_count(base: Desired, head: Desired, pointer: str) -> None:
    (proposed,) = three_way([base], [head], present("a", base.spec, applied=base)).proposed
    assert [field.pointer for field in proposed.fields] == [pointer]


def test_what_is_ignored_and_what_has_no_verdict_does_not_count() -> None:
    base, head = (desired("a", spec, ignore=("/egressFilter",)) for spec in (DROP, ALLOW))
    assert three_way([base], [head], present("a", DROP, applied=base)).proposed == ()
    assert three_way([desired("b", DROP)], []) == ThreeWay((), (), ())
