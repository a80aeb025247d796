"""The description is complete in itself, and says what botocore's own model says."""

import dataclasses
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError

from reconciler.api import (
    Boolean,
    ListOf,
    Member,
    Number,
    Operation,
    Shape,
    Structure,
    Text,
    Timestamp,
    load,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACES = {None: "body", "uri": "uri", "querystring": "query"}
STRICTER = {"ClientToken"}
"""Shapes that we know more of than botocore: the API page limits a client token to 36 characters
of letters, digits, hyphens and underscores, the model to nothing."""


@pytest.fixture(scope="module")
def model() -> Any:
    try:
        return botocore.session.Session().get_service_model("appmesh", "2019-01-25")
    except UnknownServiceError:  # pragma: no cover - once botocore has dropped the service
        pytest.skip("this botocore has no model of App Mesh any more")


def test_the_file_is_read_once() -> None:
    assert load() is load()


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().service.id = "Other"  # type: ignore[misc]


def test_a_kind_knows_its_path() -> None:
    kinds = load().kinds
    assert kinds["Mesh"].path == ("meshName",)
    assert kinds["Route"].path == ("meshName", "virtualRouterName", "routeName")


def test_there_are_five_operations_for_each_of_seven_kinds_and_three_for_tags() -> None:
    verbs = Counter(
        (operation.kind.name if operation.kind else None, operation.action)
        for operation in load().operations.values()
    )
    of_a_kind = ("create", "update", "describe", "delete", "list")
    assert set(verbs) == {
        *itertools.product(load().kinds, of_a_kind),
        (None, "tag"),
        (None, "untag"),
        (None, "list-tags"),
    }
    assert len(load().kinds) == 7
    assert verbs.total() == 38


def test_no_shape_is_without_use() -> None:
    used: set[str] = set()
    for operation in load().operations.values():
        note_names(operation.request, used)
        note_names(operation.response, used)
    assert set(load().shapes) <= used


def note_names(shape: Shape, seen: set[str]) -> None:
    seen.add(shape.name)
    if isinstance(shape, ListOf):
        note_names(shape.item, seen)
    if isinstance(shape, Structure):
        for member in shape.members.values():
            note_names(member.shape, seen)


def test_the_operations_are_those_of_botocore(model: Any) -> None:
    assert set(load().operations) == set(model.operation_names)


def test_a_request_holds_all_three_places() -> None:
    operation = load().operations["UpdateMesh"]
    assert list(operation.request.members) == ["meshName", "clientToken", "spec"]


def test_every_template_names_its_uri_members() -> None:
    for operation in load().operations.values():
        assert {f"{{{name}}}" for name in operation.uri} == {
            step for step in operation.path.split("/") if step.startswith("{")
        }


def test_the_service_is_the_one_of_botocore(model: Any) -> None:
    service = load().service
    assert service.id == model.service_id
    assert service.version == model.api_version
    assert service.protocol == model.protocol
    assert service.endpoint == model.endpoint_prefix
    assert service.signing == model.signing_name


@pytest.mark.parametrize("operation", load().operations.values(), ids=lambda each: each.name)
class TestAgainstBotocore:
    """Each operation beside botocore's model of it."""

    def test_route(self, operation: Operation, model: Any) -> None:
        http = model.operation_model(operation.name).http
        assert (operation.method, operation.path) == (http["method"], http["requestUri"])

    def test_request(self, operation: Operation, model: Any) -> None:
        theirs = model.operation_model(operation.name).input_shape
        assert_same_members(operation.request.members, theirs, operation.name)
        for place in PLACES.values():
            ours = set(getattr(operation, place))
            assert ours == {
                member.serialization.get("name", name)
                for name, member in theirs.members.items()
                if PLACES[member.serialization.get("location")] == place
            }
        tokens = {
            name
            for name, member in operation.request.members.items()
            if isinstance(member.shape, Text) and member.shape.idempotency
        }
        assert tokens == set(model.operation_model(operation.name).idempotent_members)

    def test_answer(self, operation: Operation, model: Any) -> None:
        theirs = model.operation_model(operation.name).output_shape
        assert_same_members(operation.response.members, theirs, operation.name)
        assert operation.payload == theirs.serialization.get("payload")

    def test_errors(self, operation: Operation, model: Any) -> None:
        theirs = {
            shape.name: (shape.metadata["error"]["httpStatusCode"], shape.metadata.get("retryable"))
            for shape in model.operation_model(operation.name).error_shapes
        }
        retries = {
            None: None,
            "throttling": {"throttling": True},
            "transient": {"throttling": False},
        }
        ours = {error.name: (error.status, retries[error.retry]) for error in operation.errors}
        assert ours == theirs


def assert_same_members(ours: "Mapping[str, Member]", theirs: Any, where: str) -> None:
    assert set(ours) == set(theirs.members), where
    required = {name for name, member in ours.items() if member.required}
    assert required == set(theirs.required_members), where
    for name, member in ours.items():
        assert_same_shape(member.shape, theirs.members[name], f"{where}.{name}")


def assert_same_shape(ours: Shape, theirs: Any, where: str) -> None:
    limits = (theirs.metadata.get("min"), theirs.metadata.get("max"))
    match ours:
        case Structure():
            assert theirs.type_name == "structure", where
            assert ours.union == theirs.is_tagged_union, where
            assert_same_members(ours.members, theirs, where)
        case ListOf():
            assert theirs.type_name == "list", where
            assert (ours.min_items, ours.max_items) == limits, where
            assert_same_shape(ours.item, theirs.member, f"{where}[]")
        case Text() if ours.name in STRICTER:
            assert theirs.type_name == "string", where
        case Text():
            assert theirs.type_name == "string", where
            assert (ours.min_length, ours.max_length) == limits, where
            assert list(ours.values) == theirs.metadata.get("enum", []), where
            pattern = theirs.metadata.get("pattern")
            assert (ours.pattern and ours.pattern.pattern) == pattern, where
        case Number():
            assert theirs.type_name == ours.type, where
            assert (ours.minimum, ours.maximum) == limits, where
        case Boolean() | Timestamp():
            assert theirs.type_name == type(ours).__name__.lower(), where
