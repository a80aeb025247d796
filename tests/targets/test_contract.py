"""What a target promises, held against the fake and against App Mesh on the local endpoint."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import boto3
import pytest
from builders import ACCOUNT, OWNER, SYNC, desired, egress, mesh, plan
from fakes import FakeTarget

from reconciler.core.changes import Adopt, Cause, Change, Create, Delete, Update
from reconciler.core.errors import ConflictError, NotFoundError
from reconciler.core.planning.last_applied import attest, unattested
from reconciler.core.resources import APPLIED_TAG, OWNER_TAG, Key, Spec, TargetId
from reconciler.endpoint import LocalEndpoint
from reconciler.engine import Target
from reconciler.targets.api_client import ApiClient
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.session import Connection, open_session

pytestmark = pytest.mark.unmeasured

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


class Stage(Protocol):
    """A target, and somebody else's hands on the same world."""

    @property
    def target(self) -> Target: ...

    def make(self, key: Key, spec: Spec, tags: Mapping[str, str]) -> None: ...

    def drift(self, key: Key, spec: Spec) -> None: ...

    def tag(self, key: Key, name: str, value: str) -> None: ...

    def remove(self, key: Key) -> None: ...


@dataclass
class FakeStage:
    target: FakeTarget

    def make(self, key: Key, spec: Spec, tags: Mapping[str, str]) -> None:
        self.target.by_hand(key, spec, tags)

    def drift(self, key: Key, spec: Spec) -> None:
        live = self.target.resources[key]
        self.target.resources[key] = replace(live, spec=spec, version=live.version + 1)

    def tag(self, key: Key, name: str, value: str) -> None:
        live = self.target.resources[key]
        self.target.resources[key] = replace(live, tags={**live.tags, name: value})

    def remove(self, key: Key) -> None:
        del self.target.resources[key]


@dataclass
class RealStage:
    target: AppMesh
    client: Any

    def make(self, key: Key, spec: Spec, tags: Mapping[str, str]) -> None:
        listed = [{"key": name, "value": value} for name, value in tags.items()]
        self.client.create_mesh(meshName=key.name, spec=spec, tags=listed)

    def drift(self, key: Key, spec: Spec) -> None:
        self.client.update_mesh(meshName=key.name, spec=spec)

    def tag(self, key: Key, name: str, value: str) -> None:
        arn = self.client.describe_mesh(meshName=key.name)["mesh"]["metadata"]["arn"]
        self.client.tag_resource(resourceArn=arn, tags=[{"key": name, "value": value}])

    def remove(self, key: Key) -> None:
        self.client.delete_mesh(meshName=key.name)


