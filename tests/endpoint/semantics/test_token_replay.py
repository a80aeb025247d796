"""Client tokens: what a repeated request gets, and for how long."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from reconciler.endpoint import Behavior, LocalEndpoint, Scope

pytestmark = pytest.mark.unmeasured

if TYPE_CHECKING:
    from endpoint.conftest import Client, Clock

DROP = {"egressFilter": {"type": "DROP_ALL"}}
DAY_AND_A_HALF = 129_600


def test_a_repeated_create_gets_the_first_answer(client: "Client", clock: "Clock") -> None:
    first = client.create("pay", clientToken="t", spec=DROP)
    clock.now += 10
    again = client.create("pay", clientToken="t", spec=DROP)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["x-amzn-requestid"] != first.headers["x-amzn-requestid"]


def test_a_repeated_update_has_one_effect(client: "Client") -> None:
    client.create("pay")
    replies = [client.update("pay", clientToken="t", spec=DROP).body for _ in range(3)]
    assert [reply["metadata"]["version"] for reply in replies] == [2, 2, 2]
    assert client.describe("pay").body["metadata"]["version"] == 2


def test_the_answer_outlives_the_mesh(client: "Client") -> None:
    first = client.create("pay", clientToken="t")
    client.delete("pay")
    assert client.create("pay", clientToken="t").body == first.body
    assert client.describe("pay").status == 404


def test_other_parameters_are_a_conflict(client: "Client") -> None:
    client.create("pay", clientToken="t")
    for reply in (
        client.create("pay", clientToken="t", spec=DROP),
        client.create("other", clientToken="t"),
        client.create("pay", clientToken="t", tags=[]),
        client.update("pay", clientToken="t"),
    ):
        assert reply.refusal == (409, "ConflictException")
        assert "client token" in reply.body["message"]
    assert client.describe("other").status == 404


def test_the_order_of_members_is_no_difference(client: "Client") -> None:
    item = b'{"meshName":"pay","clientToken":"t","spec":{"egressFilter":{"type":"DROP_ALL"}}}'
    two = b'{"spec":{"egressFilter":{"type":"DROP_ALL"}},"clientToken":"t","meshName":"pay"}'
    replies = [client.send("PUT", "/v20190125/meshes", body) for body in (item, two)]
    assert replies[0].body == replies[1].body


def test_a_request_without_a_token_is_not_remembered(client: "Client") -> None:
    client.create("pay")
    client.delete("pay")
    assert client.create("pay").status == 200


def test_a_refused_request_is_not_remembered(client: "Client") -> None:
    client.create("pay")
    assert client.create("pay", clientToken="t").status == 409
    client.delete("pay")
    assert client.create("pay", clientToken="t").status == 200


def test_tokens_are_case_sensitive(client: "Client") -> None:
    client.create("pay", clientToken="t")
    assert client.create("other", clientToken="T").status == 200


def test_each_world_has_its_own_memory(client: "Client") -> None:
    for signed in (("111111111111", "us-east-1"), ("111111111111", "eu-west-1"), None):
        assert client.create(str(signed), signed, clientToken="t").status == 200


@pytest.mark.parametrize(("later", "status"), [(0, 404), (0.001, 200)])
def test_a_token_is_remembered_for_its_time(
    client: "Client", clock: "Clock", later: float, status: int
) -> None:
    client.create("pay", clientToken="t")
    client.delete("pay")
    clock.now += DAY_AND_A_HALF + later
    client.create("pay", clientToken="t")
    assert client.describe("pay").status == status


def test_an_old_token_does_not_count_before_it_is_deleted(
    client_of: "Callable[[LocalEndpoint], Client]",
    new_store: "Callable[[], str | None]",
    clock: "Clock",
) -> None:
    behavior = Behavior(token_retention_seconds=5)
    with LocalEndpoint(None, store=new_store(), behavior=behavior, clock=clock) as endpoint:
        client = client_of(endpoint)
        for seconds in (0, 5, 0.001):
            clock.now += seconds
            client.delete("pay")
            client.create("pay", clientToken="t")
        assert client.describe("pay").status == 200


def test_a_write_that_is_rejected_leaves_old_tokens_to_the_next_one(
    client_of: "Callable[[LocalEndpoint], Client]",
    new_store: "Callable[[], str | None]",
    clock: "Clock",
) -> None:
    scope = Scope("123456789012", "us-east-1")
    with LocalEndpoint(None, store=new_store(), clock=clock) as endpoint:
        client = client_of(endpoint)

        def is_stored() -> bool:
            found = endpoint.state.snapshot(lambda tables: tables.find_token(scope, "t", 0))
            return found is not None

        client.create("pay", (scope.account, scope.region), clientToken="t")
        clock.now += DAY_AND_A_HALF + 1
        assert client.create("pay", (scope.account, scope.region), clientToken="u").status == 409
        assert is_stored()
        assert client.create("other", (scope.account, scope.region), clientToken="v").status == 200
        assert not is_stored()


def test_no_retention_remembers_nothing(
    client_of: "Callable[[LocalEndpoint], Client]", new_store: "Callable[[], str | None]"
) -> None:
    behavior = Behavior(token_retention_seconds=0)
    with LocalEndpoint(None, store=new_store(), behavior=behavior) as endpoint:
        client = client_of(endpoint)
        client.create("pay", clientToken="t")
        assert client.create("pay", clientToken="t").refusal == (409, "ConflictException")


@pytest.mark.parametrize(
    ("token", "status"),
    [("a", 200), ("Aa0_-" * 7 + "z", 200), ("", 400), ("a" * 37, 400), ("a b", 400), ("ä", 400)],
)
def test_what_a_token_may_be(client: "Client", token: str, status: int) -> None:
    assert client.create("pay", clientToken=token).status == status
