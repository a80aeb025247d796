"""Patches that apply, in an order that holds, and fields that a person can read."""

import copy
import subprocess
import sys

import jsonpatch
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.diff import (
    MISSING,
    FieldChange,
    field_changes,
    join_pointer,
    overlay,
    split_pointer,
    value_at,
)
from reconciler.core.json_patch import patch
from reconciler.core.resources import Json, Spec

scalars = st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b/c", "~"])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b/c", "~d", "e"]), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(["a", "b/c", "~d", "e"]), values, max_size=4)


@pytest.mark.unmeasured
@given(objects, objects)
@example({"a": [1]}, {"b": [1]})  # a move
def test_a_patch_leads_from_one_side_to_the_other(before: Spec, after: Spec) -> None:
    kept = copy.deepcopy(before)
    operations = patch(before, after)
    assert jsonpatch.apply_patch(before, operations) == after
    assert before == kept
    assert {operation["op"] for operation in operations} <= {"add", "remove", "replace"}


@given(objects, objects)
def test_fields_differ_exactly_where_a_patch_is_needed(before: Spec, after: Spec) -> None:
    assert bool(field_changes(before, after)) == bool(patch(before, after))


@pytest.mark.unmeasured
@given(objects, objects)
def test_a_patch_does_not_depend_on_the_order_of_members(before: Spec, after: Spec) -> None:
    backwards = [dict(reversed(side.items())) for side in (before, after)]
    assert patch(*backwards) == patch(before, after)


@pytest.mark.process
def test_a_patch_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from reconciler.core.json_patch import patch;"
        "print(patch({'a': 1, 'b': {'x': [1]}, 'c': 3, 'd': 4}, {'b': {'y': [1]}, 'e': 3, 'f': 1}))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert len(seen) == 1


def test_fields_are_leaves_with_both_sides() -> None:
    before: Json = {"spec": {"egressFilter": {"type": "DROP_ALL"}, "list": [1, 2]}, "gone": {}}
    after: Json = {
        "spec": {"egressFilter": {"type": "ALLOW_ALL"}, "list": [1, 3, 4]},
        "n": {"a": 1},
    }
    assert field_changes(before, after) == (
        FieldChange("/gone", {}, MISSING),
        FieldChange("/n/a", MISSING, 1),
        FieldChange("/spec/egressFilter/type", "DROP_ALL", "ALLOW_ALL"),
        FieldChange("/spec/list/1", 2, 3),
        FieldChange("/spec/list/2", MISSING, 4),
    )


def test_what_goes_away_shows_its_leaves() -> None:
    assert field_changes({"a": {"b": 1}}, {}) == (FieldChange("/a/b", 1, MISSING),)
    assert field_changes({"a": [1]}, {"a": []}) == (FieldChange("/a/0", 1, MISSING),)


def test_true_is_not_one() -> None:
    (change,) = field_changes({"a": True}, {"a": 1})
    assert change.before is True
    assert field_changes({"a": 1}, {"a": 1}) == ()


def test_an_overlay_keeps_what_the_source_has_at_each_pointer() -> None:
    base: Spec = {"a": {"b": 1, "c": 2}, "d": 3}
    source: Spec = {"a": {"b": 9}, "e": {"f": 8}}
    assert overlay(base, source, ["/a/b", "/a/c", "/d", "/e/f", "/x/y"]) == {
        "a": {"b": 9},
        "e": {"f": 8},
    }
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


def test_an_overlay_leaves_alone_what_is_no_object_on_the_way() -> None:
    assert overlay({"a": 1}, {"a": {"b": 2}}, ["/a/b"]) == {"a": 1}


def test_pointers_escape_what_they_must() -> None:
    assert join_pointer("/a", "b/c~d") == "/a/b~1c~0d"
    assert split_pointer("/a/b~1c~0d") == ["a", "b/c~d"]
    assert value_at({"a": {"b/c~d": 1}}, "/a/b~1c~0d") == 1
    assert value_at({"a": 1}, "/a/b") is MISSING


def target(name: str, weight: int, **more: Json) -> Json:
    return {"virtualNode": name, "weight": weight, **more}


def paths(before: list[Json], after: list[Json]) -> list[tuple[str, str, object, object]]:
    changes = field_changes({"t": before}, {"t": after})
    return [(it.pointer, it.path, it.before, it.after) for it in changes]


def test_items_of_a_list_are_compared_by_their_names() -> None:
    before, after = [target("v1", 100)], [target("v0", 20), target("v1", 80)]
    assert paths(before, after) == [
        ("/t/0/virtualNode", "t[v0].virtualNode", MISSING, "v0"),
        ("/t/0/weight", "t[v0].weight", MISSING, 20),
        ("/t/1/weight", "t[v1].weight", 100, 80),
    ]
    assert paths(after, before)[0] == ("/t/0/weight", "t[v1].weight", 80, 100)
    change = field_changes({"t": before}, {"t": after})[2]
    assert change.document["path"] == "t[v1].weight"
    assert change.stable_pointer == "/t/[v1]/weight"


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ([target("a", 1, port=80)], [target("a", 2, port=80)], "t[a:80].weight"),
        ([{"name": "x-a", "invert": False}], [{"name": "x-a", "invert": True}], "t[x-a].invert"),
        ([{"key": "k", "value": "1"}], [{"key": "k", "value": "2"}], "t[k].value"),
        ([{"portMapping": {"port": 9, "protocol": "tcp"}}],
         [{"portMapping": {"port": 9, "protocol": "http"}}], "t[9].portMapping.protocol"),
        ([{"virtualService": {"virtualServiceName": "a.b", "x": 1}}],
         [{"virtualService": {"virtualServiceName": "a.b", "x": 2}}], "t[a.b].virtualService.x"),
        (["a"], ["b"], "t.0"),
        ([{"a": 1}], [{"a": 2}], "t.0.a"),
        ([target("a", 1), target("a", 2)], [target("a", 1), target("a", 3)], "t.1.weight"),
    ],
)  # fmt: skip
def test_an_item_has_the_first_member_that_identifies_it_as_its_name(
    before: list[Json], after: list[Json], path: str
) -> None:
    assert [it[1] for it in paths(before, after)] == [path]


def test_another_order_alone_is_a_difference_too() -> None:
    one, other = target("a", 1), target("b", 1)
    assert [it[1] for it in paths([one, other], [other, one])] == [
        "t.0.virtualNode", "t.1.virtualNode",
    ]  # fmt: skip
    assert paths([one, other], [one, other]) == []