@pytest.fixture(params=["fake", "appmesh"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "fake":
        yield FakeStage(FakeTarget())
        return
    with LocalEndpoint(None) as endpoint:
        connection = Connection(endpoint.url, "eu-west-1", credentials=(ACCOUNT, "secret"))
        session = open_session(connection)
        identity = TargetId("test", endpoint.url, ACCOUNT, "eu-west-1")
        target = AppMesh(
            identity, ApiClient(session, connection, workers=2, reopen=None), workers=2
        )
        by_hand = boto3.client(
            "appmesh",
            endpoint_url=endpoint.url,
            region_name="eu-west-1",
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="x",
        )
        yield RealStage(target, by_hand)
        by_hand.close()


def planned(target: Target, *wants: Any, **options: Any) -> Change:
    """Return the one change that brings ``target`` to ``wants``."""
    world = target.read_all([desired_resource.key for desired_resource in wants], OWNER)
    (change,) = plan(*wants, *world.resources.values(), **options).changes
    return change


def create(target: Target, name: str = "a", spec: Spec | None = None, **tags: str) -> Create:
    change = planned(target, desired(name, spec or DROP, tags=tags))
    assert isinstance(change, Create)
    target.apply(change, "token-of-" + name)
    return change


def test_an_empty_world_is_complete(stage: Stage) -> None:
    world = stage.target.read_all([mesh("a")], OWNER)
    assert world.unlisted == ()
    assert world.resources == {}
    assert stage.target.read(mesh("a")) is None
    assert stage.target.list_versions([mesh("a")]) == {}


def test_what_was_created_is_seen_everywhere_alike(stage: Stage) -> None:
    change = create(stage.target, "a", ALLOW, team="pay")
    live = stage.target.read(mesh("a"))
    assert live is not None
    assert (live.spec, live.tags, live.version) == (ALLOW, attest(change.tags, 1), 1)
    assert live.owner == OWNER
    assert live.account == ACCOUNT
    world = stage.target.read_all([mesh("a")], OWNER)
    assert world.resources == {mesh("a"): live}
    (sighting,) = stage.target.list_versions([mesh("a")]).values()
    assert (sighting.version, sighting.created_at) == (1, live.created_at)


def test_a_create_without_spec_has_an_empty_one(stage: Stage) -> None:
    change = planned(stage.target, desired("a", managed=False))
    answer = stage.target.apply(change, "t")
    live = stage.target.read(mesh("a"))
    assert live is not None
    assert live.spec == {}
    assert answer.uid == live.uid


def test_only_what_is_asked_about_or_owned_is_observed(stage: Stage) -> None:
    stage.make(mesh("theirs"), DROP, {OWNER_TAG: "somebody"})
    stage.make(mesh("nobodys"), DROP, {})
    stage.make(mesh("asked"), DROP, {})
    stage.make(mesh("ours"), DROP, {OWNER_TAG: OWNER})
    world = stage.target.read_all([mesh("asked"), mesh("missing")], OWNER)
    assert set(world.resources) == {mesh("asked"), mesh("ours")}
    assert world.unlisted == ()


def test_a_name_that_is_taken_is_refused(stage: Stage) -> None:
    change = planned(stage.target, desired("a", DROP))
    stage.make(mesh("a"), ALLOW, {})
    with pytest.raises(ConflictError):
        stage.target.apply(change, "t")


def test_a_token_brings_back_its_answer_even_after_a_delete(stage: Stage) -> None:
    change = planned(stage.target, desired("a", DROP))
    first = stage.target.apply(change, "t")
    again = stage.target.apply(change, "t")
    assert replace(again, request_id=first.request_id) == first
    stage.remove(mesh("a"))
    after = stage.target.apply(change, "t")
    assert replace(after, request_id=first.request_id) == first
    assert len({first.request_id, again.request_id, after.request_id}) == 3
    assert stage.target.read(mesh("a")) is None
    second = stage.target.apply(change, "u")
    assert second.uid != first.uid


def test_a_token_with_another_request_is_a_conflict(stage: Stage) -> None:
    change = planned(stage.target, desired("a", DROP))
    assert isinstance(change, Create)
    stage.target.apply(change, "t")
    with pytest.raises(ConflictError):
        stage.target.apply(replace(change, spec=ALLOW), "t")


def test_an_update_replaces_the_spec_and_keeps_the_tags_of_others(stage: Stage) -> None:
    before = create(stage.target, "a", DROP, old="1", kept="1")
    live = stage.target.read(mesh("a"))
    assert live is not None
    change = planned(stage.target, desired("a", ALLOW, tags={"kept": "2", "new": "3"}))
    assert isinstance(change, Update)
    answer = stage.target.apply(change, "t")
    after = stage.target.read(mesh("a"))
    assert after is not None
    assert after.spec == ALLOW
    assert (after.uid, after.version) == (live.uid, 2)
    assert (answer.uid, answer.version) == (after.uid, 2)
    users = {key: value for key, value in after.tags.items() if key not in before.tags}
    assert users == {"new": "3"}
    assert after.tags["kept"] == "2"
    assert "old" not in after.tags
    assert after.tags[APPLIED_TAG] != live.tags[APPLIED_TAG]


def test_a_tag_that_others_add_meanwhile_survives_an_update(stage: Stage) -> None:
    create(stage.target)
    change = planned(stage.target, desired("a", ALLOW))
    stage.tag(mesh("a"), "theirs", "1")
    stage.target.apply(change, "t")
    after = stage.target.read(mesh("a"))
    assert after is not None
    assert after.tags["theirs"] == "1"


def test_repairing_a_drifted_spec_leaves_the_tags(stage: Stage) -> None:
    create(stage.target)
    stage.drift(mesh("a"), ALLOW)
    live = stage.target.read(mesh("a"))
    assert live is not None
    change = planned(stage.target, desired("a", DROP))
    assert isinstance(change, Update)
    # One update since may also be one of ours, if its run ended before it wrote the record.
    assert change.cause is Cause.UNKNOWN
    stage.target.apply(change, "t")
    after = stage.target.read(mesh("a"))
    assert after is not None
    assert (after.spec, after.version) == (DROP, 3)
    assert after.tags == attest(change.tags, 3, after.created_at)
    assert unattested(after.tags) == unattested(live.tags)


def test_an_update_of_tags_leaves_version_and_spec(stage: Stage) -> None:
    create(stage.target)
    change = planned(stage.target, desired("a", DROP, tags={"new": "1"}))
    answer = stage.target.apply(change, "t")
    after = stage.target.read(mesh("a"))
    assert after is not None
    assert (after.version, answer.version) == (1, 1)
    assert after.tags["new"] == "1"


def test_an_adoption_marks_and_updates(stage: Stage) -> None:
    stage.make(mesh("a"), DROP, {"theirs": "1"})
    change = planned(stage.target, desired("a", ALLOW, adopt=True))
    assert isinstance(change, Adopt)
    stage.target.apply(change, "t")
    after = stage.target.read(mesh("a"))
    assert after is not None
    assert (after.owner, after.spec, after.tags["theirs"]) == (OWNER, ALLOW, "1")


def deletion(target: Target) -> Delete:
    live = target.read(mesh("a"))
    assert live is not None

    (change,) = plan(desired("b"), live, guards=SYNC).changes[1:]
    assert isinstance(change, Delete)
    return change


def test_a_delete_takes_it_away_and_a_second_one_finds_nothing(stage: Stage) -> None:
    create(stage.target)
    change = deletion(stage.target)
    stage.target.apply(change, None)
    assert stage.target.read(mesh("a")) is None
    with pytest.raises(NotFoundError):
        stage.target.apply(change, None)


def test_an_update_of_what_is_gone_says_so(stage: Stage) -> None:
    create(stage.target)
    change = planned(stage.target, desired("a", ALLOW))
    stage.remove(mesh("a"))
    with pytest.raises(NotFoundError):
        stage.target.apply(change, "t")


def test_the_canonical_form_drops_what_is_empty(stage: Stage) -> None:
    spec: Spec = {"egressFilter": {"type": "DROP_ALL"}, "serviceDiscovery": {}}
    assert stage.target.canonical(spec) == DROP
