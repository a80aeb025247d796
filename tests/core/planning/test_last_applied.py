"""The applied tag: fits where it must, and claims nothing that is not ours."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.planning.last_applied import (
    PENDING,
    LastApplied,
    attest,
    creation_digest,
    last_applied_for,
    parse_last_applied,
    unattested,
    user_tags,
)
from reconciler.core.resources import APPLIED_TAG, OWNER_TAG

# The record holds a hash of each key, so that their length counts for nothing.
keys = st.sets(st.text(min_size=1, max_size=8), max_size=48)


@given(keys, st.booleans())
def test_a_mark_survives_its_tag_and_fits_it(tag_keys: set[str], protect: bool) -> None:
    mark = last_applied_for({"a": 1}, tag_keys, protect=protect)
    assert len(str(mark)) <= 256
    read = parse_last_applied({APPLIED_TAG: str(mark)})
    assert read in (mark, replace(mark, version=None))
    assert all(mark.manages_tag(key) for key in tag_keys)


def test_a_full_mark_uses_the_whole_value() -> None:
    mark = last_applied_for({}, [f"key-{number}" for number in range(48)], protect=True)
    assert len(str(mark)) == 256


@given(
    keys,
    st.booleans(),
    st.integers(1, 10**12),
    st.none() | st.floats(0, 4e9, allow_nan=False),
)
@example(
    tag_keys={f"key-{number}" for number in range(44)},
    protect=True,
    version=10**10 - 1,
    created_at=1.7e9,
)
@example(
    tag_keys={f"key-{number}" for number in range(48)}, protect=True, version=1, created_at=None
)
def test_an_attested_record_fits_the_tag_and_survives_it(
    tag_keys: set[str], protect: bool, version: int, created_at: float | None
) -> None:
    pending = last_applied_for({"a": 1}, tag_keys, protect=protect)
    tags = attest({APPLIED_TAG: str(pending)}, version, created_at)
    assert len(tags[APPLIED_TAG]) <= 256
    read = parse_last_applied(tags)
    whole = replace(pending, version=version, creation=creation_digest(created_at))
    assert read in (whole, replace(pending, version=None))
    assert parse_last_applied(unattested(tags)) == replace(pending, version=None)
    assert all(pending.manages_tag(key) for key in tag_keys)


@pytest.mark.parametrize(
    ("tag_keys", "version", "created_at", "has_room"),
    [
        (0, 10**10 - 1, 1.0, True),
        (44, 10**10 - 1, 1.0, True),
        (45, 10**6 - 1, 1.0, True),
        (45, 10**6, 1.0, False),
        (46, 9, 1.0, True),
        (46, 10, 1.0, False),
        (47, 1, None, True),
        (47, 2, 1.0, False),
        (48, 1, None, False),
    ],
)
def test_a_record_attests_as_far_as_its_tag_keys_leave_room(
    tag_keys: int, version: int, created_at: float | None, *, has_room: bool
) -> None:
    names = [f"key-{number}" for number in range(tag_keys)]
    pending = last_applied_for({}, names, protect=True)
    read = parse_last_applied(attest({APPLIED_TAG: str(pending)}, version, created_at))
    assert read is not None
    assert read.version == (version if has_room else None)
    assert all(map(read.manages_tag, names))


@pytest.mark.parametrize(
    ("entry", "version", "creation"),
    [
        ("@2@7", 7, ""),
        ("@2@7@abcd", 7, "abcd"),
        ("@2@", None, ""),
        ("@2@x", None, ""),
        (f"@2@{'9' * 5_000}", None, ""),
    ],
)
@pytest.mark.parametrize("keys", ["", "abcdefgh:"])
def test_the_last_entry_is_the_version(
    keys: str, entry: str, version: int | None, creation: str
) -> None:
    read = parse_last_applied({APPLIED_TAG: f"1.abcdefghijkl.{keys}{entry}.p"})
    digests = ("abcdefgh",) if keys else ()
    assert read == LastApplied(
        "abcdefghijkl", digests, protect=True, version=version, creation=creation
    )


@pytest.mark.parametrize("entry", ["@3@1", "@2@1:abcdefgh"])
def test_another_entry_attests_nothing(entry: str) -> None:
    read = parse_last_applied({APPLIED_TAG: f"1.abcdefghijkl.{entry}"})
    assert read is not None
    assert read.version is None


def test_an_older_release_reads_protection_and_tag_keys() -> None:
    pending = last_applied_for({}, ["team"], protect=True)
    value = attest({APPLIED_TAG: str(pending)}, 7, 1.0)[APPLIED_TAG]
    schema, _, entries, protected = value.split(".")
    assert (schema, protected) == ("1", "p")
    # It takes each entry of four or more characters for the digest of a tag key.
    first, version = entries.split(":")
    assert first == pending.tag_key_digests[0]
    assert re.fullmatch(r"@2@7@.{4}", version)


def test_only_a_pending_record_is_attested() -> None:
    pending = last_applied_for({}, [], protect=False)
    assert pending.version == PENDING
    for tags in (
        {},
        {APPLIED_TAG: "made by hand"},
        {APPLIED_TAG: str(replace(pending, version=3))},
        {APPLIED_TAG: str(replace(pending, version=None))},
    ):
        assert attest(tags, 7, 1.0) == tags
    for tags in ({}, {APPLIED_TAG: "made by hand"}):
        assert unattested(tags) == tags


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
