"""The applied tag: fits where it must, and claims nothing that is not ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.planning.last_applied import last_applied_for, parse_last_applied, user_tags
from reconciler.core.resources import APPLIED_TAG, OWNER_TAG

keys = st.sets(st.text(min_size=1, max_size=128), max_size=48)


@given(keys, st.booleans())
def test_a_mark_survives_its_tag_and_fits_it(tag_keys: set[str], protect: bool) -> None:
    mark = last_applied_for({"a": 1}, tag_keys, protect=protect)
    assert len(str(mark)) <= 256
    assert parse_last_applied({APPLIED_TAG: str(mark)}) == mark
    assert all(mark.manages_tag(key) for key in tag_keys)


def test_a_full_mark_uses_the_whole_value() -> None:
    mark = last_applied_for({}, [f"key-{number}" for number in range(48)], protect=True)
    assert len(str(mark)) == 256


def test_a_mark_claims_no_key_of_others() -> None:
    mark = last_applied_for({}, ["team", "tier"], protect=False)
    assert not any(mark.manages_tag(f"other-{number}") for number in range(1_000))


@pytest.mark.parametrize(
    "value",
    ["", "1", "1.x", "2.abcdefghijkl.", "1.abcdefghijkl.abc", "1.abcdefghijkl..q", "hand made"],
)
def test_what_is_not_ours_is_no_mark(value: str) -> None:
    assert parse_last_applied({APPLIED_TAG: value}) is None


def test_without_its_tag_there_is_no_mark() -> None:
    assert parse_last_applied({}) is None


def test_an_unmanaged_spec_has_a_mark_of_its_own() -> None:
    assert last_applied_for(None, [], protect=False) != last_applied_for({}, [], protect=False)
    assert str(last_applied_for(None, [], protect=False)) == "1.-.@2@0"


def test_the_users_tags_are_all_but_ours() -> None:
    assert user_tags({OWNER_TAG: "x", APPLIED_TAG: "y", "team": "z"}) == {"team": "z"}
