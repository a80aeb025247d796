"""Identity, absence and the one spelling of JSON."""

import json

import pytest
from builders import mesh
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.resources import (
    Json,
    Key,
    Origin,
    canonical_json,
    digest,
    drop_empty,
)

plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def test_a_key_and_an_origin_read_as_users_write_them() -> None:
    assert str(mesh("payments")) == "mesh/payments"
    assert mesh("payments").name == "payments"
    assert str(Origin("a.yaml", 3, 7)) == "a.yaml:3:7"


@given(plain_json)
def test_canonical_json_says_the_same_value(value: Json) -> None:
    assert json.loads(canonical_json(value)) == value


def test_equal_objects_have_one_spelling_whatever_their_order() -> None:
    assert canonical_json({"b": 1, "a": [2, "é"]}) == '{"a":[2,"é"],"b":1}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert len(digest({})) == 43


@given(plain_json)
def test_dropping_empties_twice_drops_no_more(value: Json) -> None:
    assert drop_empty(drop_empty(value)) == drop_empty(value)


def test_empty_is_absent_and_zero_and_false_are_not() -> None:
    spec: Json = {"a": None, "b": [], "c": {"d": {}}, "e": 0, "f": False, "g": [{"h": None}]}
    assert drop_empty(spec) == {"e": 0, "f": False, "g": [{}]}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("route/pay/edge/v1", True),
        ("route/pay/*", True),
        ("*/v1", True),
        ("route/pay/edge", False),
        ("Route/pay/edge/v1", False),
        ("route/pay/edge/v[0-9]", True),
    ],
)
def test_a_key_matches_itself_and_globs(pattern: str, expected: bool) -> None:
    assert Key("route", ("pay", "edge", "v1")).matches(pattern) is expected


def test_a_key_that_looks_like_a_glob_still_matches_itself() -> None:
    assert Key("mesh", ("a[b]",)).matches("mesh/a[b]")


@pytest.mark.parametrize(
    "key",
    [
        Key("mesh", ("m",)),
        Key("route", ("m", "r", "x")),
        Key("virtual-node", ("m", "n"), "111122223333"),
        Key("mesh", ("m@home",)),
        Key("mesh", ("111122223333",)),
    ],
)
def test_a_key_is_read_as_it_is_written(key: Key) -> None:
    assert Key.parse(str(key)) == key
