"""App Mesh answers badly: nothing of it is ever taken for a fact about the world."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from builders import ACCOUNT, OWNER, SYNC, TARGET, desired, egress, mesh, plan
from servers import Answer, Script, scripted

from reconciler import limits
from reconciler.core.changes import Create
from reconciler.core.errors import (
    ConflictError,
    NotFoundError,
    RejectedError,
    TargetError,
    UnavailableError,
    UnreachableError,
)
from reconciler.core.planning.last_applied import unattested
from reconciler.core.resources import (
    APPLIED_TAG,
    OWNER_TAG,
    Key,
    LiveResource,
    TargetId,
    Unreadable,
)
from reconciler.targets.api_client import ApiClient
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.session import Connection, open_session

ARN = f"arn:aws:appmesh:eu-west-1:{ACCOUNT}:mesh/a"
METADATA = {
    "arn": ARN,
    "createdAt": 1.551295405298e9,
    "lastUpdatedAt": 1.551295405298e9,
    "meshOwner": ACCOUNT,
    "resourceOwner": ACCOUNT,
    "version": 1,
}
MESH = {
    "meshName": "a",
    "metadata": {**METADATA, "uid": "2d29a11c-f2dd-44a6-b620-33661cfdfe97"},
    "spec": {"egressFilter": {"type": "DROP_ALL"}},
    "status": {"status": "ACTIVE"},
}
REF = {**METADATA, "meshName": "a"}
TAGS = {"tags": [{"key": OWNER_TAG, "value": OWNER}]}


def refusal(status: int, code: str) -> Answer:
    return Answer(status, {"message": "because"}, {"x-amzn-errortype": code})


def calls(connection: Connection, reopen: Any = None) -> ApiClient:
    return ApiClient(open_session(connection), connection, workers=2, reopen=reopen)


def world(**changes: Any) -> Script:
    """Return a script of a world with one mesh; ``changes`` replace answers by operation."""
    answers = {
        "GET /v20190125/meshes/": Answer(body=MESH),
        "GET /v20190125/meshes": Answer(body={"meshes": [REF]}),
        "GET /v20190125/tags": Answer(body=TAGS),
        # By default it has no tagging API, as endpoints other than AWS's may not.
        "POST /": Answer(404, {"message": "no such operation"}),
    }
    names = {"describe": "GET /v20190125/meshes/", "list": "GET /v20190125/meshes"}
    names |= {"tags": "GET /v20190125/tags", "create": "PUT /v20190125/meshes"}
    names |= {"delete": "DELETE /v20190125/meshes/", "tagging": "POST /"}
    answers |= {names[operation]: answer for operation, answer in changes.items()}

    def script(request: str, body: bytes) -> Answer:
        del body
        best = max((known for known in answers if request.startswith(known)), key=len)
        return answers[best]

    return script


def with_target(script: Script, act: Callable[[AppMesh], Any]) -> tuple[Any, list[str]]:
    """Return what ``act`` returned, or the error it raised, and the requests it took."""
    with scripted(script) as server:
        connection = Connection(server.url, "eu-west-1", credentials=(ACCOUNT, "secret"))
        identity = TargetId("test", server.url, ACCOUNT, "eu-west-1")
        target = AppMesh(identity, calls(connection))
        try:
            result = act(target)
        except TargetError as error:
            result = error
        return result, [request for request, _ in server.asked if request != "POST /"]


def look(target: AppMesh) -> Any:
    return target.read(mesh("a"))


def observe(target: AppMesh) -> Any:
    return target.read_all([mesh("a")], OWNER)


def create(target: AppMesh) -> Any:
    (change,) = plan(desired("a", egress("DROP_ALL"))).changes
    return target.apply(change, "t")


def test_a_good_answer_is_a_present_resource() -> None:
    live, _ = with_target(world(), look)
    assert isinstance(live, LiveResource)
    assert (live.uid, live.version, live.owner) == (MESH["metadata"]["uid"], 1, OWNER)  # type: ignore[index]  # a literal above


GARBAGE = {
    "empty": b"",
    "html": b"<html><body>Welcome</body></html>",
    "truncated": b'{"meshName": "a", "meta',
    "empty object": b"{}",
    "null": b"null",
    "a list": b"[]",
    "a wrapped body": b'{"mesh": {"meshName": "a"}}',
    "not a list of meshes": b'{"meshes": null}',
}


@pytest.mark.unmeasured
@pytest.mark.sample(8)
@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("operation", ["describe", "list", "tags", "create"])
def test_a20_a_success_that_says_nothing_is_no_answer(operation: str, body: bytes) -> None:
    act = {"describe": look, "list": observe, "tags": look, "create": create}[operation]
    result, _ = with_target(world(**{operation: Answer(body=body)}), act)
    assert isinstance(result, UnavailableError)


UNREADABLE = {
    "a page in Latin-1": b"<!DOCTYPE html><html>pas de r\xe9ponse</html>",
    "a list": b"[]",
    "null": b"null",
    "a number": b"3",
    "another type of error": b'{"__type": 3}',
}


@pytest.mark.unmeasured
@pytest.mark.sample(10)
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("status", [403, 502])
@pytest.mark.parametrize("operation", ["describe", "list", "tags", "create"])
def test_a20_a_failure_that_botocore_cannot_read_is_one_of_ours(
    operation: str, status: int, body: bytes
) -> None:
    act = {"describe": look, "list": observe, "tags": look, "create": create}[operation]
    result, _ = with_target(world(**{operation: Answer(status, body)}), act)
    assert isinstance(result, TargetError)


@pytest.mark.unmeasured
@pytest.mark.parametrize("body", [*UNREADABLE.values(), b'"x"', b'{"ResourceTagMappingList": [3]}'])
def test_a20_an_index_that_is_none_is_done_without(body: bytes) -> None:
    result, requests = with_target(world(tagging=Answer(body=body)), observe)
    assert isinstance(result.resources[mesh("a")], LiveResource)
    assert any(request.startswith("GET /v20190125/tags") for request in requests)


def test_a23_an_index_whose_pages_lead_nowhere_is_done_without() -> None:
    page = Answer(body={"ResourceTagMappingList": [], "PaginationToken": "x"})
    asked = 0

    def script(request: str, body: bytes) -> Answer:
        nonlocal asked
        asked += request == "POST /"
        return world(tagging=page)(request, body)

    result, _ = with_target(script, observe)
    assert isinstance(result.resources[mesh("a")], LiveResource)
    assert asked == 2


@pytest.mark.parametrize("member", ["uid", "version", "arn", "createdAt", "meshOwner"])
def test_a21_an_answer_without_what_it_must_have_is_no_answer(member: str) -> None:
    broken = deepcopy(MESH)
    del broken["metadata"][member]  # type: ignore[attr-defined]  # a literal above
    result, _ = with_target(world(describe=Answer(body=broken)), look)
    assert isinstance(result, UnavailableError)
    assert member in str(result)


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": {**METADATA, "uid": "u", "version": "1"}},
        {"metadata": {**METADATA, "uid": "u", "createdAt": "2019-02-27T19:23:25Z"}},
        {"spec": []},
        {"meshName": "another"},
    ],
)
def test_a21_an_answer_of_other_types_or_about_another_is_no_answer(changes: Any) -> None:
    result, _ = with_target(world(describe=Answer(body={**MESH, **changes})), look)
    assert isinstance(result, UnavailableError)


def test_a22_a_page_that_fails_fails_the_list() -> None:
    def script(request: str, body: bytes) -> Answer:
        if "nextToken" in request:
            return Answer(403, {"message": "no"}, {"x-amzn-errortype": "ForbiddenException"})
        if request == "GET /v20190125/meshes":
            return Answer(body={"meshes": [REF], "nextToken": "2"})
        return world()(request, body)

    result, requests = with_target(script, observe)
    assert isinstance(result, RejectedError)
    assert len(requests) == 2


def test_a23_pages_that_never_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    same, requests = with_target(
        world(list=Answer(body={"meshes": [], "nextToken": "again"})), observe
    )
    assert isinstance(same, UnavailableError)
    assert len(requests) == 2
    pages = iter(range(9_999))
    monkeypatch.setattr(limits, "API_MAX_PAGES", 3)

    def script(request: str, body: bytes) -> Answer:
        del request, body
        return Answer(body={"meshes": [], "nextToken": str(next(pages))})

    endless, requests = with_target(script, observe)
    assert isinstance(endless, UnavailableError)
    assert len(requests) == 3


def test_a23_an_empty_next_token_is_the_end() -> None:
    result, requests = with_target(
        world(list=Answer(body={"meshes": [], "nextToken": ""})), observe
    )
    assert result.resources == {}
    assert len(requests) == 1


def test_a29_a_deleted_status_is_absence() -> None:
    gone = {**MESH, "status": {"status": "DELETED"}}
    assert with_target(world(describe=Answer(body=gone)), look)[0] is None


def test_only_app_meshs_own_not_found_is_absence() -> None:
    own = refusal(404, "NotFoundException")
    assert with_target(world(describe=own), look)[0] is None
    proxy = Answer(404, b"<html>not here</html>", {"content-type": "text/html"})
    result, _ = with_target(world(describe=proxy), look)
    assert isinstance(result, RejectedError)
    assert "endpoint URL" in str(result)


def test_tags_that_are_not_found_make_nothing_absent() -> None:
    result, _ = with_target(world(tags=refusal(404, "NotFoundException")), look)
    assert isinstance(result, UnavailableError)
    assert "although mesh/a was described" in str(result)


def test_a35_a_redirect_is_not_followed() -> None:
    moved = Answer(302, b"", {"location": "http://127.0.0.1:9/elsewhere"})
    result, requests = with_target(world(describe=moved), look)
    assert isinstance(result, TargetError)
    assert len(requests) == 1


def test_a28_what_goes_between_list_and_look_is_not_planned_for() -> None:
    result, _ = with_target(world(describe=refusal(404, "NotFoundException")), observe)
    assert isinstance(result.resources[mesh("a")], Unreadable)


def test_a33_an_unreadable_tag_makes_what_is_asked_for_unreadable() -> None:
    result, _ = with_target(world(tags=refusal(403, "AccessDeniedException")), observe)
    seen = result.resources[mesh("a")]
    assert isinstance(seen, Unreadable)
    assert "AccessDenied" in seen.reason


@pytest.mark.parametrize(
    ("status", "error"), [(403, "AccessDeniedException"), (404, "NotFoundException")]
)
def test_a28_a33_what_may_be_ours_and_cannot_be_read_is_unreadable(status: int, error: str) -> None:
    result, _ = with_target(
        world(tags=refusal(status, error)), lambda target: target.read_all([], OWNER)
    )
    assert isinstance(result.resources[mesh("a")], Unreadable)


def test_s06_a_shared_mesh_is_shown_and_its_tags_are_not_asked_for() -> None:
    other = "999999999999"
    ref = {**REF, "meshOwner": other, "resourceOwner": other}
    script = world(list=Answer(body={"meshes": [ref]}))
    result, requests = with_target(script, observe)
    # A mesh of our own may have the same name: it is not there.
    assert result.resources == {}
    assert result.not_selected == {Key("mesh", ("a",), other)}
    assert [request for request in requests if request.startswith("GET")] == [
        "GET /v20190125/meshes"
    ]


GUEST = Key("virtual-node", ("a", "n"), "999999999999")
GONE, FORBIDDEN = refusal(404, "NotFoundException"), refusal(403, "ForbiddenException")
NONE = Answer(
    body={f"virtual{kind}s": [] for kind in ("Gateway", "Node", "Router", "Service")},
)


@pytest.mark.parametrize(
    ("nodes", "others", "gaps", "there"),
    [
        (GONE, GONE, 0, False),
        (NONE, NONE, 0, True),
        # One list that answers shows that the mesh is there, so the others hide what is in it.
        (GONE, NONE, 1, True),
        (FORBIDDEN, GONE, 4, False),
        (FORBIDDEN, FORBIDDEN, 4, False),
    ],
)
def test_s06_a_shared_mesh_is_absent_only_where_every_list_in_it_says_so(
    nodes: Answer, others: Answer, gaps: int, *, there: bool
) -> None:
    def script(request: str, body: bytes) -> Answer:
        if "meshOwner=999999999999" in request:
            return nodes if "/virtualNodes" in request else others
        return world(list=Answer(body={"meshes": []}))(request, body)

    result, _ = with_target(script, lambda target: target.read_all([GUEST], OWNER))
    assert len(result.unlisted) == gaps
    assert (Key("mesh", ("a",), "999999999999") in result.not_selected) is there
    assert isinstance(result.resources.get(GUEST), Unreadable) is bool(gaps)


def test_a39_an_ignored_field_that_we_do_not_know_is_sent_back_as_it_is() -> None:
    novel = {**MESH, "spec": {"egressFilter": {"type": "DROP_ALL", "mode": 1.5}}}
    ignoring = desired("a", egress("ALLOW_ALL"), ignore=("/egressFilter/mode",))
    bodies: list[Any] = []

    def script(request: str, body: bytes) -> Answer:
        if request == "PUT /v20190125/meshes/a":
            bodies.append(json.loads(body)["spec"])
            return Answer(body=novel)
        if request.startswith("PUT"):
            return Answer(body={})
        return world(describe=Answer(body=novel))(request, body)

    def update(target: AppMesh) -> Any:
        live = target.read(mesh("a"))
        assert live is not None
        (change,) = plan(ignoring, live).changes
        return target.apply(change, "t")

    with_target(script, update)
    assert bodies == [{"egressFilter": {"type": "ALLOW_ALL", "mode": 1.5}}]


@pytest.mark.unmeasured
def test_a_shared_mesh_of_the_same_name_does_not_hide_our_own() -> None:
    theirs = {**REF, "meshOwner": "999999999999", "version": 7}
    for refs in ([REF, theirs], [theirs, REF]):
        listed = Answer(body={"meshes": refs})
        result, _ = with_target(world(list=listed), observe)
        assert result.resources[mesh("a")].account == ACCOUNT
        sightings, _ = with_target(
            world(list=listed), lambda target: target.list_versions([mesh("a")])
        )
        assert sightings[mesh("a")].version == 1


def test_where_nobody_listens_another_connection_is_taken() -> None:
    with scripted(world()) as server:
        good = Connection(server.url, "eu-west-1", credentials=(ACCOUNT, "secret"))
        gone = replace(good, url="http://127.0.0.1:1")
        identity = TargetId("test", "http://127.0.0.1:1", ACCOUNT, "eu-west-1")
        target = AppMesh(identity, calls(gone, reopen=lambda _: good), workers=2)
        assert isinstance(target.read(mesh("a")), LiveResource)
        assert target.id.url == server.url
        lonely = AppMesh(identity, calls(gone), workers=2)
        with pytest.raises(UnreachableError):
            lonely.read(mesh("a"))


INDEX = {
    "ResourceTagMappingList": [
        {
            "ResourceARN": METADATA["arn"],
            "Tags": [{"Key": OWNER_TAG, "Value": OWNER}, {"Key": "team", "Value": "pay"}],
        }
    ],
    "PaginationToken": "",
}


def test_c9_tags_come_in_pages_where_the_target_has_them() -> None:
    result, requests = with_target(world(tagging=Answer(body=INDEX)), observe)
    assert result.resources[mesh("a")].tags == {OWNER_TAG: OWNER, "team": "pay"}
    assert [request for request in requests if "/tags" in request] == []


def dated(seconds_after_creation: int) -> dict[str, str]:
    return {
        "date": format_datetime(CREATED + timedelta(seconds=seconds_after_creation), usegmt=True)
    }


CREATED = datetime.fromtimestamp(1_551_295_405, UTC)


def attested(target: AppMesh) -> Any:
    """Read all, with a record that attests everything."""
    target._tag_index_lag_seconds = 120  # noqa: SLF001  # a setting of its constructor
    state = target.read_all([mesh("a")], OWNER, lambda *_: egress("ALLOW_ALL"))
    return state.resources[mesh("a")]


def described(headers: dict[str, str], ref: dict[str, Any] = REF) -> bool:
    """Whether the mesh is described if the answers have ``headers``."""
    script = world(
        tagging=Answer(body=INDEX, headers=headers),
        list=Answer(body={"meshes": [ref]}, headers=headers),
    )
    live, requests = with_target(script, attested)
    assert live.attested == (live.spec == egress("ALLOW_ALL")) == (live.uid == "")
    asked = any(request.startswith("GET /v20190125/meshes/") for request in requests)
    assert asked != live.attested
    return asked


@pytest.mark.parametrize(("seconds", "is_described"), [(121, False), (120, True), (0, True)])
def test_what_changed_within_the_lag_of_the_index_is_described(
    seconds: int, *, is_described: bool
) -> None:
    assert described(dated(seconds)) is is_described


def test_an_update_within_the_lag_is_described_too() -> None:
    updated = {**REF, "lastUpdatedAt": REF["createdAt"] + 1_000}  # type: ignore[operator]  # a number
    assert described(dated(1_100), updated)
    assert not described(dated(1_121), updated)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": ""},
        {"date": "yesterday"},
        {"date": "Mon, 30 Nov 2099 07:00:00"},
        {"date": "Mon, 30 Nov 9999 23:59:59 -9959"},
    ],
)
def test_without_a_time_of_the_target_everything_is_described(headers: dict[str, str]) -> None:
    assert described(headers)


def test_tags_that_the_index_lacks_attest_nothing() -> None:
    nothing = Answer(
        body={"ResourceTagMappingList": [], "PaginationToken": ""}, headers=dated(9_999)
    )
    live, _ = with_target(world(tagging=nothing), attested)
    assert not live.attested


@pytest.mark.parametrize(("version", "value"), [(1, None), (4, r"1\.\S{12}\.@2@4@.{4}")])
def test_a_create_that_results_in_another_version_attests_that_one(
    version: int, value: str | None
) -> None:
    bodies: dict[str, Any] = {}
    metadata = {**METADATA, "version": version, "uid": "2d29a11c-f2dd-44a6-b620-33661cfdfe97"}

    def script(request: str, body: bytes) -> Answer:
        if request.startswith("GET"):
            return Answer(body={"tags": bodies[min(bodies)]["tags"]})
        bodies[request] = json.loads(body)
        return Answer(body={**MESH, "metadata": metadata} if "/meshes" in request else {})

    result, requests = with_target(script, create)
    assert result.version == version
    (sent,) = [tag["value"] for tag in bodies[requests[0]]["tags"] if tag["key"] == APPLIED_TAG]
    assert re.fullmatch(r"1\.\S{12}\.@2@1", sent)
    if value is None:
        assert len(requests) == 1
    else:
        (corrected,) = bodies[requests[2]]["tags"]
        assert corrected["key"] == APPLIED_TAG
        assert re.fullmatch(value, corrected["value"])


def test_a_create_that_is_answered_with_a_resource_of_another_client_corrects_nothing() -> None:
    metadata = {**METADATA, "version": 4, "uid": "2d29a11c-f2dd-44a6-b620-33661cfdfe97"}
    theirs = Answer(body={"tags": [{"key": APPLIED_TAG, "value": "1.abcdefghijkl..p"}]})
    script = world(create=Answer(body={**MESH, "metadata": metadata}), tags=theirs)
    _, requests = with_target(script, create)
    assert [request.split()[0] for request in requests] == ["PUT", "GET"]


def test_a_create_with_a_record_of_another_write_corrects_nothing() -> None:
    metadata = {**METADATA, "version": 4, "uid": "2d29a11c-f2dd-44a6-b620-33661cfdfe97"}
    (change,) = plan(desired("a", egress("DROP_ALL"))).changes
    assert isinstance(change, Create)
    restored = replace(change, tags=unattested(change.tags))
    script = world(create=Answer(body={**MESH, "metadata": metadata}))
    _, requests = with_target(script, lambda target: target.apply(restored, "t"))
    assert len(requests) == 1


def test_what_the_index_lacks_is_asked_for_where_it_counts_and_left_alone_elsewhere() -> None:
    nothing = Answer(body={"ResourceTagMappingList": [], "PaginationToken": ""})
    result, requests = with_target(world(tagging=nothing), observe)
    assert result.resources[mesh("a")].owner == OWNER
    assert any("/tags" in request for request in requests)
    unasked, requests = with_target(
        world(tagging=nothing), lambda target: target.read_all([], OWNER)
    )
    assert unasked.resources == {}
    assert requests == ["GET /v20190125/meshes"]


def test_the_index_is_read_to_its_end() -> None:
    def script(request: str, body: bytes) -> Answer:
        if request != "POST /":
            return world()(request, body)
        asked = json.loads(body)
        if asked.get("PaginationToken"):
            return Answer(body=INDEX)
        return Answer(body={"ResourceTagMappingList": [], "PaginationToken": "2"})

    tags, _ = with_target(script, lambda target: target.tags())
    assert tags == {ARN: {OWNER_TAG: OWNER, "team": "pay"}}


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b"<html>"),
        refusal(400, "AccessDeniedException"),
        Answer(body={"unexpected": 1}),
        Answer(body={"ResourceTagMappingList": [], "PaginationToken": "again"}),
    ],
    ids=["no such API", "not allowed", "nonsense", "endless"],
)
def test_an_index_that_cannot_be_used_is_done_without(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "API_MAX_PAGES", 3)
    result, requests = with_target(world(tagging=answer), observe)
    assert result.resources[mesh("a")].owner == OWNER
    assert any("/tags" in request for request in requests)
    assert with_target(world(tagging=answer), lambda target: target.tags())[0] is None


def test_a39_a_field_that_we_do_not_know_is_named() -> None:
    # A value that the description lacks is no unknown field: a replacing update keeps it.
    novel = {**MESH, "spec": {"egressFilter": {"type": "NOVEL", "ports/all": [1]}, "more": {}}}
    live, _ = with_target(world(describe=Answer(body=novel)), look)
    assert live.unknown == ("/egressFilter/ports~1all", "/more")
    assert live.spec == novel["spec"]


def test_a10_a_delete_is_sent_once() -> None:
    def delete(target: AppMesh) -> Any:
        live = target.read(mesh("a"))
        assert live is not None
        change = plan(desired("b"), live, guards=SYNC).changes[1]
        return target.apply(change, None)

    result, requests = with_target(
        world(delete=refusal(503, "ServiceUnavailableException")), delete
    )
    assert isinstance(result, UnavailableError)
    assert sum(request.startswith("DELETE") for request in requests) == 1


def test_a_conflict_over_nothing_that_can_be_named_is_told_as_it_came() -> None:
    def delete(target: AppMesh) -> Any:
        live = target.read(mesh("a"))
        assert live is not None
        return target.apply(plan(desired("b"), live, guards=SYNC).changes[1], None)

    in_use = refusal(409, "ResourceInUseException")
    result, _ = with_target(world(delete=in_use), delete)
    assert isinstance(result, ConflictError)
    assert "it contains" not in str(result)


@pytest.mark.parametrize(
    ("status", "code", "attempts"),
    [
        (400, "BadRequestException", 1),
        (403, "ForbiddenException", 1),
        (409, "ConflictException", 1),
        (400, "LimitExceededException", 1),
        (503, "ServiceUnavailableException", 3),
    ],
)
def test_a06_attempts_are_pinned(status: int, code: str, attempts: int) -> None:
    result, requests = with_target(world(create=refusal(status, code)), create)
    assert isinstance(result, TargetError)
    assert len(requests) == attempts


def test_calls_and_answers_are_counted_with_every_attempt() -> None:
    def act(target: AppMesh) -> tuple[dict[str, int], dict[str, int]]:
        with pytest.raises(UnavailableError):
            create(target)
        look(target)
        return dict(target.calls), dict(target.responses)

    counts, _ = with_target(world(create=refusal(503, "ServiceUnavailableException")), act)
    calls = {"CreateMesh": 3, "DescribeMesh": 1, "ListTagsForResource": 1}
    assert counts == (calls, {"failed": 3, "ok": 2})


@pytest.mark.parametrize(
    ("status", "code", "answers"),
    [
        (429, "TooManyRequestsException", {"throttled": 3}),
        (403, "ForbiddenException", {"refused": 1}),
    ],
)
def test_a_throttle_is_told_from_a_refusal(status: int, code: str, answers: object) -> None:
    def act(target: AppMesh) -> dict[str, int]:
        with pytest.raises(TargetError):
            create(target)
        return dict(target.responses)

    assert with_target(world(create=refusal(status, code)), act)[0] == answers


def test_an_answer_that_never_came_counts_too() -> None:
    nowhere = Connection("http://127.0.0.1:1", "eu-west-1", credentials=(ACCOUNT, "secret"))
    target = AppMesh(TARGET, calls(nowhere), workers=1)
    with pytest.raises(UnreachableError):
        look(target)
    assert set(target.responses) == {"none"}


def test_an_unknown_account_is_learnt_from_the_first_arns() -> None:
    def act(target: AppMesh) -> Any:
        target._id = TargetId("test", "u", None, "eu-west-1")  # noqa: SLF001  # before it is known
        target.read_all([], OWNER)
        return target.id.account

    assert with_target(world(), act)[0] == ACCOUNT


def test_what_is_gone_is_gone_in_every_call() -> None:
    result, _ = with_target(world(create=refusal(404, "NotFoundException")), create)
    assert isinstance(result, NotFoundError)
