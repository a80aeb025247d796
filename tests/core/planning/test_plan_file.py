"""A saved plan is read exactly as it was saved, or refused."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from amounts import SEED, amount
from builders import (
    NOW,
    SYNC,
    TARGET,
    desired,
    egress,
    listening,
    mesh,
    plan,
    present,
    provided_by,
    route,
)
from hypothesis import given
from hypothesis import strategies as st

from reconciler import limits
from reconciler.core.changes import ReasonCode, operation_name
from reconciler.core.errors import TargetError, UsageError
from reconciler.core.kinds import KINDS
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.plan_file import parse_plan_file, write_plan_file
from reconciler.core.resources import (
    OWNER_TAG,
    Json,
    Key,
    Suspension,
    Unlisted,
    Unreadable,
    canonical_json,
    digest,
)
from reconciler.core.source_revision import SourceRevision

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
EVERYTHING = plan(
    desired("adopted", adopt=True, managed=False),
    present("adopted", DROP, owner=None, unknown=("/new",), created_at=1.5),
    desired("new", DROP, tags={"team": "b\u00fccher \x1b"}),
    desired("bare", managed=False),
    desired("opened", ALLOW),
    present("opened", DROP, tags={"old": "1"}, applied=desired("x", DROP, tags={"old": ""})),
    present("gone", DROP),
    desired("theirs"),
    present("theirs", owner="somebody"),
    Unreadable(mesh("hidden"), "AccessDenied"),
    desired("paused", DROP, suspend=Suspension(NOW.replace(year=2030), "load test")),
    present("paused", ALLOW),
    desired("same"),
    present("same"),
    gaps=(Unlisted("virtual-node", mesh("same"), "AccessDenied"),),
    guards=SYNC,
)
HELD = plan(
    desired("new"),
    desired("moved", ALLOW),
    present("moved", DROP),
    present("gone"),
    guards=GuardSettings(policy=Policy.OBSERVE),
)
SMALL = plan(desired("a", DROP), desired("b", ALLOW), present("b", DROP))


def resealed(made: Plan, edit: Callable[[dict[str, Any]], object]) -> bytes:
    """Return what somebody would write who edits a saved plan and knows how the digest is made."""
    document = json.loads(write_plan_file(made))
    del document["digest"]
    edit(document)
    return f"{canonical_json({**document, 'digest': digest(document)})}\n".encode()


def refused(content: bytes) -> str:
    with pytest.raises(UsageError, match=r"^p\.plan ") as error:
        parse_plan_file("p.plan", content)
    return str(error.value)


def test_every_kind_of_change_comes_back_as_it_was() -> None:
    # A delete is held back beside what could not be read, so it stands in the other one.
    deleting = plan(desired("kept"), present("kept"), present("gone", DROP), guards=SYNC)
    changes = (*EVERYTHING.changes, *deleting.changes)
    assert {operation_name(change) for change in changes} == {
        "create", "update", "adopt", "delete",
    }  # fmt: skip
    assert {withheld.reason_code for withheld in HELD.withheld} == {
        ReasonCode.POLICY,
        ReasonCode.ORPHAN,
    }
    for made in (EVERYTHING, HELD, SMALL, deleting, detaching()):
        again = parse_plan_file("p.plan", write_plan_file(made))
        assert again == made
        assert again.fingerprint == made.fingerprint
        assert write_plan_file(again) == write_plan_file(made)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)


@pytest.mark.unmeasured
@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), json_values),
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))),
)
def test_any_spec_and_tags_come_back(spec: dict[str, Any], tags: dict[str, str]) -> None:
    made = plan(desired("a", spec, tags=tags), desired("b", spec), present("b", DROP, tags=tags))
    assert parse_plan_file("p.plan", write_plan_file(made)) == made


@pytest.mark.unmeasured
def test_e07_no_bit_of_a_saved_plan_can_be_flipped() -> None:
    content = write_plan_file(SMALL)
    bits = amount("flipped bits of each byte of a saved plan", test=2, full=8)
    draw = random.Random(SEED)  # noqa: S311  # repeatable, not secret
    for place in range(len(content)):
        for bit in draw.sample(range(8), bits):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            refused(bytes(flipped))


def test_e07_no_other_spelling_of_a_saved_plan_is_read() -> None:
    content = write_plan_file(SMALL)
    for spelling in (
        content + b"\n",
        content.rstrip(),
        b" " + content,
        json.dumps(json.loads(content), indent=1).encode(),
        content.replace(b'{"digest"', b'{"digest":"","digest"', 1),
        content.decode().encode("utf-16"),
    ):
        assert "was edited" in refused(spelling)


def test_a_plan_that_was_cut_short_is_refused_at_every_length() -> None:
    content = write_plan_file(SMALL)
    for length in range(len(content)):
        refused(content[:length])


@pytest.mark.parametrize(
    "content", [b"", b"7", b"null", b'"text"', b"[1]", b"{", b"\xff", b"[" * 99_999, b'"\\ud800"']
)
def test_what_is_no_plan_at_all_is_refused(content: bytes) -> None:
    assert "is not a complete saved plan" in refused(content)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"schema":1}', b'{"digest":[]}'])
def test_json_without_its_digest_is_refused(content: bytes) -> None:
    assert "was edited" in refused(content)


def test_a_newer_schema_is_told_from_an_edit() -> None:
    result = refused(resealed(SMALL, lambda document: document.update(schema=2, more={})))
    assert result.startswith(
        "p.plan was made by a newer version (schema 2, this version supports 1): "
    )


def test_e10_a_huge_file_is_refused_unread() -> None:
    assert "larger than 16 MiB" in refused(b"[" * (limits.MAX_PLAN_FILE_BYTES + 1))


def test_a_plan_too_large_to_be_read_is_not_saved() -> None:
    with pytest.raises(UsageError, match=r"has 18\.0 MiB, .* at most 16 MiB: .* --only"):
        write_plan_file(plan(desired("a", {"text": "x" * (9 << 20)})))


@pytest.mark.parametrize(
    "text", ["Close it", "", "\x1b[2J\u202e\ud7ff\n```\U0001f512", "x" * 10_000]
)
@pytest.mark.parametrize("dirty", [False, True])
def test_a_plan_is_saved_with_any_commit_and_its_fingerprint_has_none(
    text: str, *, dirty: bool
) -> None:
    revision = SourceRevision("0" * 40, text, text, dirty)
    shown = replace(SMALL, revision=revision)
    assert shown.fingerprint == SMALL.fingerprint
    assert parse_plan_file("p", write_plan_file(shown)) == shown


def test_e08_a_plan_whose_account_is_unknown_is_bound_to_nothing_and_not_saved() -> None:
    unknown = replace(SMALL, target=replace(TARGET, account=None))
    with pytest.raises(TargetError, match=r"^the account behind http://127\.0\.0\.1:1 is unknown"):
        write_plan_file(unknown)


def change(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def find(document: dict[str, Any]) -> dict[str, Any]:
        changes: list[dict[str, Any]] = document["plan"]["changes"]
        return next(item for item in changes if item["key"]["path"] == [name])

    return find


CREATED, UPDATED = change("a"), change("b")
FORGED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an unknown member": (lambda x: x["plan"].update(more=1), "/plan/more is unknown"),
    "a missing member": (
        lambda x: UPDATED(x)["before"].pop("uid"), "/plan/changes/1/before/uid is missing",
    ),
    "a wrong type": (
        lambda x: UPDATED(x)["before"].update(version="1"), "/before/version has an invalid value",
    ),
    "a truth for a number": (lambda x: x.update(schema=True), "/schema has an invalid value"),
    "text for a list": (
        lambda x: x["plan"].update(changes="x"), "/plan/changes has an invalid value",
    ),
    "a list for an object": (
        lambda x: x["plan"].update(target=[]), "/plan/target has an invalid value",
    ),
    "an object for a list": (
        lambda x: x["plan"].update(unchanged={}), "/plan/unchanged has an invalid value",
    ),
    "a tag that is no text": (
        lambda x: CREATED(x)["tags"].update(t=1), "/plan/changes/0/tags/t has an invalid value",
    ),
    "a spec that is a list": (
        lambda x: CREATED(x).update(spec=[]), "/plan/changes/0/spec has an invalid value",
    ),
    "an origin for what has none": (
        lambda x: CREATED(x).update(origin=None), "/plan/changes/0/origin has an invalid value",
    ),
    "a cause that is none": (
        lambda x: CREATED(x).update(cause="luck"), "/plan/changes/0/cause has an invalid value",
    ),
    "an operation that is none": (
        lambda x: CREATED(x).update(operation="destroy"), "/plan/changes/0/operation is not one of",
    ),
    "an operation that is no word": (
        lambda x: CREATED(x).update(operation=[]), "/plan/changes/0/operation is not one of",
    ),
    "a change that is none": (
        lambda x: x["plan"].update(changes=[7]), "/0/operation is not one of",
    ),
    "a kind that is none": (
        lambda x: CREATED(x)["key"].update(kind="moon"), "moon/a is not a valid key",
    ),
    "another resource before": (
        lambda x: UPDATED(x)["before"]["key"].update(path=["c"]), "mesh/b is not a valid key",
    ),
    "a mark of somebody else": (
        lambda x: CREATED(x)["tags"].update({OWNER_TAG: "x"}), "mesh/a is not owned by platform",
    ),
    "no mark": (lambda x: CREATED(x)["tags"].clear(), "mesh/a is not owned by platform"),
    "what somebody else owns": (
        lambda x: UPDATED(x)["before"]["tags"].update({OWNER_TAG: "x"}),
        "mesh/b is not owned by platform",
    ),
    "a resource twice": (
        lambda x: x["plan"]["changes"].append(CREATED(x)), "a resource occurs twice",
    ),
    "no account": (lambda x: x["plan"]["target"].update(account=None), "its target has no account"),
    "another fingerprint": (lambda x: x.update(fingerprint="x"), "fingerprint"),
    "another intention": (lambda x: CREATED(x)["difference"].update(after={}), "fingerprint"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "words"), FORGED.values(), ids=FORGED)
def test_a_digest_made_anew_hides_no_nonsense(
    edit: Callable[[dict[str, Any]], object], words: str
) -> None:
    result = refused(resealed(SMALL, edit))
    assert result.startswith("p.plan is not a valid plan (")
    assert words in result


def test_every_kind_of_resource_can_be_saved() -> None:
    for kind in KINDS:
        made = replace(SMALL, changes=(), unchanged=(Key(kind, ("a", "b")),))
        assert parse_plan_file("p.plan", write_plan_file(made)) == made


def detaching() -> Plan:
    """Return a plan in which a route makes way for its listener."""
    return plan(
        desired("m"),
        present("m"),
        desired("virtual-node/m/n", {}),
        present("virtual-node/m/n", {}),
        desired("virtual-router/m/r", listening(80, protocol="grpc")),
        present("virtual-router/m/r", listening(80)),
        desired("route/m/r/x", route("n")),
        present("route/m/r/x", route("n")),
    )


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("detach", "before", "tags", OWNER_TAG), "other", "route/m/r/x is not owned by"),
        (("attach", "tags", OWNER_TAG), "other", "route/m/r/x is not owned by"),
        (("detach", "key", "path"), ["m", "s", "x"], "route/m/s/x is not a valid key"),
        (("attach", "key", "path"), ["m", "r", "y"], "is not a route in"),
        (("attach", "key", "kind"), "road", "road/m/r/x is not a valid key"),
        (("attach", "key", "path"), ["m", "r"], "route/m/r is not a valid key"),
        (("attach", "key", "path"), ["m", "r", "x", "y"], "route/m/r/x/y is not a valid key"),
    ],
)
def test_what_makes_way_is_ours_and_stands_in_what_changes(
    path: tuple[str, ...], value: object, told: str
) -> None:
    def edit(document: dict[str, Any]) -> None:
        (place,) = document["plan"]["changes"][0]["detached"]
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    made = detaching()
    assert parse_plan_file("p.plan", write_plan_file(made)) == made
    assert told in refused(resealed(made, edit))


@pytest.mark.parametrize(
    ("path", "value"), [(("key", "path"), ["m", "other"]), (("tags", OWNER_TAG), "other")]
)
def test_what_is_updated_before_a_delete_is_ours_and_deleted_too(
    path: tuple[str, ...], value: object
) -> None:
    def edit(document: dict[str, Any]) -> None:
        (link,) = document["plan"]["changes"][0]["unlinked"]
        place = link["before"]
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    called: list[Json] = [{"virtualService": {"virtualServiceName": "s"}}]
    made = plan(
        desired("m"),
        present("m"),
        present("virtual-node/m/n", {"backends": called}),
        present("virtual-service/m/s", provided_by("virtualNode", "n")),
        guards=GuardSettings(policy=Policy.SYNC, max_deletes=2),
    )
    assert parse_plan_file("p.plan", write_plan_file(made)) == made
    assert "is updated before its delete, but this plan does not delete it" in refused(
        resealed(made, edit)
    )
